/* The log: slots of fixed size in a ring that many threads fill and one empties, without locks.
 *
 * Each slot has a turn: even while it is free for lap turn / 2, odd while it holds a line of that lap. A writer claims
 * the next ticket if that ticket's slot is free, fills it and flips its turn; the reader takes slots in ticket order,
 * so lines keep their order, and a writer that is preempted delays the lines behind it but loses none. */
#include "server/base/log.h"

#include "server/base/clock.h"
#include "server/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 1024u
#define LINE 496

typedef struct Slot {
    _Atomic uint64_t turn;
    VvLevel level;
    struct timespec time;
    char part[16];
    char text[LINE];
} Slot;

static Slot slots[SLOTS];
static _Atomic uint64_t tickets;
static _Atomic uint64_t dropped;
static atomic_bool running, stopping;
static VvLevel least_level = VV_LOG_INFO;
static bool as_json;
static int doorbell = -1;
static pthread_t writer;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

int vv_log_level(const char *name) {
    for (int i = 0; i < 4; i++)
        if (strcmp(level_names[i], name) == 0)
            return i;
    return -1;
}

/* ---- writing lines -------------------------------------------------------------------------------------------------
 */

/* As the inside of a JSON string, at most six bytes for one. */
static char *escape(char *at, const char *text) {
    static const char digits[] = "0123456789abcdef";
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c < 0x20) {
            for (const char *head = "\\u00"; *head; head++)
                *at++ = *head;
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        } else {
            *at++ = (char)c;
        }
    }
    return at;
}

/* A line stays one line, and moves no cursor, whatever a client sent. */
static char *blank(char *at, const char *text) {
    for (; *text; text++)
        *at++ = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    return at;
}

/* A time in UTC. By the calendar's own rules, since the C library's gmtime_r shares the time zone's state, and its
 * lock, with whoever else asks for the time of day. Years begin in March here: the leap day is then their last. */
static void put_time(char *out, size_t size, const struct timespec *time) {
    const unsigned days = (unsigned)(time->tv_sec / 86400) + 719468, seconds = (unsigned)(time->tv_sec % 86400);
    const unsigned era = days / 146097, day_of_era = days % 146097; /* of 400 years */
    const unsigned year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    const unsigned from_march = (5 * day_of_year + 2) / 153, month = from_march < 10 ? from_march + 3 : from_march - 9;
    snprintf(out, size, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", 400 * era + year + (month <= 2), month,
             day_of_year - (153 * from_march + 2) / 5 + 1, seconds / 3600, seconds / 60 % 60, seconds % 60,
             (unsigned)(time->tv_nsec / 1000000));
}

/* One write a line: standard error has no buffer, and other programs may write there too. */
static void put_line(VvLevel level, const struct timespec *time, const char *part, const char *text) {
    char stamp[80], line[6 * LINE + 256];
    put_time(stamp, sizeof stamp, time);
    char *at = line;
    if (as_json) {
        at += snprintf(at, 256, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":\"%.15s\",\"text\":\"", stamp,
                       level_names[level], part);
        at = escape(at, text);
        *at++ = '"';
        *at++ = '}';
    } else {
        at += snprintf(at, 256, "%s %-7s %-8.15s ", stamp, level_names[level], part);
        at = blank(at, text);
    }
    *at++ = '\n';
    fwrite(line, 1, (size_t)(at - line), stderr);
}

static void put_dropped(void) {
    const uint64_t count = atomic_exchange_explicit(&dropped, 0, memory_order_relaxed);
    if (!count)
        return;
    struct timespec now;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%llu lines were dropped here", (unsigned long long)count);
    put_line(VV_LOG_WARNING, &now, "log", text);
}

/* Writes all lines that are ready; returns the next ticket. */
static uint64_t put_ready(uint64_t ticket) {
    for (;; ticket++) {
        Slot *slot = &slots[ticket % SLOTS];
        const uint64_t lap = ticket / SLOTS;
        if (atomic_load_explicit(&slot->turn, memory_order_acquire) != 2 * lap + 1)
            break;
        put_dropped();
        put_line(slot->level, &slot->time, slot->part, slot->text);
        atomic_store_explicit(&slot->turn, 2 * (lap + 1), memory_order_release);
    }
    fflush(stderr);
    return ticket;
}

static void *run(void *arg) {
    (void)arg;
    /* A second opening goes on where the first one ended. */
    static uint64_t ticket;
    bool last;
    do {
        uint64_t rings;
        last = atomic_load_explicit(&stopping, memory_order_acquire);
        if (!last && read(doorbell, &rings, sizeof rings) < 0 && errno != EINTR)
            break;
        ticket = put_ready(ticket);
    } while (!last);
    put_dropped();
    fflush(stderr);
    return NULL;
}

static void ring_doorbell(void) {
    const uint64_t one = 1;
    /* Full means that it rings already. */
    if (write(doorbell, &one, sizeof one) < 0)
        return;
}

int vv_log_open(VvLevel least, bool json) {
    least_level = least;
    as_json = json;
    doorbell = eventfd(0, EFD_CLOEXEC);
    if (doorbell < 0)
        return -errno;
    atomic_store(&stopping, false);
    const int status = pthread_create(&writer, NULL, run, NULL);
    if (status) {
        close(doorbell);
        return -status;
    }
    atomic_store_explicit(&running, true, memory_order_release);
    return 0;
}

void vv_log_close(void) {
    if (!atomic_exchange(&running, false))
        return;
    atomic_store_explicit(&stopping, true, memory_order_release);
    ring_doorbell();
    pthread_join(writer, NULL);
    close(doorbell);
    doorbell = -1;
}

/* ---- logging -------------------------------------------------------------------------------------------------------
 */

/* The next free slot, or NULL if the ring is full. */
static Slot *claim(uint64_t *lap) {
    uint64_t ticket = atomic_load_explicit(&tickets, memory_order_relaxed);
    for (;;) {
        Slot *slot = &slots[ticket % SLOTS];
        *lap = ticket / SLOTS;
        const uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if (turn == 2 * *lap) {
            if (atomic_compare_exchange_weak_explicit(&tickets, &ticket, ticket + 1, memory_order_relaxed,
                                                      memory_order_relaxed))
                return slot;
        } else if (turn < 2 * *lap) {
            return NULL; /* still holds a line of the lap before */
        } else {
            ticket = atomic_load_explicit(&tickets, memory_order_relaxed);
        }
    }
}

void vv_log(VvLevel level, const char *part, const char *format, ...) {
    if (level < least_level)
        return;
    va_list args;
    va_start(args, format);
    if (!atomic_load_explicit(&running, memory_order_acquire)) {
        char text[LINE];
        struct timespec now;
        vsnprintf(text, sizeof text, format, args);
        clock_gettime(CLOCK_REALTIME, &now);
        put_line(level, &now, part, text);
        va_end(args);
        return;
    }
    uint64_t lap;
    Slot *slot = claim(&lap);
    if (slot) {
        slot->level = level;
        clock_gettime(CLOCK_REALTIME, &slot->time);
        snprintf(slot->part, sizeof slot->part, "%s", part);
        vsnprintf(slot->text, sizeof slot->text, format, args);
        atomic_store_explicit(&slot->turn, 2 * lap + 1, memory_order_release);
        ring_doorbell();
    } else {
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
        vv_count(VV_COUNTER_LOG_DROPPED, 1);
    }
    va_end(args);
}
