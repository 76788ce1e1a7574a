"""Writes the weights of the denoiser and of the head generator for the server, and what they should give, for the tests.

    export_denoiser.py --run RUN weights/denoiser.safetensors          the smoothed weights of a run of train_denoiser.py
    export_denoiser.py --head --run RUN weights/head.safetensors       of a run of train_head.py
    export_denoiser.py --weights denoiser.safetensors --golden stages  inputs and outputs with the weights of a file
    export_denoiser.py [--head] --random 3 --tiny --golden test/golden/denoiser.safetensors
    export_denoiser.py --random 3 --model test/golden/model            a small model whose parts fit each other

Tensors are named denoiser.PART or head.PART as in denoiser.py and head.py; each block's prior is written as the table that
it amounts to. A golden file is a file of weights with inputs and outputs beside them, named golden.STAGE; they come from
the weights as stored, in f32, and from Philox's noise.
"""

import argparse
import json
import os
import sys

import numpy as np
import torch

import export_codec
import export_speech
from codec import CodecConfig
from denoiser import Denoiser, DenoiserConfig
from export import ExportError, bfloat16, from_bfloat16, read_safetensors, write_safetensors
from export_codec import commit
from head import Head, HeadConfig

# Small, and with numbers that no vector length divides; heads of an even size, as rotary positions need.
TINY = DenoiserConfig(grid=4, latent=5, width=36, heads=2, blocks=3, overlap=4, whole=1, fresh=3, speech=14, before=2, after=1,
                      bank=7, told=9, coarse=2, emotion=11, rotary=(4, 3, 2))
TINY_HEAD = HeadConfig(width=20, mixture=3, grid=4, mask=6)
# Of a whole small model: the server's frames and numbers, and widths that agree.
MODEL_CODEC = CodecConfig(grid=4, latent=5, motion=(6, 8, 12, 16), trunk=(6, 8, 10, 12, 14), maps=(4, 6, 8, 10, 12),
                          decoder=(8, 10, 12, 14, 18), residual=(1, 0, 1, 2, 1))
MODEL_DENOISER = DenoiserConfig(grid=4, latent=5, width=36, heads=2, blocks=3, speech=export_speech.TINY.width, bank=7,
                                rotary=(4, 3, 2))
TRAINING_ONLY = ("no_overlap", ".centre", ".narrowness")
STEPS = 2
SEED, WINDOW = 0x0123456789ABCDEF, 0x100000007  # of the golden noise
NOISE, HEAD_NORMAL, HEAD_CHOICE = 0, 1, 2  # numbers of the streams, as in denoiser.c and head.c


# ---- noise (kernels/kernels.h) ---------------------------------------------------------------------------------------


def philox(counter, key):
    """Philox4x32-10 of counters u64 [n, 4] (32 bits each) and a key of two words -> words [n, 4]."""
    low, c = np.uint64(0xFFFFFFFF), np.array(counter, np.uint64).T.copy()
    key = [np.uint64(k) for k in key]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = np.stack([b >> np.uint64(32) ^ c[1] ^ key[0], b & low, a >> np.uint64(32) ^ c[3] ^ key[1], a & low])
        key = [key[0] + np.uint64(0x9E3779B9) & low, key[1] + np.uint64(0xBB67AE85) & low]
    return c.T


