"""Latents of a dataset's pictures, by the codec's motion encoder: what the denoiser is trained on.

    OMP_WAIT_POLICY=passive python3 latents.py DATASET [--sides 0] [--threads 2]

Writes latents-SIDE.npy (frames x places x channels, float16) beside the pictures of every complete conversation that has
none yet. Every frame must have its picture (--every 1, the default of visavis-performer dataset).
"""

import argparse
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

from dataset import Dataset
from export_codec import codec_of_run, codec_of_weights
from run import threads

CODEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "codec.safetensors")
BATCH = 50


def load_codec(path=CODEC):
    codec, _ = codec_of_run(path) if os.path.isdir(path) else codec_of_weights(path)
    return codec.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def encode(codec, pictures):
    """u8 [n, h, h, 3] -> z [n, places, channels], f32."""
    out = []
    for i in range(0, len(pictures), BATCH):
        x = torch.from_numpy(np.array(pictures[i:i + BATCH])).permute(0, 3, 1, 2).float() / 127.5 - 1
        z = codec.motion(F.avg_pool2d(x.contiguous(memory_format=torch.channels_last), 2))
        out.append(z.permute(0, 2, 3, 1).flatten(1, 2).float().numpy())
    return np.concatenate(out)


def path_of(talk, side):
    return talk.path(f"latents-{side}.npy")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--codec", default=CODEC)
    parser.add_argument("--sides", type=int, nargs="+", default=[0, 1], help="0 is the avatar's, 1 the user's")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    codec = load_codec(options.codec)
    for folder in options.dataset:
        data = Dataset(folder)
        if data.every != 1:
            raise SystemExit(f"latents.py: {folder} has pictures of every {data.every}th frame only")
        for index in sorted(i for split in data.splits for i in data.indices(split)):
            for side in options.sides:
                talk = data.conversation(index)
                if os.path.exists(path_of(talk, side)):
                    continue
                began = time.time()
                z = encode(codec, talk.pictures(side))
                np.save(path_of(talk, side) + ".new.npy", z.astype(np.float16))
                os.replace(path_of(talk, side) + ".new.npy", path_of(talk, side))
                print(f"{talk.folder} side {side}: {len(z) / (time.time() - began):.0f} frames/s", flush=True)


if __name__ == "__main__":
    main()
