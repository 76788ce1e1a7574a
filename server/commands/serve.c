/* visavis serve: the daemon. Reads options, opens the avatar and the server, and runs the loop until it is told to
 * stop. */
#include "server/base/log.h"
#include "server/commands/assistant.h"
#include "server/commands/avatar.h"
#include "server/commands/commands.h"
#include "server/commands/page.h"
#include "server/config.h"
#include "server/net/server.h"

#include <ev.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Settings {
    char *address, *web_root, *tls_cert, *tls_key, *token_secret_file, *token_public_file, *token_private_file,
        *origins, *log_level, *greeting;
    VvAvatarOptions avatar;
    int port, capacity, workers, max_connections, max_per_address, rate_messages, rate_kbytes, max_errors,
        resume_seconds, drain_seconds, output_kbytes;
    bool metrics_public, log_json, demo;
} Settings;

#define AT(member) offsetof(Settings, member)

static const VvOption options[] = {
    {"address", VV_OPTION_STRING, AT(address), 0, 0, "127.0.0.1", "IP", "interface to listen on; 0.0.0.0 for all"},
    {"port", VV_OPTION_INT, AT(port), 0, 65535, "8080", "N", "port to listen on; 0 for any free one"},
    {"demo", VV_OPTION_FLAG, AT(demo), 0, 0, NULL, NULL,
     "run the voice assistant inside, for the page's \"say something\""},
    {"greeting", VV_OPTION_STRING, AT(greeting), 0, 0, "Hello. Type something, and I will say it.", "TEXT",
     "what the demo's assistant says first"},
    {"web-root", VV_OPTION_STRING, AT(web_root), 0, 0, NULL, "DIR", "folder of the page; found by itself if not given"},
    VV_AVATAR_OPTIONS(Settings, avatar),
    {"width", VV_OPTION_INT, AT(avatar.width), 64, 1024, "256", "PIXELS", "width of the test pattern"},
    {"height", VV_OPTION_INT, AT(avatar.height), 64, 1024, "256", "PIXELS", "height of the test pattern"},
    {"tls-cert", VV_OPTION_STRING, AT(tls_cert), 0, 0, NULL, "FILE", "certificate chain (PEM): serve https and wss"},
    {"tls-key", VV_OPTION_STRING, AT(tls_key), 0, 0, NULL, "FILE", "its private key (PEM)"},
    {"token-secret-file", VV_OPTION_STRING, AT(token_secret_file), 0, 0, NULL, "FILE",
     "clients need tokens signed with this secret (HS256)"},
    {"token-public-file", VV_OPTION_STRING, AT(token_public_file), 0, 0, NULL, "FILE",
     "clients need tokens signed by this public key's owner (RS256)"},
    {"token-private-file", VV_OPTION_STRING, AT(token_private_file), 0, 0, NULL, "FILE",
     "the private key, only for --demo's own assistant"},
    {"origins", VV_OPTION_STRING, AT(origins), 0, 0, NULL, "LIST",
     "pages that may connect, by origin, separated by commas; \"*\" for all; the server's own if not given"},
    {"capacity", VV_OPTION_INT, AT(capacity), 0, 4096, "0", "N", "sessions at most; 0: as measured at start"},
    {"workers", VV_OPTION_INT, AT(workers), 0, 256, "0", "N", "media threads; 0: one per core"},
    {"max-connections", VV_OPTION_INT, AT(max_connections), 1, 65000, "1000", "N", "connections at most"},
    {"max-per-address", VV_OPTION_INT, AT(max_per_address), 1, 65000, "200", "N",
     "connections from one address at most"},
    {"rate-messages", VV_OPTION_INT, AT(rate_messages), 10, 1000000, "400", "N", "messages a second of one connection"},
    {"rate-kbytes", VV_OPTION_INT, AT(rate_kbytes), 64, 1000000, "8192", "N", "kilobytes a second of one connection"},
    {"max-errors", VV_OPTION_INT, AT(max_errors), 1, 1000000, "20", "N",
     "protocol errors before a connection is closed"},
    {"resume-seconds", VV_OPTION_INT, AT(resume_seconds), 1, 86400, "60", "N",
     "how long a lost connection may come back"},
    {"drain-seconds", VV_OPTION_INT, AT(drain_seconds), 0, 3600, "30", "N",
     "how long a stop waits for what is being said"},
    {"output-kbytes", VV_OPTION_INT, AT(output_kbytes), 64, 65536, "512", "N",
     "output waiting for a slow client at most"},
    {"metrics-public", VV_OPTION_FLAG, AT(metrics_public), 0, 0, NULL, NULL,
     "show /metrics to others than this machine"},
    {"log-level", VV_OPTION_STRING, AT(log_level), 0, 0, "info", "LEVEL", "debug, info, warning or error"},
    {"log-json", VV_OPTION_FLAG, AT(log_json), 0, 0, NULL, NULL, "log as JSON lines"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

typedef struct Daemon {
    Settings settings;
    struct ev_loop *loop;
    VvAvatar *avatar;
    VvServer *server;
    VvAssistant *assistant;
    ev_signal term, interrupt, hangup;
    bool stopping;
} Daemon;

/* ---- signals ---------------------------------------------------------------------------------------- */

static void on_stop(struct ev_loop *loop, ev_signal *signal, int events) {
    (void)events;
    Daemon *daemon = signal->data;
    if (daemon->stopping) {
        vv_log(VV_LOG_WARNING, "serve", "told to stop again: stopping at once");
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    daemon->stopping = true;
    vv_log(VV_LOG_INFO, "serve", "stopping: what is being said is finished first, for %d s at most",
           daemon->settings.drain_seconds);
    vv_server_drain(daemon->server);
}

static void on_hangup(struct ev_loop *loop, ev_signal *signal, int events) {
    (void)loop, (void)events;
    const Daemon *daemon = signal->data;
    if (vv_server_reload(daemon->server) == 0)
        vv_log(VV_LOG_INFO, "serve", "certificates read again");
}

static void watch_signals(Daemon *daemon) {
    signal(SIGPIPE, SIG_IGN);
    ev_signal_init(&daemon->term, on_stop, SIGTERM);
    ev_signal_init(&daemon->interrupt, on_stop, SIGINT);
    ev_signal_init(&daemon->hangup, on_hangup, SIGHUP);
    ev_signal *all[] = {&daemon->term, &daemon->interrupt, &daemon->hangup};
    for (int i = 0; i < 3; i++) {
        all[i]->data = daemon;
        ev_signal_start(daemon->loop, all[i]);
    }
}

/* systemd's notification protocol: one datagram. */
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        vv_log(VV_LOG_WARNING, "serve", "the service manager could not be told");
    close(fd);
}

/* ---- who may reach it ------------------------------------------------------------------------------- */

static bool has_key(const Settings *settings) {
    return settings->token_secret_file || settings->token_public_file;
}

static bool listens_everywhere(const Settings *settings) {
    return strcmp(settings->address, "0.0.0.0") == 0 || strcmp(settings->address, "::") == 0;
}

static bool listens_here_only(const Settings *settings) {
    return strncmp(settings->address, "127.", 4) == 0 || strcmp(settings->address, "::1") == 0;
}

/* Every connection is an open file: raises the limit as far as it goes. */
static void allow_files(int connections) {
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)connections + 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted)
        vv_log(VV_LOG_WARNING, "serve", "no more than %ld files may be open: too few for --max-connections",
               (long)limit.rlim_cur);
}

