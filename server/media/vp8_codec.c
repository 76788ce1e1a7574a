/* VP8 by libvpx.
 *
 * libvpx decodes damaged data into damaged pictures without a word, and allocates whatever size a frame's head asks
 * for. So the head is read here first, and after anything doubtful nothing is shown until a key frame comes. */
#include "server/media/vp8_codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

enum { SIZE_LEAST = 16, SIZE_MOST = 4096 };

struct VvVp8Encoder {
    vpx_codec_ctx_t codec;
    bool open;
    vpx_codec_enc_cfg_t config;
    vpx_codec_pts_t frames; /* encoded so far; the clock of the rate control */
};

struct VvVp8Decoder {
    vpx_codec_ctx_t codec;
    bool open;
    bool waiting; /* for a key frame */
    bool take_hidden;
    int width, height;
};

static int error_of(vpx_codec_err_t error) {
    switch (error) {
    case VPX_CODEC_OK:
        return 0;
    case VPX_CODEC_MEM_ERROR:
        return -ENOMEM;
    case VPX_CODEC_INVALID_PARAM:
        return -EINVAL;
    case VPX_CODEC_UNSUP_BITSTREAM:
    case VPX_CODEC_UNSUP_FEATURE:
    case VPX_CODEC_CORRUPT_FRAME:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

/* ---- encoding ------------------------------------------------------------------------------------------- */

static int configure(vpx_codec_enc_cfg_t *config, int width, int height, int fps, int kbps) {
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), config, 0))
        return -EIO;
    config->g_w = (unsigned)width;
    config->g_h = (unsigned)height;
    config->g_timebase = (vpx_rational_t){1, fps};
    config->g_threads = 1;
    config->g_lag_in_frames = 0;
    config->g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = (unsigned)kbps;
    config->rc_min_quantizer = 4;
    config->rc_max_quantizer = 56;
    config->rc_buf_sz = 600; /* milliseconds at the target rate, as the two below */
    config->rc_buf_initial_sz = 300;
    config->rc_buf_optimal_sz = 400;
    config->kf_mode = VPX_KF_DISABLED; /* only when asked for */
    return 0;
}

VvVp8Encoder *vv_vp8_encoder_new(int width, int height, int fps, int kbps) {
    if (width < SIZE_LEAST || height < SIZE_LEAST || width > SIZE_MOST || height > SIZE_MOST || fps < 1 || kbps < 1)
        return NULL;
    VvVp8Encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return NULL;
    if (configure(&encoder->config, width, height, fps, kbps) ||
        vpx_codec_enc_init(&encoder->codec, vpx_codec_vp8_cx(), &encoder->config, 0))
        goto error;
    encoder->open = true;
    /* Negative speeds are the real-time ones; positive values would let the encoder watch the clock and choose. */
    if (vpx_codec_control(&encoder->codec, VP8E_SET_CPUUSED, -6) ||
        vpx_codec_control(&encoder->codec, VP8E_SET_STATIC_THRESHOLD, 1))
        goto error;
    return encoder;
error:
    vv_vp8_encoder_free(&encoder);
    return NULL;
}

void vv_vp8_encoder_free(VvVp8Encoder **encoder) {
    if (*encoder) {
        if ((*encoder)->open)
            vpx_codec_destroy(&(*encoder)->codec);
        free(*encoder);
        *encoder = NULL;
    }
}

int vv_vp8_encoder_rate(VvVp8Encoder *encoder, int kbps) {
    if (kbps < 1)
        return -EINVAL;
    encoder->config.rc_target_bitrate = (unsigned)kbps;
    return error_of(vpx_codec_enc_config_set(&encoder->codec, &encoder->config));
}

static vpx_image_t image_of(const VvPicture *picture) {
    vpx_image_t image;
    vpx_img_wrap(&image, VPX_IMG_FMT_I420, (unsigned)picture->width, (unsigned)picture->height, 1, picture->plane[0]);
    for (int p = 0; p < 3; p++) {
        image.planes[p] = picture->plane[p];
        image.stride[p] = picture->stride[p];
    }
    return image;
}

int vv_vp8_encode(VvVp8Encoder *encoder, const VvPicture *picture, bool key, const uint8_t **data, size_t *size,
                  bool *is_key) {
    *data = NULL;
    *size = 0;
    *is_key = false;
    if (picture->width != (int)encoder->config.g_w || picture->height != (int)encoder->config.g_h)
        return -EINVAL;
    const vpx_image_t image = image_of(picture);
    const vpx_codec_err_t error =
        vpx_codec_encode(&encoder->codec, &image, encoder->frames++, 1, key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME);
    if (error)
        return error_of(error);
    vpx_codec_iter_t at = NULL;
    const vpx_codec_cx_pkt_t *packet;
    while ((packet = vpx_codec_get_cx_data(&encoder->codec, &at))) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        *data = packet->data.frame.buf;
        *size = packet->data.frame.sz;
        *is_key = packet->data.frame.flags & VPX_FRAME_IS_KEY;
    }
    return 0;
}

