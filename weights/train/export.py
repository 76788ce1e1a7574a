"""Writes weights in the format that weights/vv_weights.h describes: safetensors with a config, a provenance and a
checksum. Needs numpy only; trainers hand it their tensors as numpy arrays.

    write_safetensors("nano.safetensors",
                      {"codec.in.weight": array, "codec.out.weight": bfloat16(array)},
                      config={"codec": {"width": 64}},
                      provenance={"commit": "...", "dataset_seed": 1, "steps": 40000, "metrics": {"psnr": 31.2}})

As a program:
    export.py --sample FILE     writes a small file with every type of tensor, which the tests of the C loader read
    export.py --show FILE       prints what a file holds, after checking it
"""

import argparse
import hashlib
import json
import math
import os
import sys

import numpy as np

NAME_MAX = 200  # bytes of a tensor's name
RANK_MAX = 8
HEADER_MAX = 4 << 20  # bytes
DATA_ALIGNMENT = 64  # of the data's begin in the file

# What the file calls a type, and its elements in numpy; bfloat16, which numpy lacks, travels as its bits.
TYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2"), "U8": np.dtype("u1")}


class ExportError(Exception):
    """The tensors cannot be written, or the file is not one of ours."""


class Tagged:
    """An array of bits and the type that they are of."""

    def __init__(self, array, type_name):
        self.array, self.type_name = np.asarray(array), type_name


def bfloat16(array):
    """The array rounded to bfloat16 (nearest, ties to even), ready to be written."""
    bits = np.asarray(array, "<f4").view("<u4")
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    quiet = bits >> 16 | 0x40  # rounding must not turn a NaN into an infinity
    return Tagged(np.where(np.isnan(np.asarray(array, "<f4")), quiet, rounded).astype("<u2"), "BF16")


def from_bfloat16(bits):
    return (np.asarray(bits, "<u4") << 16).view("<f4")


def in_bytes(name, matrix):
    """A matrix as bytes and its rows' scales, the two tensors that it is written as: half the size of bfloat16, and
    rounded to 1/254 of each row's largest number."""
    matrix = np.asarray(matrix, np.float32)
    scale = np.maximum(np.abs(matrix).max(1), 1e-12) / 127
    return {name: (np.rint(matrix / scale[:, None]) + 128).astype("u1"), f"{name}.scale": scale.astype("<f4")}


def of_bytes(tensors, name):
    """The matrix again, or any other tensor as it is."""
    value = np.asarray(tensors[name])
    if value.dtype != np.uint8:
        return value
    return (value.astype(np.float32) - 128) * np.asarray(tensors[f"{name}.scale"])[:, None]


def describe(name, value):
    """(type name, array of little-endian elements in C order) of one tensor."""
    if not (0 < len(name) <= NAME_MAX and all("!" <= c <= "~" for c in name)) or name == "__metadata__":
        raise ExportError(f"{name!r} is no name for a tensor")
    if isinstance(value, Tagged):
        type_name, array = value.type_name, value.array
        if type_name not in TYPES or array.dtype != TYPES[type_name].newbyteorder("="):
            raise ExportError(f"{name}: {array.dtype} does not hold {type_name}")
    else:
        array = np.asarray(value)
        found = [key for key, dtype in TYPES.items() if dtype == array.dtype.newbyteorder("<") and key != "BF16"]
        if not found:
            raise ExportError(f"{name}: {array.dtype} is not written; use float32, float16, int32, uint8 or bfloat16()")
        type_name = found[0]
    if array.ndim > RANK_MAX or array.size == 0:
        raise ExportError(f"{name}: the shape {array.shape} is empty or has too many dimensions")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ExportError(f"{name} is not finite")
    if type_name == "BF16" and not np.isfinite(from_bfloat16(array)).all():
        raise ExportError(f"{name} is not finite")
    return type_name, np.asarray(array, TYPES[type_name], order="C")


def text_of(value, what):
    if not isinstance(value, dict):
        raise ExportError(f"the {what} is not a dictionary")
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ExportError(f"the {what}: {error}") from error


