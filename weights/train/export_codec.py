"""Writes the portrait codec's weights for the server, and what they should give, for the tests of the code that runs them.

    export_codec.py --run RUN --dataset FOLDER codec.safetensors    the smoothed weights of a training run
    export_codec.py --weights codec.safetensors --golden stages     every stage of a decode with the weights of a file
    export_codec.py --random 3 --tiny --golden test/golden/codec.safetensors

Tensors are named codec.PART.LAYER, as in codec.py, without what only training needs. A golden file is a file of weights
with inputs and outputs beside them, named golden.STAGE, channels last; they come from the weights as stored, in f32.
"""

import argparse
import json
import os
import subprocess
import sys

import numpy as np
import torch
from torch.nn import functional as F

import stills
from codec import Codec, CodecConfig, FLOW_SCALE, warp
from dataset import Dataset, DatasetError
from export import ExportError, bfloat16, from_bfloat16, read_safetensors, write_safetensors

# Small, and with numbers that no vector length divides.
TINY = CodecConfig(grid=3, latent=5, motion=(6, 8, 12, 16), trunk=(6, 8, 10, 12, 14), maps=(4, 6, 8, 10, 12),
                   decoder=(8, 10, 12, 14, 18), residual=(1, 0, 1, 2, 1))
TRAINING_ONLY = ("decoder.preview.",)
FLOWS = ("decoder.flow16.", "decoder.flow32.", "decoder.flow64.")


def random_codec(config, seed):
    """A codec that was never trained, yet every part of it does something: also flow, which begins at zero."""
    torch.manual_seed(seed)
    codec = Codec(config)
    with torch.no_grad():
        for name, value in codec.named_parameters():
            fan = value[0].numel()
            if name.startswith(FLOWS):  # a few pixels at most, whatever the size
                value.normal_(0, 0.2 / fan ** 0.5 if value.dim() > 1 else 0.02)
            elif value.dim() == 1:
                value.normal_(0, 0.1)
            elif ".b." in name:
                value.normal_(0, 0.4 / fan ** 0.5)
            else:
                value.normal_(0, ((0.3 if name.startswith("decoder.out.") else 2.0) / fan) ** 0.5)
    return codec


def codec_of_run(folder):
    """The smoothed weights, and what the log says of them."""
    saved = torch.load(os.path.join(folder, "checkpoint.pt"), map_location="cpu")
    codec = Codec()
    codec.load_state_dict({k[len("codec."):]: v for k, v in saved["smooth"].items() if k.startswith("codec.")})
    metrics = {}
    with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
        for row in map(json.loads, log):
            metrics.update({k: v for k, v in row.items() if k.startswith(("psnr_", "unseen_")) or k == "psnr"})
    return codec, {"steps": saved["step"], "minutes": round(saved["spent"] / 60, 1), "metrics": metrics}


def codec_of_weights(path):
    tensors, config, provenance = read_safetensors(path)
    codec = Codec(CodecConfig.from_json(config["codec"]))
    state = codec.state_dict()
    for name in stored_names(codec):
        state[name] = torch.from_numpy(np.array(tensors[f"codec.{name}"], np.float32))
    codec.load_state_dict(state)
    return codec, provenance


def stored_names(codec):
    return [name for name in codec.state_dict() if not name.startswith(TRAINING_ONLY)]


def rounded(codec):
    """Rounds the weights to what bfloat16 holds; a golden dump then comes from the numbers that are in the file."""
    with torch.no_grad():
        for value in codec.parameters():
            value.copy_(torch.from_numpy(from_bfloat16(bfloat16(value.numpy()).array)))


def packed(codec, f32):
    out = {}
    for name in stored_names(codec):
        value = codec.state_dict()[name].numpy()
        out[f"codec.{name}"] = value.astype(np.float32) if f32 or value.ndim == 1 else bfloat16(value)
    return out


# ---- golden dumps ----------------------------------------------------------------------------------------------------


def pictures(size, count, seed):
    """Smooth pictures, full of colours and slopes: u8 [count, size, size, 3]."""
    chance = np.random.default_rng(seed)
    ys, xs = np.mgrid[0:size, 0:size] / size
    out = np.empty((count, size, size, 3), np.uint8)
    for one in out:
        for c in range(3):
            fy, fx, phase = chance.uniform(0.5, 2.5, 6), chance.uniform(0.5, 2.5, 6), chance.uniform(0, 6.3, 6)
            waves = np.sin(6.2832 * (fy * ys[..., None] + fx * xs[..., None]) + phase).mean(-1)
            one[..., c] = np.clip(127.5 + 220 * waves, 0, 255)
    return out