/* ---- the demo's assistant --------------------------------------------------------------------------- */

static void on_session(void *ctx, const char *session) {
    const Daemon *daemon = ctx;
    if (daemon->assistant)
        vv_assistant_join(daemon->assistant, session);
}

static int sign_for_assistant(void *ctx, const char *session, char *out, size_t size) {
    const Settings *settings = ctx;
    char why[256];
    const int status = vv_token_sign(settings->token_secret_file, settings->token_private_file, session,
                                     VV_ROLE_BACKEND, 600, out, size, why, sizeof why);
    if (status < 0)
        vv_log(VV_LOG_ERROR, "serve", "no token for the demo's assistant: %s", why);
    return status;
}

static int start_assistant(Daemon *daemon) {
    const Settings *settings = &daemon->settings;
    char url[128];
    const char *host = listens_everywhere(settings) ? "127.0.0.1" : settings->address;
    snprintf(url, sizeof url, strchr(host, ':') ? "%s://[%s]:%d/v1/session" : "%s://%s:%d/v1/session",
             settings->tls_cert ? "wss" : "ws", host, vv_server_port(daemon->server));
    const VvAssistantConfig config = {.url = url,
                                      .greeting = settings->greeting,
                                      .token = has_key(settings) ? sign_for_assistant : NULL,
                                      .ctx = &daemon->settings};
    return vv_assistant_start(&config, &daemon->assistant);
}

/* ---- running ---------------------------------------------------------------------------------------- */