def write_safetensors(path, tensors, config, provenance):
    """Writes the file at once or not at all: under another name first, then renamed over what was there. Returns the
    checksum. `tensors` maps names to arrays (float32, float16, int32, uint8) or to what bfloat16() returns."""
    described = {name: describe(name, value) for name, value in tensors.items()}
    # Large elements first: then every tensor begins at a multiple of its element's size without any gaps.
    order = sorted(described, key=lambda name: (-described[name][1].itemsize, name))
    digest, entries, offset = hashlib.sha256(), {}, 0
    for name in order:
        type_name, array = described[name]
        entries[name] = {"dtype": type_name, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        digest.update(array.tobytes())
    metadata = {
        "config": text_of(config, "config"),
        "provenance": text_of(provenance, "provenance"),
        "checksum": f"sha256:{digest.hexdigest()}",
    }
    header = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % DATA_ALIGNMENT)
    if len(header) > HEADER_MAX:
        raise ExportError(f"a header of {len(header)} bytes is too long")
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        with open(unfinished, "wb") as file:
            file.write(len(header).to_bytes(8, "little"))
            file.write(header)
            for name in order:
                file.write(described[name][1].tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise
    return digest.hexdigest()


def read_safetensors(path):
    """(tensors, config, provenance) of a file of ours, after its checksum; bfloat16 is widened to float32."""
    with open(path, "rb") as file:
        content = file.read()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(HEADER_MAX, len(content) - 8):
        raise ExportError(f"{path} is not a file of weights")
    data = content[8 + length :]
    try:
        entries = json.loads(content[8 : 8 + length])
        metadata = entries.pop("__metadata__")
        config, provenance = json.loads(metadata["config"]), json.loads(metadata["provenance"])
        checksum = metadata["checksum"]
        tensors = {}
        for name, entry in entries.items():
            begin, end = entry["data_offsets"]
            array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = from_bfloat16(array) if entry["dtype"] == "BF16" else array
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ExportError(f"{path} is not a file of weights: {error}") from error
    if checksum != f"sha256:{hashlib.sha256(data).hexdigest()}":
        raise ExportError(f"{path}: the data are not those that the checksum was made of")
    return tensors, config, provenance


def sample():
    """What test/unit/weights/export_test.c expects, value by value."""
    ramp = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    halves = np.array([0, -0.0, 1, -2.5, 65504, 2.0**-24, 2.0**-14, 1 / 3], np.float16)
    return {
        "ramp": ramp / 8 - 1,
        "turned": np.ascontiguousarray(ramp[0]).T,  # not in C order: must be written as if it were
        "half": halves,
        "brain": bfloat16(np.array([[1, -1, 1 / 3], [3.0e38, 1.0e-40, 1 + 2.0**-8]], np.float32)),
        "whole": np.array([-(2**31), -1, 0, 2**31 - 1], np.int32),
        "bytes": np.arange(7, dtype=np.uint8) * 42,
        "one": np.float32(math.pi),
    }


SAMPLE_CONFIG = {"name": "sample", "codec": {"width": 64, "rate": 0.5, "sharp": True, "sizes": [8, 16, 32]}}
SAMPLE_PROVENANCE = {"commit": "0" * 40, "dataset_seed": 7, "steps": 1200, "metrics": {"psnr": 31.25}}


def show(path):
    tensors, config, provenance = read_safetensors(path)
    for name in sorted(tensors):
        array = tensors[name]
        print(f"{name} {array.dtype} {' x '.join(map(str, array.shape)) or 'one'}")
    print(f"{len(tensors)} tensors, {sum(array.size for array in tensors.values())} elements")
    print(f"config {json.dumps(config)}\nprovenance {json.dumps(provenance)}")


def main():
    parser = argparse.ArgumentParser(description="writes and shows files of weights")
    parser.add_argument("--sample", metavar="FILE")
    parser.add_argument("--show", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.sample:
        write_safetensors(arguments.sample, sample(), SAMPLE_CONFIG, SAMPLE_PROVENANCE)
    if arguments.show:
        show(arguments.show)
    if not (arguments.sample or arguments.show):
        parser.error("nothing to do")


if __name__ == "__main__":
    try:
        main()
    except (ExportError, OSError) as problem:
        sys.exit(f"export.py: {problem}")
