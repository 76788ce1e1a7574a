/* What a viewer sees and hears: decodes a peer's pictures and sound, and reads the test pattern out of them. */
#ifndef E2E_SIGHT_H
#define E2E_SIGHT_H

#include "server/avatar/test_pattern.h"
#include "test/e2e/peer.h"

typedef struct Sight Sight;

/* Decodes everything that the peer has received; every packet and picture must decode, and every picture must be a test
 * pattern whose frame number is its presentation time's, save where the server says that it was late. */
Sight *sight_open(const Peer *peer);
void sight_close(Sight **sight);

/* The newest picture. */
const VvPatternReading *sight_last(const Sight *sight);

/* Correlation of the mouth with the sound's amplitude over an utterance's frames: of the same presentation time, and
 * with the picture a frame earlier and later. */
typedef struct SightMatch {
    double now, earlier, later;
    int frames;
} SightMatch;

SightMatch sight_mouth(const Sight *sight, uint32_t utterance);

#endif
