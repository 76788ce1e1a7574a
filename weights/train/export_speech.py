"""Writes the speech encoder's weights for the server, and what they should give, for the tests of the code that runs them.

    export_speech.py --run RUN --dataset FOLDER speech.safetensors      the smoothed weights of a training run
    export_speech.py --weights speech.safetensors --golden heard        inputs and results with the weights of a file
    export_speech.py --random 3 --tiny --golden test/golden/speech.safetensors

Tensors are named speech.LAYER, as in speech.py, and speech.mouth_scale is what the mouth was divided by in training. A
golden file is a file of weights with log-mel rows and results beside them, named golden.STAGE; they come from the
weights as stored, in f32. Before and after the rows is silence. The layers' matrices are stored as bytes (export.in_bytes).
"""

import argparse
import json
import os
import sys

import numpy as np
import torch

from dataset import Dataset, DatasetError
from export import ExportError, bfloat16, from_bfloat16, in_bytes, of_bytes, read_safetensors, write_safetensors
from export_codec import commit
from speech import BANDS, ROWS, Speech, SpeechConfig
from voices import MOUTH, mel_of

# Small, and with numbers that no vector length divides.
TINY = SpeechConfig(width=22, offsets=((-2, -1, 0, 1), (-3, 0, 1, 2), (-4, -2, -1, 0)), mouth=MOUTH[:3],
                    phones=("pau", "p", "b", "m", "iy"))
GOLDEN_STEPS = 60
HEARD_STEPS = 400  # of a golden file with real voices
SILENCE = float(np.log(1e-6))  # every band of log_mel.py of digital silence


def random_speech(config, seed):
    """An encoder that was never trained, yet every part of it does something."""
    torch.manual_seed(seed)
    net = Speech(config)
    with torch.no_grad():
        for value in net.parameters():
            value.normal_(0, 1.5 / value[0].numel() ** 0.5 if value.dim() > 1 else 0.2)
    return net, np.linspace(0.3, 0.9, len(config.mouth), dtype=np.float32)


