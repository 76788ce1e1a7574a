"""What a window costs in PyTorch, part by part, on one thread: beside what test/bench/model_bench says of the server.

    OMP_WAIT_POLICY=passive bench_model.py FOLDER --kind bf16 [--server build/test/bench/model_bench]

FOLDER holds the weights, as the server reads them. Every part runs as written and as a trace, frozen and optimised, in the
type of the row; the better of the two is counted. Processor time, the least of some rounds, both sides in turn.
"""

import argparse
import os
import subprocess
import sys
import time
import warnings

import torch

import train_path  # noqa: F401
import export_denoiser
import export_speech
from bench_torch import decoder_of

ROUNDS = 12
SERVER = {"bf16": "cpu-bf16", "f32": "cpu-f32"}


def least(call):
    call()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best * 1e3


class Window(torch.nn.Module):
    """All that the denoiser does for a window."""

    def __init__(self, net, dtype):
        super().__init__()
        self.net, self.dtype = net, dtype

    def forward(self, noise, overlap, reference, speech, coarse, emotion, told, mask):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            return self.net.sample(noise, overlap, reference, speech, coarse, emotion, told, mask)


class Hear(torch.nn.Module):
    def __init__(self, net, dtype):
        super().__init__()
        self.net, self.dtype = net, dtype

    def forward(self, mel):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            return self.net(mel)


def ways(name, module, inputs):
    """Milliseconds, eager and traced."""
    times = {"eager": least(lambda: module(*inputs))}
    try:
        traced = torch.jit.trace(module, inputs, check_trace=False)
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced.eval()))
        times["traced"] = least(lambda: frozen(*inputs))
    except RuntimeError as error:
        print(f"{name}: no trace: {str(error).splitlines()[0]}", file=sys.stderr)
    return times


def measure(folder, kind):
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    path = lambda name: os.path.join(folder, f"{name}.safetensors")
    net = export_denoiser.net_of_weights(path("denoiser"))[0].eval()
    speech = export_speech.speech_of_weights(path("speech"))[0].eval()
    c = net.config
    inputs = (torch.randn(1, c.fresh, c.places, c.latent), torch.randn(1, c.overlap, c.places, c.latent),
              torch.randn(1, c.places, c.latent), torch.randn(1, c.speech_tokens, c.speech),
              torch.randn(1, c.fresh, c.around * c.coarse), torch.rand(1, c.emotion), torch.randn(1, c.fresh, 2 * c.told),
              torch.rand(1, c.fresh, c.places))
    steps = c.speech_tokens + speech.config.past + speech.config.ahead
    decode = decoder_of(path("codec"), kind, c.fresh)
    return {"speech": ways("speech", Hear(speech, dtype), (torch.randn(1, 2 * steps, 80),)),
            "denoise": ways("denoise", Window(net, dtype), inputs),
            "decode": {name: least(call) for name, call in decode.items()}}


def server(program, folder, kind):
    """The same parts of the server, in ms."""
    done = subprocess.run([program, folder, SERVER[kind]], capture_output=True, text=True, check=True)
    numbers = [float(x) for x in done.stdout.splitlines()[-1].split()[-8:]]
    speech, _, context, condition, flow, decode = numbers[:6]
    return {"speech": speech, "denoise": context + condition + flow, "decode": decode}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--kind", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--server", help="the server's program, to be measured beside")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    ours = [server(options.server, options.folder, options.kind)] if options.server else []
    with torch.inference_mode():
        theirs = measure(options.folder, options.kind)
    if options.server:  # in turn: before and after
        ours.append(server(options.server, options.folder, options.kind))
    print(f"{options.kind:8} {'eager':>8} {'traced':>8} {'server':>8}   times as fast")
    sums = [0.0, 0.0]
    for part, times in theirs.items():
        best, mine = min(times.values()), min((o[part] for o in ours), default=float("nan"))
        sums = [sums[0] + best, sums[1] + mine]
        print(f"{part:8} {times['eager']:8.2f} {times.get('traced', float('nan')):8.2f} {mine:8.2f}   {best / mine:.2f}")
    print(f"{'window':8} {'':8} {sums[0]:8.2f} {sums[1]:8.2f}   {sums[0] / sums[1]:.2f}")


if __name__ == "__main__":
    main()