def faces(folder):
    """Portraits and frames of two people of a data set that the codec was not trained on."""
    persons = stills.people(folder, "valid")
    if len(persons) < 2:
        raise DatasetError(f"{folder} has no pictures of two people for validation")
    one, other = persons[0].pictures, persons[-1].pictures
    return np.stack([one[0], other[0]]), np.stack([other[len(other) // 2], one[len(one) // 2]])


def last(x):
    """Channels last, as numpy."""
    return np.ascontiguousarray(x.detach().float().permute(0, 2, 3, 1).numpy())


@torch.no_grad()
def golden(codec, portraits, frames):
    """Of two portraits, and two frames that are shown by the second and the first of them."""
    seen, hooks, which = {}, [], [1, 0]

    def keep(name, layer):
        hooks.append(layer.register_forward_hook(lambda module, args, out: seen.__setitem__(name, out.detach())))

    decoder = codec.decoder
    for i in range(5):
        keep(f"h.{i}", decoder.block[i])
    for name in ("flow16", "flow32", "out"):
        keep(name, getattr(decoder, name))
    net = lambda u8: torch.from_numpy(u8).permute(0, 3, 1, 2).float() / 127.5 - 1
    maps = codec.appearance(net(portraits))
    z, z0 = [codec.motion(F.avg_pool2d(net(u8), 2)) for u8 in (frames, portraits)]
    frame, mask, final, _ = decoder(z, z0[which], [m[which] for m in maps], net(portraits)[which])
    for hook in hooks:
        hook.remove()
    flow = [F.pixel_shuffle(seen["flow16"], 4) * FLOW_SCALE]
    flow.append(flow[0] + F.pixel_shuffle(seen["flow32"], 2) * FLOW_SCALE)
    flow.append(final)
    out = {"portraits": portraits, "frames": frames, "which": np.array(which, np.int32), "z": last(z), "z0": last(z0)}
    out.update({f"maps.{i}": last(m) for i, m in enumerate(maps)})
    out.update({f"h.{i}": last(seen[f"h.{i}"]) for i in range(5)})
    out.update({f"flow.{3 - i}": last(f) for i, f in enumerate(flow)})
    out["painted"] = last(seen["out"]).astype(np.float16)
    out["decoded"] = last((frame + 1) * 127.5).astype(np.float16)  # to 1/16 of a pixel's step
    moved = flow[-1][:, :2].abs().amax().item() * codec.config.picture / 2
    changed = (warp(net(portraits)[which], flow[-1], False) - net(portraits)[which]).abs().mean().item() * 127.5
    print(f"flow up to {moved:.1f} pixels, the warp changes a pixel by {changed:.1f}; mask {mask.min().item():.2f} to "
          f"{mask.max().item():.2f}; z deviates by {z.std().item():.2f}", file=sys.stderr)
    return {f"golden.{name}": value for name, value in out.items()}


# ---- the program -----------------------------------------------------------------------------------------------------


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    found = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", help="a training run's folder")
    source.add_argument("--weights", help="a file that was exported before")
    source.add_argument("--random", type=int, metavar="SEED", help="an untrained codec")
    parser.add_argument("out")
    parser.add_argument("--dataset", action="append", default=[], metavar="FOLDER",
                        help="what the run was trained on, for the provenance (may be given again); golden pictures are taken "
                        "from the first, or made up without any")
    parser.add_argument("--tiny", action="store_true", help="with --random: of the tests' size")
    parser.add_argument("--f32", action="store_true", help="store f32 instead of bfloat16")
    parser.add_argument("--golden", action="store_true", help="add inputs, and the outputs of every stage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    provenance = {"commit": commit()}
    if options.run:
        codec, told = codec_of_run(options.run)
        provenance.update(told, dataset_seed=[Dataset(folder).seed for folder in options.dataset])
    elif options.weights:
        codec, provenance = codec_of_weights(options.weights)
    else:
        codec = random_codec(TINY if options.tiny else CodecConfig(), options.random)
        provenance.update(random=options.random)
    codec.eval()
    if not options.f32:
        rounded(codec)
    tensors = packed(codec, options.f32)
    if options.golden:
        size = codec.config.picture
        inputs = faces(options.dataset[0]) if options.dataset else (pictures(size, 2, 5), pictures(size, 2, 6))
        tensors.update(golden(codec, *inputs))
    write_safetensors(options.out, tensors, {"codec": codec.config.to_json()}, provenance)
    print(f"{options.out}: {len(tensors)} tensors, {os.path.getsize(options.out) / 1e6:.2f} MB")


if __name__ == "__main__":
    try:
        main()
    except (ExportError, DatasetError, OSError, KeyError) as problem:
        sys.exit(f"export_codec.py: {problem}")
