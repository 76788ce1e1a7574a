/* `visavis assistant`: joins one session as backend. With --say it speaks, tells what happens, and exits. */
#include "server/commands/assistant/line.h"
#include "server/commands/assistant/voice.h"
#include "server/commands/commands.h"
#include "server/config.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_BYTES 8192

typedef struct Command {
    struct ev_loop *loop;
    VvClients *clients;
    VvLine *line;
    const char *say; /* --say: NULL, "-", or the text */
    bool from_input; /* standard input is read, and has not ended */
    ev_io input;     /* stopped while the queue is full */
    ev_signal interrupt, terminate;
    char text[INPUT_BYTES]; /* of standard input: the line that is not complete yet */
    size_t text_size;
    bool interrupted;
    char why[600];
} Command;

typedef struct Settings {
    char *url, *session, *token, *greeting, *say;
    int patience;
    bool auto_interrupt, insecure;
} Settings;

#define AT(member) offsetof(Settings, member)

static const VvOption options[] = {
    {"url", VV_OPTION_STRING, AT(url), 0, 0, "ws://localhost:8080/v1/session", "URL", "the daemon"},
    {"session", VV_OPTION_STRING, AT(session), 0, 0, "demo", "NAME", "the session to join"},
    {"token", VV_OPTION_STRING, AT(token), 0, 0, NULL, "TOKEN", "for the backend's role, if the daemon asks for one"},
    {"greeting", VV_OPTION_STRING, AT(greeting), 0, 0, NULL, "TEXT", "said when it has joined"},
    {"say", VV_OPTION_STRING, AT(say), 0, 0, NULL, "TEXT",
     "say TEXT, print what happens, exit when it was played (to a viewer: without one it waits); - says the lines of "
     "standard input as they come"},
    {"auto-interrupt", VV_OPTION_FLAG, AT(auto_interrupt), 0, 0, NULL, NULL,
     "the session interrupts by itself when the user speaks over the avatar"},
    {"patience", VV_OPTION_INT, AT(patience), 0, 86400, "60", "SECONDS", "for which a lost connection is tried again"},
    {"insecure", VV_OPTION_FLAG, AT(insecure), 0, 0, NULL, NULL, "wss: take any certificate"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

/* ---- standard input -------------------------------------------------------------------------------------- */

/* Says the complete lines that were read, as long as there is room for a line's sentences. */
static void say_lines(Command *command) {
    size_t at = 0;
    while (at < command->text_size && vv_talk_room(vv_line_talk(command->line)) >= VV_TALK_QUEUE / 2) {
        const char *begin = command->text + at, *end = memchr(begin, '\n', command->text_size - at);
        bool whole = end || !command->from_input || (at == 0 && command->text_size == INPUT_BYTES);
        if (!whole)
            break;
        size_t size = end ? (size_t)(end - begin) : command->text_size - at;
        vv_line_say(command->line, begin, size);
        at += size + (end ? 1 : 0);
    }
    memmove(command->text, command->text + at, command->text_size - at);
    command->text_size -= at;
}

static bool all_said(const Command *command) {
    return command->say && !command->from_input && !command->text_size && vv_talk_idle(vv_line_talk(command->line));
}

static void on_input(struct ev_loop *loop, ev_io *io, int events) {
    (void)events;
    Command *command = io->data;
    ssize_t got = read(io->fd, command->text + command->text_size, INPUT_BYTES - command->text_size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        command->from_input = false;
        ev_io_stop(loop, io);
    } else {
        command->text_size += (size_t)got;
    }
    say_lines(command);
    if (command->text_size == INPUT_BYTES)
        ev_io_stop(loop, io); /* no room: goes on when sentences were said */
    if (all_said(command))
        vv_line_hang_up(command->line);
}

/* ---- the line's callbacks -------------------------------------------------------------------------------- */

static bool begins(const char *text, size_t size, const char *head) {
    return size >= strlen(head) && memcmp(text, head, strlen(head)) == 0;
}

/* What happens, as it was told; the regular figures are left out. */
static void print_event(void *user, const char *text, size_t size) {
    Command *command = user;
    if (!command->say)
        return;
    if (!begins(text, size, "{\"type\":\"stats\"") && !begins(text, size, "{\"type\":\"pong\"")) {
        fwrite(text, 1, size, stdout);
        putchar('\n');
        fflush(stdout);
    }
    if (command->text_size || command->from_input) {
        say_lines(command);
        if (command->from_input && command->text_size < INPUT_BYTES)
            ev_io_start(command->loop, &command->input);
    }
}

static void on_idle(void *user) {
    Command *command = user;
    if (all_said(command))
        vv_line_hang_up(command->line);
}

static void on_over(void *user, VvLine *line, const char *why) {
    (void)line;
    Command *command = user;
    if (why)
        snprintf(command->why, sizeof command->why, "%s", why);
    ev_break(command->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events) {
    (void)loop;
    (void)events;
    Command *command = signal->data;
    command->interrupted = true;
    vv_line_hang_up(command->line);
    ev_signal_stop(loop, signal); /* a second one ends the program at once */
}

/* ---- the command ----------------------------------------------------------------------------------------- */

/* Runs until the line is over. */
static void converse(Command *command) {
    ev_signal_init(&command->interrupt, on_signal, SIGINT);
    ev_signal_init(&command->terminate, on_signal, SIGTERM);
    command->interrupt.data = command->terminate.data = command;
    ev_signal_start(command->loop, &command->interrupt);
    ev_signal_start(command->loop, &command->terminate);
    ev_io_init(&command->input, on_input, STDIN_FILENO, EV_READ);
    command->input.data = command;
    if (command->say && strcmp(command->say, "-") == 0) {
        command->from_input = true;
        fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
        ev_io_start(command->loop, &command->input);
    } else if (command->say) {
        vv_line_say(command->line, command->say, strlen(command->say));
        if (all_said(command))
            vv_line_hang_up(command->line); /* nothing in it to say */
    }
    ev_run(command->loop, 0);
    ev_io_stop(command->loop, &command->input);
    ev_signal_stop(command->loop, &command->interrupt);
    ev_signal_stop(command->loop, &command->terminate);
}

/* What the program's exit status says. */
static int verdict(const Command *command) {
    VvTalkCounts counts = vv_talk_counts(vv_line_talk(command->line));
    if (command->why[0])
        fprintf(stderr, "visavis assistant: %s\n", command->why);
    if (!command->say)
        return command->why[0] ? 1 : 0;
    uint64_t missed = counts.interrupted + counts.refused + counts.lost;
    if (missed)
        fprintf(stderr, "visavis assistant: of %llu sentences %llu were not played to their end\n",
                (unsigned long long)counts.said + missed, (unsigned long long)missed);
    return all_said(command) && !missed && !command->interrupted ? 0 : 1;
}

static int assist(const Settings *settings) {
    Command command = {.loop = EV_DEFAULT, .say = settings->say};
    VvLineConfig config = {.loop = command.loop,
                           .url = settings->url,
                           .session = settings->session,
                           .token = settings->token,
                           .greeting = settings->greeting,
                           .echo = !settings->say,
                           .auto_interrupt = settings->auto_interrupt,
                           .insecure = settings->insecure,
                           .patience = settings->patience,
                           .outlive_session = true,
                           .text = print_event,
                           .idle = on_idle,
                           .over = on_over,
                           .user = &command};
    int status = 1;
    if (vv_voice_open()) {
        fprintf(stderr, "visavis assistant: flite has no voice here; `visavis doctor` says more\n");
        return status;
    }
    command.clients = config.clients = vv_clients_open(command.loop);
    command.line = command.clients ? vv_line_open(&config) : NULL;
    if (command.line) {
        converse(&command);
        status = verdict(&command);
    } else {
        fprintf(stderr, "visavis assistant: cannot connect to %s\n", config.url);
    }
    vv_clients_close(&command.clients);
    vv_line_free(&command.line);
    vv_voice_close();
    return status;
}

int vv_command_assistant(int argc, char **argv) {
    Settings settings = {0};
    char why[512];
    int status = vv_options_read(options, &settings, argc, argv, why, sizeof why);
    if (status > 0) {
        printf("usage: visavis assistant [OPTION]...\n"
               "Joins a session as backend and says aloud what the viewer types. With --say the exit status is 0 only\n"
               "if all of it was played.\n\n");
        vv_options_help(options);
        status = 0;
    } else if (status < 0) {
        fprintf(stderr, "visavis assistant: %s\n", why);
        status = 2;
    } else {
        status = assist(&settings);
    }
    vv_options_free(options, &settings);
    return status;
}
