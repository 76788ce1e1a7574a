/* The elements of WebM that are read, with the bits of their ids that say how long these are. Internal to this folder.
 */
#ifndef VV_WEBM_IDS_H
#define VV_WEBM_IDS_H

enum {
    WEBM_EBML = 0x1A45DFA3,
    WEBM_EBML_MAX_ID = 0x42F2,
    WEBM_EBML_MAX_SIZE = 0x42F3,
    WEBM_DOC_TYPE = 0x4282,
    WEBM_SEGMENT = 0x18538067,
    WEBM_INFO = 0x1549A966,
    WEBM_TIMESTAMP_SCALE = 0x2AD7B1,
    WEBM_TRACKS = 0x1654AE6B,
    WEBM_TRACK = 0xAE,
    WEBM_TRACK_NUMBER = 0xD7,
    WEBM_TRACK_TYPE = 0x83,
    WEBM_CODEC = 0x86,
    WEBM_CODEC_PRIVATE = 0x63A2,
    WEBM_ENCODINGS = 0x6D80,
    WEBM_VIDEO = 0xE0,
    WEBM_WIDTH = 0xB0,
    WEBM_HEIGHT = 0xBA,
    WEBM_COLOUR = 0x55B0,
    WEBM_MATRIX = 0x55B1,
    WEBM_RANGE = 0x55B9,
    WEBM_AUDIO = 0xE1,
    WEBM_CHANNELS = 0x9F,
    WEBM_CLUSTER = 0x1F43B675,
    WEBM_TIMESTAMP = 0xE7,
    WEBM_SIMPLE_BLOCK = 0xA3,
    WEBM_BLOCK_GROUP = 0xA0,
    WEBM_BLOCK = 0xA1
};

#endif
