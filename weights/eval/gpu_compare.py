"""What PyTorch takes for the CUDA engine's kernels and windows (test/gpu/bench.c), on the same device, in bfloat16.

    gpu_compare.py --weights weights [--batch 32] [--windows 1,32,8,128] [--only NAME...] [--seconds 300]
    gpu_compare.py --weights test/golden/model --device cpu --tiny     tries its ways on a processor, says nothing of speed

Prints NAME, a tab, microseconds, a tab, how it was run; a later line of the same name is of a quicker way. As written (eager) or
compiled, and on a GPU recorded as a CUDA graph, as the engine's calls are: what is timed is the device and not the asking. Whole
windows also with torch.compile's own graphs (reduce-overhead), and autotuned. What costs little comes first; what no time is left
for is said on stderr, and so is what this PyTorch lacks, what fails, and how far the numbers are from their definition: what is
off is not timed, and the exit status is 1. 77: there is no such device.
"""

import argparse
import dataclasses
import gc
import signal
import sys
import time
from typing import Callable

try:
    import torch
except ImportError:
    print("gpu_compare.py: this python3 has no PyTorch", file=sys.stderr)
    sys.exit(77)

import gpu_pieces
import gpu_window

REPEATS, ROUNDS, STEPS = 20, 5, 40  # calls of a piece in a recording, recordings; windows
NEAR = {torch.float32: 1e-5, torch.bfloat16: 1e-2}  # to the definition
NEAR_BYTES = 1 / 64  # 8 bits, rounded from bfloat16
NEAR_WINDOW = 1.0  # mean difference of bytes
PIECE_SECONDS, WINDOW_SECONDS = 40, 150  # that one way of one may take, with its compiling
COMPILES = hasattr(torch, "compile")


