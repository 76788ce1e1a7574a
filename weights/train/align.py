"""Phoneme times for recordings of people: the same text, said by espeak-ng with known times, is warped onto the recording
by what the speech encoder hears in both.

    OMP_WAIT_POLICY=passive python3 align.py PERFORMER SPEECH_RUN OUT [--clips N] [--keep SHARE]
    OMP_WAIT_POLICY=passive python3 align.py PERFORMER SPEECH_RUN [OUT] --check

PERFORMER is the program visavis-performer, SPEECH_RUN a run of train_speech.py. OUT gets alignment.txt, a line for each
clip (for `visavis-performer dataset --alignment`), and SPEAKER.npz, which training reads (aligned.py); the same command, with
more clips too, goes on after an interruption. An encoder that was trained on these aligns them again, better, into another
OUT. `--check` aligns synthetic voices, whose times are known, and holds OUT's times against the sound of the recordings.
"""

import argparse
import difflib
import json
import os
import re
import sys
import time

import numpy as np
import torch

from aligned import write_pieces
from alignment import PAUSE, Results, alignment_lines, phones_of_steps, plain, sound_errors
from performer import Performer, PerformerError
from run import threads
from tracks import load_speech
from voices import mel_of
from warp import carry_over, warp

STEP = 10  # ms: the encoder's steps are 20, and what lies between is between them
SHORTEST_PAUSE = 12  # steps
LABEL, PAUSING = 0.15, 0.25  # what a phone that is not heard costs, in logarithms, beside the states' distance; and a pause
SHORTEST, LONGEST = 0.4, 20.0  # seconds of a recording
TRIED = ("m3", "f2")  # of these voices, the one that a speaker is aligned from best
TRIES = 5
ACCENTS = {"en": "en-us", "en_GB": "en", "pt_BR": "pt-br"}