def uniforms(seed, window, stream, count):
    """In (0, 1], [count, 4]."""
    counter = np.zeros((count, 4), np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = np.arange(count), window & 0xFFFFFFFF, window >> 32, stream
    return ((philox(counter, (seed & 0xFFFFFFFF, seed >> 32)) >> np.uint64(8)) + np.uint64(1)) / 2.0 ** 24


def normals(seed, window, stream, count):
    """Standard normal numbers, f32 [count]."""
    u = uniforms(seed, window, stream, -(-count // 4))
    radius, angle = np.sqrt(-2 * np.log(u[:, 0::2])), 2 * np.pi * u[:, 1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1)[:count].astype(np.float32)


# ---- weights ---------------------------------------------------------------------------------------------------------


def random_net(net, seed):
    """Never trained, yet every part of it does something, of about the size that training leaves."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.endswith((".centre", ".narrowness")):
                continue
            small = 0.05 if name.endswith("table") or name.startswith("modulation") else 0.5
            value.normal_(0, (small if value.dim() > 1 else 0.05) / (value.shape[-1] ** 0.5 if value.dim() > 1 else 1))
        for name, value in net.named_buffers():
            if name == "lips":  # both ends, and something between
                value.copy_(torch.rand(value.shape).mul(3).sub(1).clamp(0, 1))
            elif name.endswith("spread"):
                value.uniform_(0.5, 1.5)
            elif name.endswith("mean"):
                value.normal_(0, 0.3)
    return net


def net_of_run(folder, head):
    """The smoothed weights, and what the log says of them."""
    saved = torch.load(os.path.join(folder, "checkpoint.pt"), map_location="cpu")
    name = "head" if head else "denoiser"
    state = {k[len(name) + 1:]: v for k, v in saved["smooth"].items() if k.startswith(name + ".")}
    config = None  # of its own, if the run wrote one
    if os.path.exists(os.path.join(folder, "config.json")):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    if head:
        net = Head(HeadConfig(**config) if config else HeadConfig())
    else:
        net = Denoiser(DenoiserConfig.from_json(config) if config else DenoiserConfig())
    net.load_state_dict(state)
    metrics = {}
    with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
        for row in map(json.loads, log):
            metrics.update({k: v for k, v in row.items() if k not in ("step", "minutes", "rate", "seconds")})
    return net, {"steps": saved["step"], "minutes": round(saved["spent"] / 60, 1), "metrics": metrics}


def net_of_weights(path):
    """What is in a file; of the priors, which are there as tables only, the tables."""
    tensors, config, provenance = read_safetensors(path)
    if "head" in config:
        net, name = Head(HeadConfig(**config["head"])), "head"
    else:
        net, name = Denoiser(DenoiserConfig.from_json(config["denoiser"])), "denoiser"
    state = net.state_dict()
    for key in state:
        if not key.endswith(TRAINING_ONLY):
            state[key] = torch.from_numpy(np.array(tensors[f"{name}.{key}"], np.float32))
    net.load_state_dict(state)
    for i, block in enumerate(getattr(net, "blocks", [])):
        table = torch.from_numpy(np.array(tensors[f"denoiser.blocks.{i}.prior"]))
        block.prior = lambda table=table: table
    return net, provenance


def rounded(net):
    """Rounds the matrices to what bfloat16 holds; a golden dump then comes from the numbers that are in the file."""
    with torch.no_grad():
        for value in net.parameters():
            if value.dim() > 1:
                value.copy_(torch.from_numpy(from_bfloat16(bfloat16(value.numpy()).array)))


def name_of(net):
    return "head" if isinstance(net, Head) else "denoiser"


def packed(net, f32):
    """Matrices as bfloat16 unless `f32`, all else as f32. The head is tiny, and f32."""
    out, name = {}, name_of(net)
    learnt = dict(net.named_parameters())
    for key, value in net.state_dict().items():
        value = value.numpy().astype(np.float32)
        whole = f32 or name == "head" or value.ndim < 2 or key not in learnt
        if not key.endswith(TRAINING_ONLY):
            out[f"{name}.{key}"] = value if whole else bfloat16(value)
    for i, block in enumerate(getattr(net, "blocks", [])):
        out[f"denoiser.blocks.{i}.prior"] = block.prior().detach().numpy().astype(np.float32)
    return out


# ---- golden dumps ----------------------------------------------------------------------------------------------------


def joined(pair):
    """Keys and values [n, heads, tokens, channels] or [n, tokens, d] -> [n, tokens, 2 d]."""
    flat = [x.transpose(1, 2).flatten(2) if x.dim() == 4 else x for x in pair]
    return torch.cat(flat, -1)


@torch.no_grad()
def golden_denoiser(net, items=2):
    """Whole windows of as many items, with every stage."""
    c = net.config
    chance = torch.Generator().manual_seed(11)
    normal = lambda *shape: torch.randn(shape, generator=chance)
    given = {"overlap": normal(items, c.overlap, c.places, c.latent), "reference": normal(items, c.places, c.latent),
             "speech": normal(items, c.speech_tokens, c.speech), "coarse": normal(items, c.fresh, c.around * c.coarse),
             "emotion": torch.rand(items, c.emotion, generator=chance), "told": normal(items, c.fresh, 2 * c.told),
             "mask": torch.rand(items, c.fresh, c.places, generator=chance)}
    noise = np.stack([normals(SEED + n, WINDOW + n, NOISE, c.fresh * c.places * c.latent) for n in range(items)])
    x = torch.from_numpy(noise).reshape(items, c.fresh, c.places, c.latent)
    out = dict(given, noise=x)
    context = net.context(given["overlap"], given["reference"])
    condition = net.condition(given["speech"], given["coarse"])
    for i, (kept, (lip, far)) in enumerate(zip(context, condition)):
        out.update({f"kept.{i}": joined(kept), f"lip.{i}": joined(lip), f"far.{i}": joined(far)})
    for i in range(STEPS):
        t = torch.full((items,), 1 - i / STEPS)
        v = net.velocity(x, t, given["emotion"], given["told"], given["mask"], given["reference"], context, condition)
        out[f"velocity.{i}"], x = v, x - v / STEPS
    out["fresh"] = x
    print("velocities deviate by " + ", ".join(f"{out[f'velocity.{i}'].std():.2f}" for i in range(STEPS)), file=sys.stderr)
    return out


@torch.no_grad()
def golden_head(net, frames=40):
    """A sequence of frames, with the memory after the last, and the mask of each."""
    c = net.config
    chance = torch.Generator().manual_seed(12)
    given = torch.randn(frames, c.heard + c.emotion, generator=chance)
    before, state, made = (-net.mean / net.spread)[None], None, []
    for t in range(frames):
        uniform = torch.tensor([uniforms(SEED, t, HEAD_CHOICE, 1)[0, 0]], dtype=torch.float32)
        normal = torch.from_numpy(normals(SEED, t, HEAD_NORMAL, c.told))[None]
        before, state = net.step(before, given[t][None], state, uniform, normal)
        made.append(before[0])
    made = torch.stack(made)
    print(f"told deviates by {made.std():.2f}", file=sys.stderr)
    return {"given": given, "told": made, "memory": state.flatten(), "mask": net.mask(made[:, :6])}


def golden(net):
    stages = golden_head(net) if name_of(net) == "head" else golden_denoiser(net)
    return {f"golden.{name}": np.ascontiguousarray(value.numpy().astype(np.float32)) for name, value in stages.items()}


# ---- a whole small model ---------------------------------------------------------------------------------------------


def write_model(folder, seed):
    """All files of a folder of weights, small and never trained, and two portraits."""
    from PIL import Image

    provenance = {"commit": commit(), "random": seed}
    os.makedirs(os.path.join(folder, "characters"), exist_ok=True)
    path = lambda name: os.path.join(folder, f"{name}.safetensors")
    codec = export_codec.random_codec(MODEL_CODEC, seed)
    write_safetensors(path("codec"), export_codec.packed(codec, False), {"codec": MODEL_CODEC.to_json()}, provenance)
    speech, scale = export_speech.random_speech(export_speech.TINY, seed)
    write_safetensors(path("speech"), export_speech.packed(speech, scale), {"speech": export_speech.config_of(speech)},
                      provenance)
    for net in (random_net(Denoiser(MODEL_DENOISER), seed), random_net(Head(TINY_HEAD), seed)):
        write_safetensors(path(name_of(net)), packed(net, False), {name_of(net): net.config.to_json()}, provenance)
    for name, picture in zip(("ann", "bob"), export_codec.pictures(MODEL_CODEC.picture, 2, seed)):
        Image.fromarray(picture // 16 * 16).save(os.path.join(folder, "characters", f"{name}.png"))


# ---- the program -----------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", help="a training run's folder")
    source.add_argument("--weights", help="a file that was exported before")
    source.add_argument("--random", type=int, metavar="SEED", help="an untrained net")
    parser.add_argument("out", help="the file, or the folder, to write")
    parser.add_argument("--model", action="store_true", help="with --random: all parts of a small model, into a folder")
    parser.add_argument("--head", action="store_true", help="the head generator, not the denoiser")
    parser.add_argument("--tiny", action="store_true", help="with --random: of the tests' size")
    parser.add_argument("--f32", action="store_true", help="store f32 instead of bfloat16")
    parser.add_argument("--golden", action="store_true", help="add inputs, and the outputs of every stage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.model:
        if options.random is None:
            parser.error("--model needs --random")
        write_model(options.out, options.random)
        return
    provenance = {"commit": commit()}
    if options.run:
        net, told = net_of_run(options.run, options.head)
        provenance.update(told)
    elif options.weights:
        net, provenance = net_of_weights(options.weights)
    else:
        if options.head:
            net = Head(TINY_HEAD if options.tiny else HeadConfig())
        else:
            net = Denoiser(TINY if options.tiny else DenoiserConfig())
        random_net(net, options.random)
        provenance.update(random=options.random)
    net.eval()
    if not options.f32 and name_of(net) == "denoiser":
        rounded(net)
    tensors = packed(net, options.f32)
    if options.golden:
        tensors.update(golden(net))
    write_safetensors(options.out, tensors, {name_of(net): net.config.to_json()}, provenance)
    print(f"{options.out}: {len(tensors)} tensors, {os.path.getsize(options.out) / 1e6:.2f} MB")


if __name__ == "__main__":
    try:
        main()
    except (ExportError, OSError, KeyError) as problem:
        sys.exit(f"export_denoiser.py: {problem}")
