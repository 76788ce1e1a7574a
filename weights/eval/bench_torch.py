"""What decoding a frame costs in PyTorch, and in the server, measured in turn in one run.

    bench_torch.py codec.safetensors --program build/visavis

PyTorch gets what it likes best: channels_last, inference mode, the weights in the type of the row; it runs as written
(eager), and as a trace, frozen and optimised. Both sides begin with z and the character's maps and end with bytes of
RGB. Each measurement is a process of its own, with as many threads on both sides. The ratios are of processor time,
which other programs disturb least, and of wall time.
"""

import argparse
import os
import subprocess
import sys
import time

ROUNDS = 10
# The server's kernels, PyTorch's type, and what lowers both to lesser instructions.
ROWS = [("cpu-bf16", "bf16", {}), ("cpu-f32", "f32", {}),
        ("cpu-avx2", "f32", {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"})]


# ---- one measurement, in a process of its own ------------------------------------------------------------------------


def decoder_of(path, kind, batch):
    """A function without arguments that decodes `batch` frames to bytes, eager; and the same, traced and optimised."""
    import torch

    import train_path  # noqa: F401
    import export_codec

    codec, _ = export_codec.codec_of_weights(path)
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    size, grid, latent = codec.config.picture, codec.config.grid, codec.config.latent
    decoder = codec.decoder.eval().to(dtype).to(memory_format=torch.channels_last)
    torch.manual_seed(1)
    portrait = torch.rand(1, 3, size, size) * 2 - 1
    maps = [m.to(dtype).expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)
            for m in codec.appearance(portrait)]
    z, z0 = [torch.randn(batch, latent, grid, grid).to(dtype).contiguous(memory_format=torch.channels_last)
             for _ in range(2)]
    portraits = portrait.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)

    class Bytes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = decoder

        def forward(self, z, z0, maps, portraits):
            frame = self.decoder(z, z0, maps, portraits)[0]
            return ((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

    eager = Bytes().eval()
    ways = {"eager": lambda: eager(z, z0, maps, portraits)}
    try:
        traced = torch.jit.trace(eager, (z, z0, maps, portraits), check_trace=False)
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        frozen(z, z0, maps, portraits)
        ways["traced"] = lambda: frozen(z, z0, maps, portraits)
    except RuntimeError as error:  # some versions cannot optimise bfloat16
        print(f"no trace: {str(error).splitlines()[0]}", file=sys.stderr)
    return ways


def measure(options):
    import torch

    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        for name, decode in decoder_of(options.weights, options.row, options.batch).items():
            for _ in range(3):
                decode()
            wall, cpu = [], []
            for _ in range(ROUNDS):
                frames, begin, begin_cpu = 0, time.perf_counter(), time.process_time()
                while time.perf_counter() - begin < options.seconds / ROUNDS or not frames:
                    decode()
                    frames += options.batch
                wall.append((time.perf_counter() - begin) / frames)
                cpu.append((time.process_time() - begin_cpu) / frames)
            print(f"{name} {min(wall) * 1e3:.3f} {sorted(cpu)[ROUNDS // 2] * 1e3:.3f}")


# ---- the comparison --------------------------------------------------------------------------------------------------


def torch_row(options, row, threads, batch):
    """Milliseconds of wall and of processor time, for each way."""
    _, kind, extra = row
    command = [sys.executable, os.path.abspath(__file__), options.weights, "--row", kind, "--threads", str(threads),
               "--batch", str(batch), "--seconds", str(options.seconds)]
    done = subprocess.run(command, env={**os.environ, "OMP_WAIT_POLICY": "passive", **extra}, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        sys.exit(f"bench_torch.py: PyTorch did not measure:\n{done.stderr}")
    return {way: (float(wall), float(cpu)) for way, wall, cpu in map(str.split, done.stdout.splitlines())}


def server_row(options, row, threads, batch):
    """The same of the server's codec; nothing where this machine has not these kernels."""
    command = [options.program, "codec", "--bench", "--weights", options.weights, "--kernels", row[0], "--threads",
               str(threads), "--batch", str(batch), "--seconds", str(max(1, round(options.seconds)))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(row[0])]
    if lines and lines[-1][1] == "-":
        return {}
    if done.returncode or not lines:
        sys.exit(f"bench_torch.py: {' '.join(command)}:\n{done.stderr}")
    return {"server": (float(lines[-1][3]), float(lines[-1][5]))}


def least(rows):
    """Of several measurements of the same ways, the least of each number."""
    return {way: tuple(min(r[way][i] for r in rows) for i in range(2)) for way in rows[0]}


def compare(options):
    print("milliseconds of wall and of processor time to decode a frame; how many times as fast the server is (both)")
    print(f"{'kernels':9} threads batch  {'server':>15}  {'PyTorch eager':>30}  {'PyTorch traced':>30}")
    for row in ROWS:
        for threads in (1, 2):
            for batch in (1, 5):
                turns = [(server_row(options, row, threads, batch), torch_row(options, row, threads, batch))
                         for _ in range(options.turns)]
                ours, theirs = least([s for s, _ in turns]), least([t for _, t in turns])
                line = f"{row[0]:9} {threads:7} {batch:5}"
                if not ours:
                    print(f"{line}  not on this machine")
                    continue
                wall, cpu = ours["server"]
                line += f"  {wall:7.2f} {cpu:7.2f}"
                for way in ("eager", "traced"):
                    w, c = theirs.get(way, (float("nan"),) * 2)
                    line += f"  {w:7.2f} {c:7.2f}  {w / wall:5.2f}x {c / cpu:5.2f}x"
                print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--program", default="build/visavis")
    parser.add_argument("--seconds", type=float, default=2, help="a measurement takes")
    parser.add_argument("--turns", type=int, default=2, help="measurements of each side, in turn")
    parser.add_argument("--row", choices=["bf16", "f32"], help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        measure(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
