/* The live user's side of a session: microphone and camera decoded, features gathered for the avatar, and what can be
 * perceived without a model: speaking, and being away. Belongs to the session's worker. */
#ifndef VV_USER_H
#define VV_USER_H

#include "protocol/vv_protocol.h"
#include "server/avatar/avatar.h"
#include "server/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct VvUser VvUser;

typedef struct VvUserNews {
    bool speaking_changed, away_changed; /* `speaking` or `away` differs from last time */
    bool bad_media;                      /* a payload could not be decoded */
    bool want_key;                       /* ask the camera for a key frame */
} VvUserNews;

/* NULL if out of memory. */
VvUser *vv_user_new(void);
void vv_user_free(VvUser **user);

/* One microphone packet. Packets missing before it are concealed. */
void vv_user_audio(VvUser *user, const VvFrameHeader *header, const uint8_t *packet, VvTime now, VvUserNews *news);

/* One camera frame; `pts` is its time on the session's media clock. After a gap in the sequence numbers frames are
 * dropped until a key frame. */
void vv_user_video(VvUser *user, const VvFrameHeader *header, const uint8_t *frame, VvTime pts, VvTime now,
                   VvUserNews *news);

/* Time passes: notices that a microphone or camera went silent. */
void vv_user_tick(VvUser *user, VvTime now, VvUserNews *news);

/* The connection that sent this user is new: sequences and codecs start over. */
void vv_user_restart(VvUser *user);

bool vv_user_speaking(const VvUser *user);
bool vv_user_away(const VvUser *user);

/* How long the user has been speaking without a pause, microseconds; 0 if silent. */
VvTime vv_user_speaking_for(const VvUser *user);

/* Fills the user's part of an item, and counts what it was given as seen. The item's pointers are valid until the next
 * call of this function; so call it only when no step uses the last one. `now_pts` is the media clock. */
void vv_user_fill(VvUser *user, VvAvatarItem *item, VvTime now, VvTime now_pts);

/* Counts since the session began. */
int64_t vv_user_camera_dropped(const VvUser *user);
int64_t vv_user_audio_lost(const VvUser *user);

#endif
