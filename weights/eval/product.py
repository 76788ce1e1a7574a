"""Frames of the product's own: what `visavis render` makes of a clip, read from the Y4M file that it writes."""

import os
import subprocess
import tempfile

import numpy as np

import sounds

BATCH = 16  # frames


def shell_error(program, result):
    return RuntimeError(f"{program} render: {result.stderr.strip().splitlines()[-1:] or result.returncode}")


def to_rgb(y, u, v):
    """Planes of BT.709, limited range, chroma of half size -> u8 [h, w, 3]."""
    u, v = (np.repeat(np.repeat(plane.astype(np.float32) - 128, 2, 0), 2, 1) for plane in (u, v))
    y = (y.astype(np.float32) - 16) * (255 / 219)
    rgb = np.stack([y + 1.79274 * v, y - 0.21325 * u - 0.53291 * v, y + 2.11240 * u], -1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def read_y4m(path):
    """Frames of a 4:2:0 clip, one by one, u8 [h, w, 3]."""
    with open(path, "rb") as file:
        head = file.readline().split()
        form = {word[:1]: word[1:].decode() for word in head[1:]}
        width, height = int(form[b"W"]), int(form[b"H"])
        if head[0] != b"YUV4MPEG2" or not form.get(b"C", "420").startswith("420"):
            raise ValueError(f"{path} is no 4:2:0 clip")
        size = width * height
        while file.readline().startswith(b"FRAME"):
            planes = np.frombuffer(file.read(size * 3 // 2), np.uint8)
            if len(planes) != size * 3 // 2:
                raise ValueError(f"{path} is not whole")
            u, v = (planes[size + i * size // 4:size + (i + 1) * size // 4].reshape(height // 2, -1) for i in range(2))
            yield to_rgb(planes[:size].reshape(height, width), u, v)


def render(program, clip, arguments=()):
    """What `program` shows of a clip, in batches u8 [some, h, h, 3], as many frames as the clip has. The file lives in the
    temporary folder (TMPDIR) and is gone afterwards: 100 kB a frame."""
    with tempfile.TemporaryDirectory() as folder:
        sound, out = os.path.join(folder, "said.wav"), os.path.join(folder, "shown.y4m")
        sounds.write_wav(sound, clip.pcm)
        command = [program, "render", "--speech", sound, "--character", clip.character, "--seed", str(clip.seed),
                   "--out", out, "--quiet", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise shell_error(program, result)
        batch, left = [], clip.frames
        for picture in read_y4m(out):
            if left == 0:
                break
            batch.append(picture)
            left -= 1
            if len(batch) == BATCH or left == 0:
                yield np.stack(batch)
                batch = []
        if left:
            raise ValueError(f"{clip.name}: {left} frames are missing")