class Listener:
    """The encoder's states and what phone it hears, every 10 ms."""

    def __init__(self, run):
        with open(os.path.join(run, "config.json"), encoding="utf-8") as file:
            self.phones = json.load(file)["phones"]
        self.net = load_speech(run, self.phones)

    @torch.no_grad()
    def hear(self, pcm):
        """pcm -> (states [steps, width] of length 1, logarithms of the phones' shares [steps, phones])."""
        mel = mel_of(pcm)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = self.net(torch.from_numpy(mel[:len(mel) // 2 * 2][None]))
            heard = self.net.heads(hidden)[1].float().log_softmax(-1)
        return tuple(self._between(x[0].numpy()) for x in (torch.nn.functional.normalize(hidden.float(), dim=-1), heard))

    @staticmethod
    def _between(x):
        """[steps, n] -> [2 steps, n]: step s has its middle at 10 s + 10 ms."""
        return np.stack([x, (x + np.concatenate([x[1:], x[-1:]])) / 2], 1).reshape(-1, x.shape[1])

    def owners(self, phones, steps):
        """Which of the phones each step of `hear` belongs to."""
        ends = np.array([end for _, _, end in phones])
        return np.minimum(np.searchsorted(ends, np.arange(steps) * STEP + STEP, "right"), len(phones) - 1)

    def align(self, said, phones, recorded):
        """The phones of `said` (their sound: pcm) in `recorded` -> (phones, cost)."""
        (a, _), (b, heard) = self.hear(said), self.hear(recorded)
        owner = self.owners(phones, len(a))
        label = np.array([self.phones.index(name) for name, _, _ in phones])[owner]
        surprise = np.minimum(-heard, 8.0)
        cost = (1 - a @ b.T) + LABEL * surprise[:, label].T
        pause = PAUSING + 4 * LABEL * surprise[:, self.phones.index(PAUSE)]
        path, mean = warp(cost, pause)
        return phones_of_steps(carry_over(path, owner, SHORTEST_PAUSE), phones, STEP), mean


class Aligner:
    """Aligns recordings, each from the voice that suits its speaker."""

    def __init__(self, performer, listener):
        self.performer, self.listener, self.voice = performer, listener, {}

    def clip(self, recording, variant=None):
        """(phones, cost); PerformerError where it cannot be."""
        variant = variant or self.voice[recording.speaker]
        accent = ACCENTS.get(recording.language, recording.language)
        pcm = self.performer.load(recording.file)
        if not SHORTEST <= len(pcm) / 16000 <= LONGEST:
            raise PerformerError("too short or too long")
        said, phones = self.performer.say(f"espeak-{accent}+{variant}", plain(recording.text))
        found, cost = self.listener.align(said, phones, pcm)
        if all(name == PAUSE for name, _, _ in found):
            raise PerformerError("nothing but a pause was found")
        return found, cost

    def choose(self, recordings):
        """Sets the voice that a speaker's clips are aligned from; the first few tell. False: none can."""
        costs = {}
        for variant in TRIED:
            for recording in recordings[:TRIES]:
                try:
                    costs.setdefault(variant, []).append(self.clip(recording, variant)[1])
                except PerformerError:
                    continue
        if costs:
            self.voice[recordings[0].speaker] = min(costs, key=lambda v: np.mean(costs[v]))
        return bool(costs)

    def align(self, recordings, results):
        """Aligns those clips of a speaker that are not in `results` yet, and adds them."""
        missing = [recording for recording in recordings if recording.file not in results.of]
        if missing and self.choose(recordings):
            for recording in missing:
                try:
                    results.add(recording.file, *self.clip(recording))
                except PerformerError:
                    results.add(recording.file, [], np.inf)


def speakers_of(recordings):
    """{speaker: recordings with a text}, sorted by name."""
    out = {}
    for recording in recordings:
        if recording.text:
            out.setdefault(recording.speaker, []).append(recording)
    return dict(sorted(out.items()))


def align(options, performer, listener):
    os.makedirs(options.out, exist_ok=True)
    results, aligner = Results(os.path.join(options.out, "results.txt")), Aligner(performer, listener)
    lines, began = [], time.time()
    for speaker, recordings in speakers_of(performer.recordings()).items():
        if options.only and not re.fullmatch(options.only, speaker):
            lines += alignment_lines(results.best(recordings, options.keep)[0])
            continue
        order = np.random.default_rng(options.seed).permutation(len(recordings))
        recordings = [recordings[i] for i in order[:options.clips]]
        aligner.align(recordings, results)
        kept, costs = results.best(recordings, options.keep)
        if not kept:
            print(f"{speaker}: none of {len(recordings)} clips can be aligned", flush=True)
            continue
        seconds = write_pieces(os.path.join(options.out, speaker + ".npz"), performer, kept, listener.phones, options.seed)
        lines += alignment_lines(kept)
        print(f"{speaker}: {len(kept)} of {len(recordings)} clips, {seconds / 60:.1f} min, cost {np.median(costs):.3f} "
              f"(9 in 10 below {np.quantile(costs, 0.9):.3f}); {(time.time() - began) / 60:.1f} min", flush=True)
    results.close()
    with open(os.path.join(options.out, "alignment.txt"), "w", encoding="utf-8") as file:
        file.writelines(sorted(lines))


# ---- where the truth is known -------------------------------------------------------------------------------------

SENTENCES = {
    "en": ["The quick brown fox jumps over the lazy dog near the river bank.",
           "Please bring four big books, my mother would be happy.",
           "We had a very pleasant meeting about the future of the village.",
           "Could you move the purple lamp behind the bathroom door?",
           "Every evening the children watched boats passing under the old bridge.",
           "She sells fresh bread and yellow flowers at the corner of our street."],
    "cs": ["Dobrý den, jmenuji se Petr a bydlím v malém domě u řeky.",
           "Zítra ráno pojedeme vlakem do Prahy navštívit babičku.",
           "Můžete mi prosím podat tu modrou knihu ze stolu?",
           "Na zahradě kvetou žluté květiny a zpívají ptáci.",
           "Včera večer jsme viděli velmi zajímavý film o moři."],
    "it": ["Buongiorno, mi chiamo Marco e abito vicino al mare.",
           "Domani mattina andiamo al mercato a comprare il pane fresco.",
           "Potrebbe aprire la finestra, per favore? Fa molto caldo.",
           "La vecchia chiesa si trova in fondo alla piazza grande.",
           "Mio fratello lavora in una piccola bottega di libri."],
}
KNOWN = [("flite-slt", "flite-awb", "en"), ("espeak-en-us+m3", "flite-awb", "en"), ("espeak-en-us+f2", "flite-slt", "en"),
         ("espeak-en-us+m3", "espeak-en-gb-scotland+f5", "en"), ("espeak-cs+m3", "festival-krb", "cs"),
         ("festival-dita", "festival-krb", "cs"), ("espeak-it+f2", "festival-lp", "it")]


def boundary_errors(got, want):
    """Milliseconds between the beginnings of the phones that both have."""
    got, want = ([p for p in phones if p[0] != PAUSE] for phones in (got, want))
    same = difflib.SequenceMatcher(None, [p[0] for p in got], [p[0] for p in want], autojunk=False)
    return [got[block.a + k][1] - want[block.b + k][1] for block in same.get_matching_blocks() for k in range(block.size)]


def check(performer, listener):
    """Prints the errors of alignments whose truth is known; True where the median is within 30 ms everywhere."""
    good = True
    print(f"{'said by':26}{'heard from':26}{'phones':>7}{'matched':>9}{'median':>8}{'90 %':>7}{'bias':>7}  ms")
    for teacher, speaker, language in KNOWN:
        errors, count = [], 0
        try:
            for text in SENTENCES[language]:
                said, recorded = performer.say(teacher, text), performer.say(speaker, text)
                errors += boundary_errors(listener.align(*said, recorded[0])[0], recorded[1])
                count += sum(p[0] != PAUSE for p in recorded[1])
        except PerformerError as problem:
            print(f"{teacher:26}{speaker:26}{str(problem)}")
            continue
        size = np.abs(errors)
        good = good and np.median(size) <= 30
        print(f"{teacher:26}{speaker:26}{count:7}{len(errors) / count:9.0%}{np.median(size):8.0f}{np.quantile(size, 0.9):7.0f}"
              f"{np.median(errors):+7.0f}")
    return good


HEARD = 40  # clips of a speaker


def check_recordings(performer, results, keep):
    """Prints how far boundaries that can be heard, of vowels and hisses, are from where they are heard."""
    print(f"{'speaker':26}{'clips':>7}{'boundaries':>12}{'median':>8}{'90 %':>7}{'bias':>7}  ms")
    for speaker, recordings in speakers_of(performer.recordings()).items():
        kept = list(results.best(recordings, keep)[0].items())[:HEARD]
        errors = [e for recording, phones in kept for e in sound_errors(mel_of(performer.load(recording.file)), phones)]
        if errors:
            size = np.abs(errors)
            print(f"{speaker:26}{len(kept):7}{len(errors):12}{np.median(size):8.0f}{np.quantile(size, 0.9):7.0f}"
                  f"{np.median(errors):+7.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("performer")
    parser.add_argument("speech")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--clips", type=int, default=100000, help="of a speaker, at most")
    parser.add_argument("--keep", type=float, default=0.85, help="share of a speaker's clips that is kept, those of low cost")
    parser.add_argument("--only", help="these speakers, a regular expression")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if not options.check and not options.out:
        parser.error("OUT or --check is needed")
    threads(options.threads)
    with Performer(options.performer) as performer:
        listener = Listener(options.speech)
        if options.check:
            good = check(performer, listener)
            if options.out:
                check_recordings(performer, Results(os.path.join(options.out, "results.txt")), options.keep)
            return 0 if good else 1
        align(options, performer, listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