def speech_of_run(folder):
    """The smoothed weights, the mouth's scale, and what the log says of them."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        net = Speech(SpeechConfig.from_json(json.load(file)))
    saved = torch.load(os.path.join(folder, "checkpoint.pt"), map_location="cpu")
    net.load_state_dict({k[len("speech."):]: v for k, v in saved["smooth"].items() if k.startswith("speech.")})
    metrics = {}
    with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
        for row in map(json.loads, log):
            metrics.update({k: v for k, v in row.items() if k.startswith(("valid_", "unknown_", "real_"))})
    told = {"steps": saved["step"], "minutes": round(saved["spent"] / 60, 1), "metrics": metrics}
    return net, np.load(os.path.join(folder, "mouth-scale.npy")).astype(np.float32), told


def config_of(net):
    """As the server reads it: all offsets in one list, names in one string."""
    config = net.config
    taps = {len(offsets) for offsets in config.offsets}
    if len(taps) != 1 or any(" " in name for name in config.mouth + config.phones):
        raise ExportError("layers that see different numbers of steps, or a name with a space in it")
    return {"width": config.width, "layers": len(config.offsets), "taps": taps.pop(),
            "offsets": [o for offsets in config.offsets for o in offsets], "mouth": " ".join(config.mouth),
            "phones": " ".join(config.phones)}


def speech_of_weights(path):
    tensors, config, provenance = read_safetensors(path)
    config = config["speech"]
    offsets, taps = config["offsets"], config["taps"]
    net = Speech(SpeechConfig(config["width"], tuple(tuple(offsets[i:i + taps]) for i in range(0, len(offsets), taps)),
                              tuple(config["mouth"].split()), tuple(config["phones"].split())))
    net.load_state_dict({name: torch.from_numpy(np.array(of_bytes(tensors, f"speech.{name}"), np.float32))
                         for name in net.state_dict()})
    return net, np.array(tensors["speech.mouth_scale"]), provenance


def rounded(net):
    """Rounds the weights to what the file holds; a golden dump then comes from the numbers that are in it."""
    kept = packed(net, np.ones(1, np.float32))
    with torch.no_grad():
        for name, value in net.named_parameters():
            name = f"speech.{name}"
            if value.dim() > 1:
                value.copy_(torch.from_numpy(of_bytes(kept, name) if f"{name}.scale" in kept
                                             else from_bfloat16(kept[name].array)))


def packed(net, scale):
    out = {"speech.mouth_scale": scale}
    for name, value in net.state_dict().items():
        value = value.numpy()
        if name.startswith("layers.") and value.ndim == 2:
            out.update(in_bytes(f"speech.{name}", value))
        else:
            out[f"speech.{name}"] = value.astype(np.float32) if value.ndim == 1 else bfloat16(value)
    return out


# ---- golden dumps ----------------------------------------------------------------------------------------------------


def made_up(steps, seed):
    """Rows that rise and fall like syllables, with noise on them: f16 [2 steps, 80]."""
    chance = np.random.default_rng(seed)
    at, band = np.mgrid[0:ROWS * steps, 0:BANDS]
    syllables = np.sin(at * 0.31 + band * 0.02) + 0.7 * np.sin(at * 0.09 + band * 0.11)
    return (-7 + 3 * syllables + chance.normal(0, 0.6, at.shape)).astype(np.float16)


def heard(folder, steps):
    """Rows of a voice of a data set that the encoder was not trained on, from the middle of what it says."""
    talks = list(Dataset(folder).split("valid"))
    if not talks:
        raise DatasetError(f"{folder} has no conversation for validation")
    rows = mel_of(talks[0].audio(0)).astype(np.float16)
    middle = max(0, len(rows) // 2 // ROWS * ROWS - steps)
    return rows[middle:middle + ROWS * steps]


@torch.no_grad()
def golden(net, scale, rows):
    """Of all the steps of the rows, silence around them."""
    past, ahead = net.config.past, net.config.ahead
    mel = torch.full((1, (past + ahead) * ROWS + len(rows), BANDS), SILENCE)
    mel[0, past * ROWS:past * ROWS + len(rows)] = torch.from_numpy(rows.astype(np.float32))
    hidden = net(mel)[:, past:past + len(rows) // ROWS]
    mouth, phone = net.heads(hidden)
    out = {"rows": rows, "hidden": hidden, "mouth": mouth * torch.from_numpy(scale), "phone": phone}
    return {f"golden.{k}": v if k == "rows" else v[0].numpy() for k, v in out.items()}


# ---- the program -----------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", help="a training run's folder")
    source.add_argument("--weights", help="a file that was exported before")
    source.add_argument("--random", type=int, metavar="SEED", help="an untrained encoder")
    parser.add_argument("out")
    parser.add_argument("--dataset", action="append", default=[], metavar="FOLDER",
                        help="what the run was trained on, for the provenance (may be given again); a golden file's voice "
                        "is taken from the first, or made up without any")
    parser.add_argument("--tiny", action="store_true", help="with --random: of the tests' size")
    parser.add_argument("--golden", action="store_true", help="add inputs and results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    provenance = {"commit": commit()}
    if options.run:
        net, scale, told = speech_of_run(options.run)
        provenance.update(told, dataset_seed=[Dataset(folder).seed for folder in options.dataset])
    elif options.weights:
        net, scale, provenance = speech_of_weights(options.weights)
    else:
        config = TINY if options.tiny else SpeechConfig(mouth=MOUTH, phones=TINY.phones)
        net, scale = random_speech(config, options.random)
        provenance.update(random=options.random)
    rounded(net)
    tensors = packed(net, scale)
    if options.golden:
        rows = heard(options.dataset[0], HEARD_STEPS) if options.dataset else made_up(GOLDEN_STEPS, 5)
        tensors.update(golden(net, scale, rows))
    write_safetensors(options.out, tensors, {"speech": config_of(net)}, provenance)
    print(f"{options.out}: {len(tensors)} tensors, {os.path.getsize(options.out) / 1e6:.2f} MB")


if __name__ == "__main__":
    try:
        main()
    except (ExportError, DatasetError, OSError, KeyError) as problem:
        sys.exit(f"export_speech.py: {problem}")
