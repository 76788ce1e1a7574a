/* The log's ring and its writer.
 *
 * Many threads write, one thread (the writer) reads. Slots carry a turn number, as in Dmitry Vyukov's bounded queue:
 * slot i may be filled by the one whose ticket equals its turn, and read when its turn is one more. A thread takes a
 * ticket with a compare-and-swap and never waits for another thread: if the slot is not free the line is dropped. A
 * thread that is preempted between ticket and turn holds up the reader, not the writers. */
#include "server/base/log.h"

#include "server/base/clock.h"
#include "server/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 1024u /* a power of two */
#define TEXT_MAX 480
#define LINE_MAX_BYTES (TEXT_MAX * 6 + 256) /* every byte escaped, and the rest of the line */

typedef struct Slot {
    atomic_uint_fast64_t turn;
    struct timespec time;
    VvLevel level;
    uint16_t size;
    char part[12];
    char text[TEXT_MAX];
} Slot;

static struct {
    Slot slots[SLOTS];
    _Alignas(64) atomic_uint_fast64_t ticket; /* next to fill */
    _Alignas(64) uint64_t next;               /* next to read; the writer's own */
    atomic_uint_fast64_t dropped;             /* since the last line that fitted */
    atomic_int least;
    atomic_bool open;
    atomic_bool stop;
    bool json;
    sem_t filled;
    pthread_t writer;
} ring = {.least = VV_LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

int vv_log_level(const char *name) {
    for (int i = VV_LOG_DEBUG; i <= VV_LOG_ERROR; i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

/* ---- one line ------------------------------------------------------------------------------------------ */

static void put_time(char *out, size_t room, const struct timespec *time) {
    struct tm utc;
    char date[32];
    gmtime_r(&time->tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, room, "%s.%06uZ", date, (unsigned)(time->tv_nsec / 1000) % 1000000);
}

/* As the inside of a JSON string. Bytes that are no UTF-8 are passed on as they are. */
static size_t put_escaped(char *out, const char *text, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char *at = out;
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(at, "\\u00", 4);
            at[4] = digits[c >> 4];
            at[5] = digits[c & 15];
            at += 6;
        } else {
            *at++ = (char)c;
        }
    }
    return (size_t)(at - out);
}

/* Text lines show control characters as '?': a line stays one line, whatever a client sent. */
static size_t put_plain(char *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    return size;
}

static size_t put_line(char *out, bool json, const Slot *slot) {
    char time[48];
    put_time(time, sizeof time, &slot->time);
    const char *level = level_names[slot->level];
    int head;
    size_t size;
    if (json) {
        head = snprintf(out, LINE_MAX_BYTES, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":\"%s\",\"message\":\"", time,
                        level, slot->part);
        size = (size_t)head + put_escaped(out + head, slot->text, slot->size);
        memcpy(out + size, "\"}\n", 3);
        return size + 3;
    }
    head = snprintf(out, LINE_MAX_BYTES, "%s %-7s %s: ", time, level, slot->part);
    size = (size_t)head + put_plain(out + head, slot->text, slot->size);
    out[size] = '\n';
    return size + 1;
}

static void write_all(const char *line, size_t size) {
    while (size > 0) {
        const ssize_t written = write(STDERR_FILENO, line, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody reads it: there is no better place to say so */
        line += written;
        size -= (size_t)written;
    }
}

__attribute__((format(printf, 4, 0))) static void fill(Slot *slot, VvLevel level, const char *part, const char *format,
                                                       va_list arguments) {
    clock_gettime(CLOCK_REALTIME, &slot->time);
    slot->level = level;
    snprintf(slot->part, sizeof slot->part, "%s", part);
    const int size = vsnprintf(slot->text, sizeof slot->text, format, arguments);
    slot->size = (uint16_t)(size < 0 ? 0 : size < TEXT_MAX ? size : TEXT_MAX - 1);
}

__attribute__((format(printf, 4, 5))) static void fill_line(Slot *slot, VvLevel level, const char *part,
                                                            const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(slot, level, part, format, arguments);
    va_end(arguments);
}

/* ---- the ring ------------------------------------------------------------------------------------------ */

/* A slot to fill, or NULL if the ring is full. */
static Slot *take(uint64_t *ticket) {
    uint64_t mine = atomic_load_explicit(&ring.ticket, memory_order_relaxed);
    for (;;) {
        Slot *slot = &ring.slots[mine % SLOTS];
        /* Acquire: the reader has finished with the slot's last line. */
        const uint64_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if (turn < mine)
            return NULL; /* a lap behind: not read yet */
        if (turn > mine)
            mine = atomic_load_explicit(&ring.ticket, memory_order_relaxed); /* another thread was faster */
        else if (atomic_compare_exchange_weak_explicit(&ring.ticket, &mine, mine + 1, memory_order_relaxed,
                                                       memory_order_relaxed)) {
            *ticket = mine;
            return slot;
        }
    }
}

/* Writes the oldest line, if it is complete. */
static bool write_next(void) {
    char line[LINE_MAX_BYTES];
    Slot *slot = &ring.slots[ring.next % SLOTS];
    if (atomic_load_explicit(&slot->turn, memory_order_acquire) != ring.next + 1)
        return false;
    const size_t size = put_line(line, ring.json, slot);
    atomic_store_explicit(&slot->turn, ring.next + SLOTS, memory_order_release);
    ring.next++;
    write_all(line, size);
    return true;
}

static void write_dropped(void) {
    const uint64_t lines = atomic_exchange_explicit(&ring.dropped, 0, memory_order_relaxed);
    if (!lines)
        return;
    char line[LINE_MAX_BYTES];
    Slot slot;
    fill_line(&slot, VV_LOG_WARNING, "log", "%llu lines dropped", (unsigned long long)lines);
    write_all(line, put_line(line, ring.json, &slot));
}

static void *run_writer(void *unused) {
    while (!atomic_load_explicit(&ring.stop, memory_order_acquire)) {
        while (sem_wait(&ring.filled) && errno == EINTR)
            ;
        while (write_next())
            ;
        write_dropped();
    }
    while (write_next())
        ;
    write_dropped();
    return unused;
}

/* ---- the interface ------------------------------------------------------------------------------------- */

int vv_log_open(VvLevel least, bool json) {
    if (atomic_load(&ring.open))
        return -EALREADY;
    atomic_store(&ring.least, (int)least);
    atomic_store(&ring.ticket, 0);
    atomic_store(&ring.stop, false);
    atomic_store(&ring.dropped, 0);
    ring.next = 0;
    ring.json = json;
    for (uint64_t i = 0; i < SLOTS; i++)
        atomic_store(&ring.slots[i].turn, i);
    if (sem_init(&ring.filled, 0, 0))
        return -errno;
    const int error = pthread_create(&ring.writer, NULL, run_writer, NULL);
    if (error) {
        sem_destroy(&ring.filled);
        return -error;
    }
    atomic_store(&ring.open, true);
    return 0;
}

void vv_log_close(void) {
    if (!atomic_exchange(&ring.open, false))
        return;
    atomic_store_explicit(&ring.stop, true, memory_order_release);
    sem_post(&ring.filled);
    pthread_join(ring.writer, NULL);
    sem_destroy(&ring.filled);
}

void vv_log(VvLevel level, const char *part, const char *format, ...) {
    if ((int)level < atomic_load_explicit(&ring.least, memory_order_relaxed))
        return;
    va_list arguments;
    va_start(arguments, format);
    uint64_t ticket;
    if (!atomic_load_explicit(&ring.open, memory_order_acquire)) {
        char line[LINE_MAX_BYTES];
        Slot slot;
        fill(&slot, level, part, format, arguments);
        write_all(line, put_line(line, false, &slot));
    } else {
        Slot *slot = take(&ticket);
        if (slot) {
            fill(slot, level, part, format, arguments);
            atomic_store_explicit(&slot->turn, ticket + 1, memory_order_release);
        } else {
            atomic_fetch_add_explicit(&ring.dropped, 1, memory_order_relaxed);
            vv_count(VV_COUNTER_LOG_DROPPED, 1);
        }
        sem_post(&ring.filled);
    }
    va_end(arguments);
}