static VvServerConfig server_config(Daemon *daemon, const char *web_root) {
    const Settings *s = &daemon->settings;
    return (VvServerConfig){
        .address = listens_everywhere(s) ? "" : s->address,
        .port = s->port,
        .web_root = web_root,
        .tls_cert = s->tls_cert,
        .tls_key = s->tls_key,
        .token_secret_file = s->token_secret_file,
        .token_public_file = s->token_public_file,
        .origins = s->origins,
        .max_connections = s->max_connections,
        .max_per_address = s->max_per_address,
        .rate_messages = s->rate_messages,
        .rate_bytes = s->rate_kbytes * 1024,
        .max_errors = s->max_errors,
        .metrics_public = s->metrics_public,
        .drain_patience = s->drain_seconds * VV_SECOND,
        .hub = {.avatar = daemon->avatar,
                .workers = s->workers,
                .capacity = s->capacity,
                .resume_seconds = s->resume_seconds,
                .output_bytes = s->output_kbytes * 1024},
        .created = s->demo ? on_session : NULL,
        .ctx = daemon,
    };
}

static int open_all(Daemon *daemon, char *why, size_t size) {
    const Settings *s = &daemon->settings;
    char page[PATH_MAX];
    if (!s->web_root && !vv_page_find(page))
        return snprintf(why, size, "the page's folder was not found; give --web-root"), -1;
    if (s->web_root && !vv_page_in(s->web_root))
        return snprintf(why, size, "--web-root %.200s: there is no index.html in it", s->web_root), -1;
    if (!s->tls_cert != !s->tls_key)
        return snprintf(why, size, "--tls-cert and --tls-key go together"), -1;
    if (!has_key(s) && !listens_everywhere(s) && !listens_here_only(s))
        return snprintf(why, size,
                        "without a token key only this machine may connect, and not to %.80s: give "
                        "--token-secret-file, or another --address",
                        s->address),
               -1;
    if (s->demo && s->token_public_file && !s->token_private_file)
        return snprintf(why, size, "--demo with --token-public-file needs --token-private-file too"), -1;
    allow_files(s->max_connections);
    if (vv_avatar_open(&s->avatar, &daemon->avatar, why, size) < 0)
        return -1;
    const VvServerConfig config = server_config(daemon, s->web_root ? s->web_root : page);
    if (vv_server_open(&config, daemon->loop, &daemon->server, why, size) < 0)
        return -1;
    if (s->demo && start_assistant(daemon) < 0)
        return snprintf(why, size, "the demo's voice assistant could not be started"), -1;
    return 0;
}

static void close_all(Daemon *daemon) {
    vv_assistant_stop(&daemon->assistant);
    vv_server_close(&daemon->server);
    if (daemon->avatar)
        daemon->avatar->close(&daemon->avatar);
}

static int run(Daemon *daemon) {
    char why[512] = "";
    const int level = vv_log_level(daemon->settings.log_level);
    if (level < 0) {
        fprintf(stderr, "visavis serve: --log-level must be debug, info, warning or error\n");
        return 2;
    }
    vv_log_open((VvLevel)level, daemon->settings.log_json);
    daemon->loop = ev_default_loop(EVFLAG_NOENV);
    watch_signals(daemon);
    int status = 1;
    if (open_all(daemon, why, sizeof why) == 0) {
        const int capacity = (int)vv_hub_capacity(vv_server_hub(daemon->server));
        printf("visavis: serving %s://localhost:%d (%s, up to %d sessions)\n",
               daemon->settings.tls_cert ? "https" : "http", vv_server_port(daemon->server), daemon->avatar->info.name,
               capacity);
        fflush(stdout);
        if (listens_everywhere(&daemon->settings) && !has_key(&daemon->settings))
            vv_log(VV_LOG_WARNING, "serve", "no token key is given: only this machine may connect");
        notify("READY=1");
        ev_run(daemon->loop, 0);
        notify("STOPPING=1");
        status = 0;
    }
    close_all(daemon);
    vv_log_close();
    ev_loop_destroy(daemon->loop);
    if (status)
        fprintf(stderr, "visavis serve: %s\n", why);
    return status;
}

int vv_command_serve(int argc, char **argv) {
    /* A session's buffers are large: each a mapping of its own, they go back to the system when it ends. */
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    Daemon daemon = {0};
    char why[512];
    int status = vv_options_read(options, &daemon.settings, argc, argv, why, sizeof why);
    if (status == 1) {
        printf("usage: visavis serve [OPTION]...\nServes avatars over WebSocket and the page over HTTP until SIGTERM.\n"
               "Every option is also VISAVIS_NAME in the environment.\n\n");
        vv_options_help(options);
    } else if (status == 2) {
        vv_options_sample(options);
    } else if (status < 0) {
        fprintf(stderr, "visavis serve: %s\n", why);
    }
    const int result = status == 0 ? run(&daemon) : status < 0 ? 2 : 0;
    vv_options_free(options, &daemon.settings);
    return result;
}
