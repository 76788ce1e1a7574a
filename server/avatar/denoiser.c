/* The denoiser's outside: teams, their memory, and a window's way to the graph and back. */
#include "server/avatar/denoiser.h"

#include "server/avatar/denoiser_graph.h"
#include "server/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NOISE 0 /* number of the noise that windows begin with */

struct VvDenoiser {
    VvDenoiserNet net;
    VvDenoiserInfo info;
    VvLinear *to_z; /* (reference + dz) to z: * spread + reference_mean, channel by channel */
};

typedef struct Member {
    VvTokens fresh, kept; /* its rows */
    VvArena arena;
    VvDenoiserInput input;
    VvTensor overlap; /* of several items, as it comes: its older frames and its newest ones go different ways */
    VvTensor mask;    /* f32 [n, tokens, 1]: part of input.given */
    VvTensor scratch;
    size_t end; /* of the inputs in the arena; the graph takes what it needs behind it */
    size_t bytes, scratch_bytes;
    VvStream *stream;
    VvRecording *recording; /* the walk, where the table records and the team has one member */
} Member;

struct VvDenoiserTeam {
    VvDenoiser *denoiser;
    int members, batch;
    VvArena arena;
    VvDenoiserShared shared;
    VvBarrier barrier;
    bool met; /* the barrier is open */
    Member *member;
    VvDenoiserTimes times;
    VvDenoiserWatch *watch;
    void *watch_ctx;
};

/* ---- the denoiser ------------------------------------------------------------------------------------------------ */

static void describe(VvDenoiser *d) {
    const VvDenoiserSizes *s = &d->net.size;
    d->info = (VvDenoiserInfo){.grid = s->grid,
                               .latent = s->latent,
                               .places = s->places,
                               .overlap = s->overlap,
                               .fresh = s->fresh,
                               .before = s->before,
                               .after = s->after,
                               .speech = s->speech,
                               .speech_tokens = s->heard,
                               .told = s->told,
                               .coarse = s->coarse,
                               .around = s->around,
                               .emotion = s->emotion,
                               .parameters = d->net.parameters,
                               .spread = d->net.spread,
                               .reference_mean = d->net.reference_mean};
    for (int i = 0; i < s->told; i++)
        d->info.told_spread[i] = d->net.told_spread[i];
}

static VvKernelStatus open_to_z(VvDenoiser *d) {
    const int latent = d->net.size.latent;
    float *weights = calloc((size_t)latent * (size_t)latent, sizeof *weights);
    if (!weights)
        return VV_KERNEL_MEMORY;
    for (int i = 0; i < latent; i++)
        weights[i * latent + i] = d->net.spread[i];
    const VvLinearSpec spec = {.in = latent, .out = latent, .weights = weights, .bias = d->net.reference_mean};
    const VvKernelStatus status = d->net.kernels->linear_open(&spec, &d->to_z);
    free(weights);
    return status;
}

