"""Measures the avatar: lips, stillness, whole pictures, heads, half an hour without an end; tables for docs/model-card.md.

    OMP_WAIT_POLICY=passive python3 eval_avatar.py --voices DATASET --own DATASET... --probe probe.safetensors --out FOLDER
        [--visavis build/visavis] [--part NAME...] [--card docs/model-card.md]

Frames are made by `visavis render` where --visavis names it, and by PyTorch (generate.py) otherwise; both are read alike.
Parts are measured one by one, each in FOLDER/NAME; what was read of a clip stays there, so an interrupted part goes on, and
the tables hold whatever parts there are:

    own        performers' own frames of the characters, and the same through the codec: what the others are held against
    trained    voices that training knew, with texts that it did not
    untrained  voices that training never heard
    recorded   recorded speakers that training never heard, against articulation from aligned phones (--recorded FILE...)
    silence, noise, music, distant     the avatar says nothing
    long       half an hour (--minutes) without an end
    whole      the same by PyTorch in any case, whose latents are known: what they come back as
    outside    all but these two, read by a network trained on photographs
    sheets     pictures to look at
"""

import argparse
import json
import os
import shlex
import subprocess

import numpy as np

import train_path  # noqa: F401
import avatar_measures as measures
import avatar_report
import avatar_sheets
import model_card
from avatar_bench import LONG, QUIET, VOICES, Bench, write_json
from run import threads

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = os.path.dirname(HERE)
PARTS = ("own", *VOICES, *QUIET, *LONG, "outside", "sheets")
OUTSIDE_EVERY = 2  # of the kept frames one


# ---- the outside reader --------------------------------------------------------------------------------------------------


def make_outside(bench):
    """Lets the outside network read kept frames of every part."""
    folder = os.path.join(bench.options.out, "outside")
    os.makedirs(folder, exist_ok=True)
    listed, whose = [], []
    for part in ("own", *VOICES, *QUIET):
        for clip, seen in bench.readings(part):
            some = seen.kept[::OUTSIDE_EVERY]
            name = f"{part}-{len(listed)}.npy"
            np.save(os.path.join(folder, name), some)
            listed.append({"pictures": name, "count": len(some)})
            whose.append({"part": part, "clip": clip.name, "character": clip.character})
    if not listed:
        raise SystemExit("there are no frames for the outside reader yet: measure other parts first")
    write_json(os.path.join(folder, "frames.json"), {"size": some.shape[1], "clips": listed})
    subprocess.run(["node", os.path.join(HERE, "outside_reader", "frames.mjs"), folder], check=True)
    with open(os.path.join(folder, "read.json"), encoding="utf-8") as file:
        rows = json.load(file)
    for about, of_clip in zip(whose, rows):
        about["rows"] = [{"kept": OUTSIDE_EVERY * i, **row} for i, row in enumerate(of_clip)]
    write_json(os.path.join(folder, "rows.json"), whose)
    for about in listed:
        os.unlink(os.path.join(folder, about["pictures"]))


def outside_of(bench):
    """Measures of what it read, by part."""
    path = os.path.join(bench.options.out, "outside", "rows.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        rows = {(one["part"], one["clip"], one["character"]): one["rows"] for one in json.load(file)}
    out = {}
    for part in ("own", *VOICES, *QUIET):
        members = [m for m in bench.readings(part) if (part, m[0].name, m[0].character) in rows]
        if members:
            seen = [rows[part, clip.name, clip.character] for clip, _ in members]
            out[part] = measures.outside(members, seen, out.get("own", {}).get("score"))
    return out


# ---- the figures -------------------------------------------------------------------------------------------------------


SERIES = {"probe": "lips", "encoder": "lips_encoder"}


def summary(bench):
    """Everything of the parts that there are."""
    own, coded = bench.readings("own"), bench.readings("own-coded")
    if not own:
        raise SystemExit("measure the part `own` first: the others are held against it")
    spread = bench.model.denoiser.spread.numpy()
    errors = measures.cycle(coded, spread)
    true = float(errors.mean())
    scale = {reader: measures.calibrate(own, series) for reader, series in SERIES.items()}
    result = {"frames_by": "visavis" if bench.options.visavis else "pytorch", "steps": bench.options.steps,
              "calibration": scale, "true_cycle": {"mean": true, "worst": float(errors.max()), "frames": len(errors)},
              "resting": {reader: measures.resting(own, scale[reader], series) for reader, series in SERIES.items()},
              "lips": {reader: {} for reader in SERIES}, "quiet": {reader: {} for reader in SERIES},
              "whole": {}, "heads": {}, "borders": {}, "identity": {}}
    for part in ("own", "own-coded", *VOICES, *QUIET, *LONG):
        members = bench.readings(part)
        if not members:
            continue
        for reader, series in SERIES.items():
            if part in QUIET:
                result["quiet"][reader][part] = measures.quiet(members, scale[reader], series)
            else:
                result["lips"][reader][part] = measures.lips(members, scale[reader], bench.phones, series)
        if part not in LONG:
            result["heads"][part] = measures.lively(members)
        elif part == "long" or "steady" not in result:
            result["steady"] = measures.steady(members[0][1])
        result["whole"][part] = measures.whole(members, spread, true)
        result["borders"][part] = measures.borders(members)
        result["identity"][part] = measures.identity(members)
    result["outside"] = outside_of(bench)
    return result


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=[], help="to measure now; without it, only the tables")
    parser.add_argument("--voices", required=True, help="a dataset of speech, of whose valid and test splits clips are taken")
    parser.add_argument("--own", nargs="+", required=True, help="datasets with pictures of the characters, every frame")
    parser.add_argument("--recorded", nargs="*", default=[], help="aligned recordings (weights/train/align.py)")
    parser.add_argument("--probe", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--visavis", help="the program whose frames are measured; PyTorch's without it")
    parser.add_argument("--render", type=shlex.split, default=[], metavar="OPTIONS", help="more options for its `render`, in "
                        'one word: --render="--steps 4 --threads 1"')
    parser.add_argument("--card", help="the page whose tables are filled in")
    for name in ("speech", "head", "denoiser", "codec"):
        parser.add_argument(f"--{name}", default=os.path.join(WEIGHTS, f"{name}.safetensors"), help="a run's folder or a file")
    parser.add_argument("--characters", default=os.path.join(WEIGHTS, "characters"))
    parser.add_argument("--long-character", help="who talks for half an hour")
    parser.add_argument("--clips", type=int, default=16, help="of each set of voices")
    parser.add_argument("--seconds", type=float, default=10, help="of each clip")
    parser.add_argument("--minutes", type=float, default=30, help="of the long clip")
    parser.add_argument("--steps", type=int, default=2, help="of the flow, in PyTorch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    options = parse()
    threads(options.threads)
    bench = Bench(options)
    for part in options.part:
        if part == "own":
            bench.make_own()
        elif part in LONG:
            bench.make_long(part)
        elif part == "outside":
            make_outside(bench)
        elif part == "sheets":
            shown = {p: bench.readings(p) for p in VOICES}
            avatar_sheets.write(options.out, shown, measures.calibrate(bench.readings("own")))
        else:
            bench.make(part)
    result = summary(bench)
    write_json(os.path.join(options.out, "avatar.json"), result)
    text = avatar_report.report(result)
    print(text)
    if options.card:
        model_card.fill(options.card, "avatar", text)


if __name__ == "__main__":
    main()
