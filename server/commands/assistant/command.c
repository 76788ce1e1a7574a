/* `visavis assistant`: joins one session as backend. With --say it speaks, tells what happens, and exits. */
#include "server/commands/assistant.h"
#include "server/commands/assistant/line.h"
#include "server/commands/assistant/voice.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <getopt.h>
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

static const char usage[] =
    "Usage: visavis assistant [OPTION]...\n"
    "Joins a session as backend and says aloud what the viewer types.\n"
    "\n"
    "  --url URL          the daemon (ws://localhost:8080/v1/session)\n"
    "  --session NAME     the session to join (demo)\n"
    "  --token TOKEN      a token for the backend's role, if the daemon asks for one\n"
    "  --greeting TEXT    said when it has joined (nothing)\n"
    "  --say TEXT         say TEXT, print what happens, and exit when it was played; \"-\" says the lines of\n"
    "                     standard input as they come. Exit status 0 only if all of it was played\n"
    "  --auto-interrupt   the session interrupts by itself when the user speaks over the avatar\n"
    "  --patience SECONDS for which a lost connection is tried again (60)\n"
    "  --insecure         wss: take any certificate\n"
    "  --help\n";

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

static void print_event(void *user, const char *text, size_t size) {
    Command *command = user;
    if (!command->say)
        return;
    fwrite(text, 1, size, stdout);
    putchar('\n');
    fflush(stdout);
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

static int parse(int argc, char **argv, Command *command, VvLineConfig *config) {
    enum { URL = 1, SESSION, TOKEN, GREETING, SAY, AUTO, PATIENCE, INSECURE, HELP };
    static const struct option options[] = {{"url", required_argument, NULL, URL},
                                            {"session", required_argument, NULL, SESSION},
                                            {"token", required_argument, NULL, TOKEN},
                                            {"greeting", required_argument, NULL, GREETING},
                                            {"say", required_argument, NULL, SAY},
                                            {"auto-interrupt", no_argument, NULL, AUTO},
                                            {"patience", required_argument, NULL, PATIENCE},
                                            {"insecure", no_argument, NULL, INSECURE},
                                            {"help", no_argument, NULL, HELP},
                                            {0}};
    char *end;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case URL:
            config->url = optarg;
            break;
        case SESSION:
            config->session = optarg;
            break;
        case TOKEN:
            config->token = optarg;
            break;
        case GREETING:
            config->greeting = optarg;
            break;
        case SAY:
            command->say = optarg;
            break;
        case AUTO:
            config->auto_interrupt = true;
            break;
        case PATIENCE:
            config->patience = (int)strtol(optarg, &end, 10);
            if (*end || end == optarg || config->patience < 0 || config->patience > 86400) {
                fprintf(stderr, "visavis assistant: --patience is a number of seconds\n");
                return 2;
            }
            break;
        case INSECURE:
            config->insecure = true;
            break;
        case HELP:
            fputs(usage, stdout);
            return -1;
        default:
            fprintf(stderr, "Try 'visavis assistant --help'.\n");
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "visavis assistant: what is '%s'? Text to say comes after --say.\n", argv[optind]);
        return 2;
    }
    return 0;
}

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
                (unsigned long long)(counts.said + missed), (unsigned long long)missed);
    return all_said(command) && !missed && !command->interrupted ? 0 : 1;
}

int vv_command_assistant(int argc, char **argv) {
    Command command = {.loop = EV_DEFAULT};
    VvLineConfig config = {.loop = command.loop,
                           .url = "ws://localhost:8080/v1/session",
                           .session = "demo",
                           .echo = true,
                           .patience = 60,
                           .outlive_session = true,
                           .text = print_event,
                           .idle = on_idle,
                           .over = on_over,
                           .user = &command};
    int status = parse(argc, argv, &command, &config);
    if (status)
        return status < 0 ? 0 : status;
    config.echo = !command.say;
    status = 1;
    if (vv_voice_open()) {
        fprintf(stderr, "visavis assistant: flite has no voice here; `visavis doctor` says more\n");
        return status;
    }
    command.clients = vv_clients_open(command.loop);
    config.clients = command.clients;
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