int vv_denoiser_open(const VvWeights *weights, const VvKernels *kernels, int steps, VvDenoiser **denoiser,
                     VvModelProblem *problem) {
    VvModelProblem unwanted;
    VvDenoiser *d = calloc(1, sizeof *d);
    problem = problem ? problem : &unwanted;
    *denoiser = NULL;
    *problem = (VvModelProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    if (!d)
        return -ENOMEM;
    int error = -EINVAL;
    if (steps < 1 || steps > VV_DENOISER_STEPS_MAX) {
        *problem = (VvModelProblem){.kernels = VV_KERNEL_SHAPE};
        snprintf(problem->text, sizeof problem->text, "there cannot be %d steps of the flow: 1 to %d", steps,
                 VV_DENOISER_STEPS_MAX);
        goto fail;
    }
    error = vv_denoiser_net_open(weights, kernels, steps, &d->net, problem);
    if (error)
        goto fail;
    describe(d);
    const VvKernelStatus status = open_to_z(d);
    if (status != VV_KERNEL_OK) {
        *problem = (VvModelProblem){.kernels = status};
        snprintf(problem->text, sizeof problem->text, "the denoiser on %s: %s", kernels->name,
                 vv_kernel_status_text(status));
        error = status == VV_KERNEL_MEMORY ? -ENOMEM : -ENOTSUP;
        goto fail;
    }
    *problem = (VvModelProblem){0};
    *denoiser = d;
    return 0;

fail:
    vv_denoiser_close(&d);
    return error;
}

void vv_denoiser_close(VvDenoiser **denoiser) {
    if (!*denoiser)
        return;
    if ((*denoiser)->to_z)
        (*denoiser)->net.kernels->linear_close(&(*denoiser)->to_z);
    vv_denoiser_net_close(&(*denoiser)->net);
    free(*denoiser);
    *denoiser = NULL;
}

const VvDenoiserInfo *vv_denoiser_info(const VvDenoiser *denoiser) {
    return &denoiser->info;
}

/* ---- teams ------------------------------------------------------------------------------------------------------- */

/* Where member `i`'s tokens begin. Products like their rows in sixteens. */
static int begins(int tokens, int members, int i) {
    const int unit = tokens / 16 >= members ? 16 : 1;
    return i == members ? tokens : tokens * i / members / unit * unit;
}

static VvTokens share(int tokens, int members, int i) {
    const int first = begins(tokens, members, i);
    return (VvTokens){first, begins(tokens, members, i + 1) - first};
}

static VvDenoiserPass pass_of(VvDenoiserTeam *team, int member, VvArena *arena, const VvDenoiserInput *input) {
    const Member *m = &team->member[member];
    return (VvDenoiserPass){.net = &team->denoiser->net,
                            .shared = &team->shared,
                            .input = input,
                            .arena = arena,
                            .barrier = &team->barrier,
                            .batch = team->batch,
                            .member = member,
                            .members = team->members,
                            .fresh = m->fresh,
                            .kept = m->kept};
}

/* Every token is given its reference's latents, the same in every frame, and the head mask there. */
static void give(VvDenoiserPass *pass, VvTensor mask) {
    const VvKernels *k = pass->net->kernels;
    const VvDenoiserSizes *s = &pass->net->size;
    const VvTensor given = pass->input->given, latents = vv_tensor_channels(given, 0, s->latent);
    const VvTensor reference =
        vv_tensor(pass->input->reference.data, VV_F32, k->device, 3, (const int[]){pass->batch, s->places, s->latent});
    for (int i = 0; i < s->fresh && pass->stream && pass->status == VV_KERNEL_OK; i++)
        pass->status = k->insert(pass->stream, i * s->places, reference, (VvTensor){0}, latents);
    if (pass->stream && pass->status == VV_KERNEL_OK)
        pass->status = k->convert(pass->stream, mask, vv_tensor_channels(given, s->latent, 1));
}

static void walk(VvDenoiserPass *pass, VvDenoiserTeam *team) {
    const bool timed = pass->stream && pass->member == 0;
    const VvTime begin = timed ? vv_thread_cpu() : 0;
    give(pass, team->member[pass->member].mask);
    vv_denoiser_graph_context(pass);
    const VvTime context = timed ? vv_thread_cpu() : 0;
    vv_denoiser_graph_condition(pass);
    const VvTensor base = vv_denoiser_graph_base(pass);
    const VvTime condition = timed ? vv_thread_cpu() : 0;
    for (int i = 0; i < pass->net->steps; i++)
        vv_denoiser_graph_step(pass, base, i);
    if (timed)
        team->times = (VvDenoiserTimes){context - begin, condition - context, vv_thread_cpu() - condition};
}

/* What a member is given, on the device. */
static void take_inputs(VvDenoiserTeam *team, Member *m, VvArena *arena) {
    const VvDenoiserSizes *s = &team->denoiser->net.size;
    m->input = vv_denoiser_input_take(arena, &team->denoiser->net, team->batch);
    if (team->batch > 1)
        m->overlap = vv_arena_take(arena, VV_F32, 2, (const int[]){team->batch, s->overlap * s->places * s->latent});
    m->mask = vv_arena_take(arena, VV_F32, 3, (const int[]){team->batch, s->tokens, 1});
}

/* Walks the graph once for a member, and learns what it needs. */
static VvKernelStatus plan(VvDenoiserTeam *team, int member) {
    Member *m = &team->member[member];
    VvArena arena = vv_arena_plan(team->denoiser->net.kernels);
    take_inputs(team, m, &arena);
    VvDenoiserPass pass = pass_of(team, member, &arena, &m->input);
    pass.scratch = &m->scratch_bytes;
    walk(&pass, team);
    if (team->members == 1 && pass.status == VV_KERNEL_OK) {
        const VvTensor x = team->shared.x;
        pass.status = team->denoiser->net.kernels->linear_plan(team->denoiser->to_z, x, x, &m->scratch_bytes);
    }
    m->bytes = arena.peak;
    return pass.status == VV_KERNEL_OK && arena.failed ? VV_KERNEL_MEMORY : pass.status;
}

static VvKernelStatus open_member(VvDenoiserTeam *team, int member) {
    Member *m = &team->member[member];
    const VvDenoiserNet *net = &team->denoiser->net;
    const VvDenoiserSizes *s = &net->size;
    m->fresh = share(s->tokens, team->members, member);
    m->kept = share(s->kept, team->members, member);
    VvKernelStatus status = plan(team, member);
    if (status == VV_KERNEL_OK)
        status = vv_arena_open(&m->arena, net->kernels, m->bytes + m->scratch_bytes + VV_ARENA_ALIGN);
    if (status != VV_KERNEL_OK)
        return status;
    const int scratch = (int)m->scratch_bytes;
    if (scratch)
        m->scratch = vv_arena_take(&m->arena, VV_U8, 1, &scratch);
    take_inputs(team, m, &m->arena);
    m->end = m->arena.used;
    return net->kernels->stream_open(m->scratch, &m->stream);
}

static VvKernelStatus open_shared(VvDenoiserTeam *team) {
    const VvDenoiserNet *net = &team->denoiser->net;
    VvArena counting = vv_arena_plan(net->kernels);
    vv_denoiser_shared_take(&counting, net, team->batch);
    if (counting.failed)
        return VV_KERNEL_MEMORY;
    const VvKernelStatus status = vv_arena_open(&team->arena, net->kernels, counting.peak);
    if (status == VV_KERNEL_OK)
        team->shared = vv_denoiser_shared_take(&team->arena, net, team->batch);
    return status;
}

VvKernelStatus vv_denoiser_team_open(VvDenoiser *denoiser, int members, int batch, VvDenoiserTeam **team) {
    const VvDenoiserSizes *s = &denoiser->net.size;
    *team = NULL;
    if (members < 1 || members > VV_DENOISER_MEMBERS_MAX || members > s->tokens || members > s->kept || batch < 1 ||
        batch > VV_DENOISER_BATCH_MAX || (members > 1 && batch > 1))
        return VV_KERNEL_SHAPE;
    VvDenoiserTeam *t = calloc(1, sizeof *t);
    if (!t)
        return VV_KERNEL_MEMORY;
    t->denoiser = denoiser;
    t->members = members;
    t->batch = batch;
    t->member = calloc((size_t)members, sizeof *t->member);
    t->met = vv_barrier_open(&t->barrier, members) == 0;
    VvKernelStatus status = t->member && t->met ? open_shared(t) : VV_KERNEL_MEMORY;
    for (int i = 0; i < members && status == VV_KERNEL_OK; i++)
        status = open_member(t, i);
    if (status == VV_KERNEL_OK)
        *team = t;
    else
        vv_denoiser_team_close(&t);
    return status;
}

void vv_denoiser_team_close(VvDenoiserTeam **team) {
    VvDenoiserTeam *t = *team;
    *team = NULL;
    if (!t)
        return;
    for (int i = 0; t->member && i < t->members; i++) {
        if (t->member[i].recording)
            t->denoiser->net.kernels->recording_close(&t->member[i].recording);
        t->denoiser->net.kernels->stream_close(&t->member[i].stream);
        vv_arena_close(&t->member[i].arena);
    }
    vv_arena_close(&t->arena);
    if (t->met)
        vv_barrier_close(&t->barrier);
    free(t->member);
    free(t);
}

size_t vv_denoiser_team_bytes(const VvDenoiserTeam *team) {
    size_t bytes = team->arena.size;
    for (int i = 0; i < team->members; i++)
        bytes += team->member[i].arena.size;
    return bytes;
}

void vv_denoiser_watch(VvDenoiserTeam *team, VvDenoiserWatch *watch, void *ctx) {
    team->watch = watch;
    team->watch_ctx = ctx;
}

VvDenoiserTimes vv_denoiser_times(const VvDenoiserTeam *team) {
    return team->times;
}

/* ---- a window ---------------------------------------------------------------------------------------------------- */

static void upload(VvDenoiserPass *pass, const void *host, VvTensor dst) {
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->upload(pass->stream, host, dst);
}

static void convert(VvDenoiserPass *pass, VvTensor src, VvTensor dst) {
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->convert(pass->stream, src, dst);
}

/* A tensor's numbers, seen as a row for each item. */
static VvTensor by_item(const VvDenoiserPass *pass, VvTensor all) {
    return vv_tensor(all.data, all.type, all.device, 2,
                     (const int[]){pass->batch, (int)vv_tensor_count(all) / pass->batch});
}

/* The overlap's older frames and its newest ones go different ways: of one item at once, of several on the device. */
static void upload_overlap(VvDenoiserPass *pass, const Member *m, const float *overlap) {
    const VvDenoiserInput *in = pass->input;
    if (pass->batch == 1) {
        upload(pass, overlap, in->old);
        upload(pass, overlap + vv_tensor_count(in->old), in->newest);
        return;
    }
    const VvTensor old = by_item(pass, in->old), newest = by_item(pass, in->newest);
    upload(pass, overlap, m->overlap);
    convert(pass, vv_tensor_channels(m->overlap, 0, old.shape[1]), old);
    convert(pass, vv_tensor_channels(m->overlap, old.shape[1], newest.shape[1]), newest);
}

static void upload_inputs(VvDenoiserPass *pass, const Member *m, const VvDenoiserWindow *w) {
    const VvDenoiserInput *in = pass->input;
    upload_overlap(pass, m, w->overlap);
    upload(pass, w->reference, in->reference);
    if (w->tokens.rank)
        convert(pass, w->tokens, in->speech);
    else
        upload(pass, w->speech, in->speech);
    upload(pass, w->coarse, in->coarse);
    upload(pass, w->emotion, in->emotion);
    upload(pass, w->told, in->told);
    upload(pass, w->mask, m->mask);
}

/* The member's rows of the result. */
static void download(VvDenoiserPass *pass, float *fresh) {
    const VvTensor x = vv_denoiser_rows(pass->shared->x, pass->fresh);
    if (pass->status == VV_KERNEL_OK)
        pass->status = pass->net->kernels->download(pass->stream, x,
                                                    fresh + (size_t)pass->fresh.first * (size_t)pass->net->size.latent);
}

/* The latents as the codec is shown them. They have come down before: x is changed. */
static void make_z(VvDenoiserPass *pass, const VvDenoiserTeam *team, VvTensor z) {
    const VvKernels *k = pass->net->kernels;
    const VvTensor x = team->shared.x, reference = vv_tensor_channels(pass->input->given, 0, pass->net->size.latent);
    const VvTensor rows = vv_tensor(z.data, z.type, z.device, x.rank, x.shape);
    if (pass->status == VV_KERNEL_OK)
        pass->status = k->add(pass->stream, x, reference, x);
    if (pass->status == VV_KERNEL_OK)
        pass->status = k->linear(pass->stream, team->denoiser->to_z, x, (VvTensor){0}, rows);
}

static bool fits(const VvDenoiserTeam *team, VvTensor z) {
    const VvDenoiserSizes *s = &team->denoiser->net.size;
    return !z.rank || (team->members == 1 && vv_tensor_is_dense(z) &&
                       vv_tensor_is(z, VV_F32, 4, (const int[]){team->batch * s->fresh, s->grid, s->grid, s->latent}));
}

/* The walk on a device: recorded the first time, then replayed. */
static void walk_device(VvDenoiserPass *pass, VvDenoiserTeam *team, Member *m) {
    const VvKernels *kernels = pass->net->kernels;
    if (!m->recording && pass->status == VV_KERNEL_OK) {
        pass->status = kernels->record(pass->stream);
        if (pass->status != VV_KERNEL_OK)
            return;
        walk(pass, team);
        const VvKernelStatus status = kernels->recorded(pass->stream, &m->recording);
        if (pass->status == VV_KERNEL_OK)
            pass->status = status;
        else if (m->recording)
            kernels->recording_close(&m->recording);
    }
    if (pass->status == VV_KERNEL_OK)
        pass->status = kernels->replay(pass->stream, m->recording);
    team->times = (VvDenoiserTimes){0}; /* the device's time is none of the processor's */
}

VvKernelStatus vv_denoiser_run(VvDenoiserTeam *team, int member, const VvDenoiserWindow *window) {
    Member *m = &team->member[member];
    VvDenoiserPass pass = pass_of(team, member, &m->arena, &m->input);
    pass.stream = m->stream;
    pass.watch = team->members == 1 ? team->watch : NULL;
    pass.watch_ctx = team->watch_ctx;
    if (!fits(team, window->z))
        return VV_KERNEL_SHAPE;
    vv_arena_rewind(&m->arena, m->end);
    upload_inputs(&pass, m, window);
    vv_denoiser_meet(&pass); /* others may be at the end of the window before, and read what is written now */
    if (member == team->members - 1 && pass.status == VV_KERNEL_OK)
        pass.status = pass.net->kernels->noise(pass.stream, window->seeds, window->windows, NOISE, team->shared.x);
    if (pass.net->kernels->record && team->members == 1 && !pass.watch)
        walk_device(&pass, team, m);
    else
        walk(&pass, team);
    download(&pass, window->fresh);
    if (window->z.rank)
        make_z(&pass, team, window->z);
    const VvKernelStatus status = pass.net->kernels->wait(pass.stream);
    return pass.status != VV_KERNEL_OK ? pass.status : status;
}
