"""Sheets of pictures as PNG files, without any library but zlib."""

import struct
import zlib

import numpy as np


def to_u8(picture):
    """A tensor 3 x n x n in -1..1 as u8 [n, n, 3]."""
    return ((picture.detach().float().clamp(-1, 1).permute(1, 2, 0).cpu().numpy() + 1) * 127.5 + 0.5).astype(np.uint8)


def grid(rows, columns=0):
    """Rows of pictures of one size -> one picture. `columns`: how many rows stand side by side (0: chosen)."""
    rows = [np.concatenate(row, 1) for row in rows]
    columns = columns or max(1, round((len(rows) * rows[0].shape[0] / rows[0].shape[1]) ** 0.5))
    while len(rows) % columns:
        rows.append(np.zeros_like(rows[0]))
    return np.concatenate([np.concatenate(rows[i:i + columns], 1) for i in range(0, len(rows), columns)], 0)


def write_png(path, picture):
    """u8 [h, w, 3]."""
    height, width, _ = picture.shape
    raw = b"".join(b"\0" + picture[y].tobytes() for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b""))
