"""Tests of what times PyTorch beside the CUDA engine: on the processor, with small sizes; speaks TAP. Needs PyTorch."""

import dataclasses
import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import torch

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path += [os.path.join(ROOT, *folder) for folder in (("weights", "eval"), ("test", "unit"))]
import gpu_compare  # noqa: E402
import gpu_pieces  # noqa: E402
import gpu_window  # noqa: E402
import tap  # noqa: E402

MODEL = os.path.join(ROOT, "test", "golden", "model")
PROGRAM = os.path.join(ROOT, "weights", "eval", "gpu_compare.py")


def program(*arguments, **environment):
    return subprocess.run([sys.executable, "-B", PROGRAM, "--weights", MODEL, *arguments], capture_output=True, text=True,
                          env={**os.environ, **environment}, check=False)


def measured(jobs, seconds):
    """What `measure` returns, prints and says."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        good = gpu_compare.measure(jobs, seconds)
    return good, out.getvalue().splitlines(), said.getvalue()


def every_piece_is_as_it_is_defined():
    for piece in gpu_pieces.pieces(1):
        near = gpu_compare.NEAR_BYTES if piece.name.startswith("blend") else gpu_compare.NEAR[torch.float32]
        off = gpu_pieces.apart(piece, "cpu", torch.float32)
        assert off <= near, f"{piece.name}: {off}"


def a_piece_that_is_wrong_anywhere_is_found():
    piece = next(p for p in gpu_pieces.pieces(1) if p.name == "norm")
    for bad in (0.5, float("nan"), float("inf")):
        def call(h, y, scale):
            out = gpu_pieces.norm(h, y, scale)
            out[-1, -1, -1] += bad
            return out
        off = gpu_pieces.apart(dataclasses.replace(piece, call=call), "cpu", torch.float32)
        with redirect_stderr(io.StringIO()) as said:
            assert not gpu_compare.is_near("norm", off, gpu_compare.NEAR[torch.bfloat16])
        assert "not timed" in said.getvalue()


def the_mask_of_the_lips_decides_who_hears_what():
    """Where it is 0 the lips' keys may be anything, where it is 1 the context's."""
    given = list(gpu_pieces.decoupled_inputs(16)(gpu_pieces.SMALL, gpu_pieces.random_of("cpu", torch.float32)))
    mask, before = given[1], gpu_pieces.decoupled(*given)
    assert {0.0, 0.5, 1.0} == set(mask.tolist())
    for value, keys in ((0, 2), (1, 4)):
        changed = list(given)
        changed[keys] = given[keys] + 1
        moved = (gpu_pieces.decoupled(*changed) - before).abs().amax((0, 2)).reshape(-1, len(mask)).amax(0)
        assert (moved[mask == value] == 0).all() and (moved[mask != value] > 0).all()


def a_window_is_the_networks_own():
    assert gpu_window.apart(gpu_window.Window(MODEL, "cpu", torch.float32), MODEL, 2) < 0.01
    off = gpu_window.apart(gpu_window.Window(MODEL, "cpu", torch.bfloat16), MODEL, 2)
    assert 0 < off <= gpu_compare.NEAR_WINDOW, off


def every_name_has_a_time():
    done = program("--device", "cpu", "--tiny", "--batch", "1", "--windows", "1,2")
    assert done.returncode == 0, done.stderr
    rows = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    assert set(rows) == {p.name for p in gpu_pieces.pieces(1)} | {"window 1", "window 2"}
    assert all(float(us) > 0 for us in rows.values())


def the_names_are_those_of_the_bench():
    with open(os.path.join(ROOT, "test", "gpu", "bench.c"), encoding="utf-8") as file:
        formats = re.findall(r'"((?:[^"\\\n]|\\.)*)"', file.read())
    patterns = [re.escape(f).replace("%d", r"\d+") for f in formats]
    for piece in gpu_pieces.pieces(32):
        assert any(re.fullmatch(p, piece.name) for p in patterns), piece.name


def a_way_that_fails_or_takes_too_long_is_said_and_the_rest_goes_on():
    def fails():
        raise RuntimeError("no kernel image")

    def lasts():
        while True:
            torch.zeros(10).sum()
    job = gpu_compare.Job
    good, lines, said = measured([job(0, "a", "eager", 9, lambda: 2e-6), job(1, "a", "compiled", 9, fails),
                                  job(1, "b", "eager", 0.2, lasts), job(2, "a", "fast", 9, lambda: 1e-6),
                                  job(3, "a", "slow", 9, lambda: 3e-6)], 20)
    assert lines == ["a\t2.0\teager", "a\t1.0\tfast"] and not good
    assert "a, compiled: RuntimeError: no kernel image" in said and "b, eager: TooLong: not done" in said
    assert measured([job(0, "a", "eager", 9, lambda: 1e-6)], 0)[:2] == (False, [])


def without_a_device_it_says_so():
    done = program(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 77 and "no CUDA device" in done.stderr and not done.stdout


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    tap.run(globals(), (program, measured, redirect_stdout, redirect_stderr))
