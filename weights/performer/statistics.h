/* What performers do, counted the way observers count people, so that it can be held against the literature. */
#ifndef VV_STATISTICS_H
#define VV_STATISTICS_H

#include "weights/performer/dialogue.h"

#include <stdio.h>

enum { VV_STATISTICS_DELAYS = 20000 };

typedef struct VvStatistics {
    int conversations;
    double minutes; /* of each side, both together */
    double speaking_minutes, listening_minutes;
    long blinks_speaking, blinks_listening;
    double looking_speaking, looking_listening; /* minutes of looking at the other, while speaking, while listening */
    double mutual_minutes;                      /* both look */
    long points_low, points_other;              /* backchannel points after low pitch; other pauses */
    long nods_low, nods_other;                  /* of them followed by a nod within a second */
    long nods;                                  /* of listeners */
    long nods_elsewhere;                        /* listeners' nods that follow no point */
    double elsewhere_seconds;                   /* listening time that follows no point */
    long smiles, smiles_answered;               /* within 1.5 s */
    float smile_delay[VV_STATISTICS_DELAYS];    /* seconds */
    int smile_delays;
    float gap[VV_STATISTICS_DELAYS]; /* between speakers, seconds, negative is overlap */
    int gaps;
    long utterances, cut;
} VvStatistics;

/* Counts a conversation in. */
void vv_statistics_add(VvStatistics *statistics, const VvConversation *conversation);

/* What share of `values` lies below `limit`; and the value below which `share` of them lie (sorts them). */
float vv_share_below(const float *values, int count, float limit);
float vv_quantile(float *values, int count, float share);

/* Pearson's correlation of the speaker's smile with the listener's `delay` seconds later, over the frames in which
 * `listener` of conversation `c` does not speak. The speaker's side is taken from `other`, which is the same
 * conversation or, to see whether the listener depends on it, another. Adds to the sums; vv_correlation tells. */
typedef struct VvCorrelation {
    double n, x, y, xx, yy, xy;
} VvCorrelation;
void vv_smile_correlation(VvCorrelation *sums, const VvConversation *c, const VvConversation *other, int listener,
                          float delay);
double vv_correlation(const VvCorrelation *sums);

/* Prints the table of docs/performer.md. */
void vv_statistics_print(VvStatistics *statistics, FILE *out);

/* The subcommand `statistics`: makes conversations and prints the table. */
int vv_statistics_command(int argc, char **argv);

#endif