class TooLong(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Job:
    """One way to run something. `run` gives seconds."""

    order: int
    name: str
    way: str
    limit: float
    run: Callable


def say(*words):
    print("#", *words, file=sys.stderr, flush=True)


def within(seconds, call):
    """The call's result; TooLong after so many seconds."""
    def ring(*_):
        raise TooLong(f"not done in {seconds:.0f} s")
    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# ---- timing ----------------------------------------------------------------------------------------------------------


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def recorded(call, times):
    """A CUDA graph of so many calls, as a call."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            call()
    return graph.replay


def times_of(call, count, device):
    """Seconds of so many calls, each waited for; after some that do not count."""
    times = []
    for i in range(3 + count):
        begin = time.perf_counter()
        call()
        wait(device)
        times.append(time.perf_counter() - begin)
    return times[3:]


def compiled(call, mode=None):
    torch._dynamo.reset()
    return torch.compile(call, mode=mode, dynamic=False)


# ---- what there is to time -------------------------------------------------------------------------------------------


def piece_jobs(piece, sizes, options, dtype):
    def run(make):
        given = piece.inputs(sizes, gpu_pieces.random_of(options.device, dtype))
        made = make(piece.call)
        call = lambda: made(*given)
        call()  # compiles
        if options.device == "cuda":
            return min(times_of(recorded(call, REPEATS), ROUNDS, "cuda")) / REPEATS
        return min(times_of(call, ROUNDS, options.device))
    yield Job(0, piece.name, "eager", PIECE_SECONDS, lambda: run(lambda call: call))
    if COMPILES and piece.fuses:
        yield Job(3, piece.name, "compiled", PIECE_SECONDS, lambda: run(compiled))


def window_jobs(window, batch, first, options):
    """`first`: of the batches that are compiled before all else."""
    def run(make, record):
        given = window.inputs(batch)
        made = make(window)
        host = torch.empty(made(*given).shape, dtype=torch.uint8, pin_memory=options.device == "cuda")
        step = lambda: host.copy_(made(*given), non_blocking=True)
        times = times_of(recorded(step, 1) if record else step, 3 if options.tiny else STEPS, options.device)
        return sorted(times)[len(times) // 2]
    name = f"window {batch}"
    yield Job(0, name, "eager", WINDOW_SECONDS, lambda: run(lambda call: call, False))
    if options.device == "cuda":
        yield Job(1, name, "eager, recorded", WINDOW_SECONDS, lambda: run(lambda call: call, True))
    if COMPILES:
        yield Job(2 if first else 4, name, "reduce-overhead", WINDOW_SECONDS,
                  lambda: run(lambda w: compiled(w, "reduce-overhead"), False))
        yield Job(5, name, "max-autotune", WINDOW_SECONDS,
                  lambda: run(lambda w: compiled(w, "max-autotune-no-cudagraphs"), options.device == "cuda"))


def is_near(name, off, near, unit=""):
    say(f"{name}: {off:.1e}{unit} from its definition" + ("" if off <= near else ": too far, and not timed"))
    return off <= near  # not of NaN


def all_jobs(options, dtype):
    """The jobs, and whether everything that is asked for is right."""
    wanted = lambda name: not options.only or name in options.only
    jobs, good = [], True
    sizes = gpu_pieces.SMALL if options.tiny else gpu_pieces.Sizes(options.batch)
    for piece in filter(lambda p: wanted(p.name), gpu_pieces.pieces(options.batch)):
        near = NEAR_BYTES if piece.name.startswith("blend") else NEAR[dtype]
        if is_near(piece.name, gpu_pieces.apart(piece, options.device, dtype), near):
            jobs += piece_jobs(piece, sizes, options, dtype)
        else:
            good = False
    batches = [int(b) for b in options.windows.split(",") if b and wanted(f"window {b}")]
    if batches:
        window = gpu_window.Window(options.weights, options.device, dtype)
        if is_near("window", gpu_window.apart(window, options.weights), NEAR_WINDOW, " of 255"):
            jobs += [job for i, batch in enumerate(batches) for job in window_jobs(window, batch, i < 2, options)]
        else:
            good = False
    return sorted(jobs, key=lambda job: job.order), good


def measure(jobs, seconds):
    """Runs them in their order while there is time, prints what is quicker than before. Whether all names have a time."""
    best, end = {job.name: float("inf") for job in jobs}, time.monotonic() + seconds
    for job in jobs:
        left = end - time.monotonic()
        try:
            if left < 1:
                raise TooLong("no time is left")
            took = within(min(job.limit, left), job.run)
        except Exception as error:  # compilers fail in many ways, and another way may do
            say(f"{job.name}, {job.way}: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}")
            continue
        finally:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        say(f"{job.name}, {job.way}: {1e6 * took:.1f} us")
        if took < best[job.name]:
            best[job.name] = took
            print(f"{job.name}\t{1e6 * took:.1f}\t{job.way}", flush=True)
    return all(took < float("inf") for took in best.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="weights", help="a folder with the server's weights")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--type", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--batch", type=int, default=32, help="windows that a piece is of")
    parser.add_argument("--windows", default="1,32,8,128",
                        help="batches of whole windows, the first two compiled before all else; empty: none")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="nothing else")
    parser.add_argument("--seconds", type=float, default=300, help="for all of it, but for the checks before")
    parser.add_argument("--tiny", action="store_true", help="small sizes")
    options = parser.parse_args()
    cuda = options.device == "cuda"
    if cuda and not torch.cuda.is_available():
        print(f"gpu_compare.py: PyTorch {torch.__version__} finds no CUDA device here", file=sys.stderr)
        sys.exit(77)
    say(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name() if cuda else 'the processor'}")
    if not gpu_pieces.FUSED:
        say("it has no scaled_dot_product_attention: attention is written out")
    if not COMPILES:
        say("it has no torch.compile: all is eager")
    torch.backends.cudnn.benchmark = True
    with torch.no_grad():
        jobs, good = all_jobs(options, torch.bfloat16 if options.type == "bf16" else torch.float32)
        good &= measure(jobs, options.seconds)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