/* ---- a frame's head -------------------------------------------------------------------------------------- */

/* RFC 6386, 9.1: three bytes of tag (bit 0: not a key frame; 1 to 3: version; 4: shown; the rest: size of the first
 * partition); key frames go on with a start code and twice 14 bits of size under 2 bits of scaling. */
typedef struct Head {
    bool key, shown;
    size_t first_partition;
    int bytes; /* of the head */
    int width, height;
} Head;

static int read_head(const uint8_t *data, size_t size, Head *head) {
    if (size < 3)
        return -EBADMSG;
    const unsigned tag = data[0] | (unsigned)data[1] << 8 | (unsigned)data[2] << 16;
    *head = (Head){.key = !(tag & 1), .shown = tag >> 4 & 1, .first_partition = tag >> 5, .bytes = 3};
    if ((tag >> 1 & 7) > 3)
        return -EBADMSG;
    if (head->key) {
        if (size < 10 || data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a)
            return -EBADMSG;
        head->bytes = 10;
        head->width = (data[6] | data[7] << 8) & 0x3fff;
        head->height = (data[8] | data[9] << 8) & 0x3fff;
        if (head->width == 0 || head->height == 0)
            return -EBADMSG;
    }
    return head->first_partition == 0 || head->first_partition > size - (size_t)head->bytes ? -EBADMSG : 0;
}

bool vv_vp8_is_key(const uint8_t *data, size_t size, int *width, int *height) {
    Head head;
    if (read_head(data, size, &head) || !head.key)
        return false;
    if (width)
        *width = head.width;
    if (height)
        *height = head.height;
    return true;
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

VvVp8Decoder *vv_vp8_decoder_new(void) {
    VvVp8Decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    decoder->waiting = true;
    const vpx_codec_dec_cfg_t config = {.threads = 1};
    if (vpx_codec_dec_init(&decoder->codec, vpx_codec_vp8_dx(), &config, 0))
        vv_vp8_decoder_free(&decoder);
    else
        decoder->open = true;
    return decoder;
}

void vv_vp8_decoder_free(VvVp8Decoder **decoder) {
    if (*decoder) {
        if ((*decoder)->open)
            vpx_codec_destroy(&(*decoder)->codec);
        free(*decoder);
        *decoder = NULL;
    }
}

void vv_vp8_decoder_take_hidden(VvVp8Decoder *decoder) {
    decoder->take_hidden = true;
}

/* Decodes a frame whose head has been accepted. */
static int decode(VvVp8Decoder *decoder, const uint8_t *data, size_t size, bool shown, VvPicture *picture) {
    const vpx_codec_err_t error = vpx_codec_decode(&decoder->codec, data, (unsigned)size, NULL, 0);
    if (error)
        return error == VPX_CODEC_MEM_ERROR ? -ENOMEM : -EBADMSG;
    vpx_codec_iter_t at = NULL;
    const vpx_image_t *image = vpx_codec_get_frame(&decoder->codec, &at);
    int corrupted = 0;
    if (vpx_codec_control(&decoder->codec, VP8D_GET_FRAME_CORRUPTED, &corrupted) || corrupted)
        return -EBADMSG;
    if (!image)
        return shown ? -EBADMSG : 0;
    picture->width = (int)image->d_w;
    picture->height = (int)image->d_h;
    for (int p = 0; p < 3; p++) {
        picture->plane[p] = image->planes[p];
        picture->stride[p] = image->stride[p];
    }
    return 0;
}

int vv_vp8_decode(VvVp8Decoder *decoder, const uint8_t *data, size_t size, int max_width, int max_height,
                  VvPicture *picture) {
    Head head;
    *picture = (VvPicture){0};
    int error = size > UINT_MAX ? -EBADMSG : read_head(data, size, &head);
    if (!error && !head.shown && !decoder->take_hidden)
        error = -EBADMSG;
    if (!error && head.key) {
        decoder->width = head.width;
        decoder->height = head.height;
    } else if (!error && decoder->waiting) {
        return -EAGAIN;
    }
    if (!error && (decoder->width > max_width || decoder->height > max_height))
        error = -EFBIG;
    if (!error)
        error = decode(decoder, data, size, head.shown, picture);
    decoder->waiting = error != 0;
    return error;
}
