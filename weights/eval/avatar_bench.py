"""What the parts of eval_avatar.py share: networks, portraits, clips, and the folder in which readings stay."""

import dataclasses
import hashlib
import json
import os

import numpy as np
from PIL import Image

import train_path  # noqa: F401
import clips as clips_of
import codec_weights
import encoder_reading
import generate
import probe as probing
import product
import reading
from dataset import Conversation, Dataset

VOICES, QUIET, LONG = ("trained", "untrained", "recorded"), ("silence", "noise", "music", "distant"), ("long", "whole")
QUIET_CLIPS = 4
STRETCH, STRETCH_EVERY = 25, 125  # frames of a long clip that are read, of as many
LONG_KEPT = 750  # frames, of which one is kept
FITTED_EVERY = 8  # frames, of which the second reader is fitted on one


@dataclasses.dataclass
class Own:
    """A stretch of a performer's frames: its clip, and where it is in its conversation."""

    clip: clips_of.Clip
    talk: Conversation
    side: int
    begin: int

    @property
    def pictures(self):
        return self.talk.pictures(self.side)[self.begin:self.begin + self.clip.frames]


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


class Bench:
    """What all parts share: networks, portraits, and the folder in which readings stay."""

    def __init__(self, options):
        self.options = options
        self.portraits = {}
        for name in sorted(os.listdir(options.characters)):
            if name.endswith(".png"):
                self.portraits[name[:-4]] = np.asarray(Image.open(os.path.join(options.characters, name)).convert("RGB"))
        self.names = list(self.portraits)
        self.codec, _ = codec_weights.load(options.codec)
        self.probe, _ = probing.load(options.probe)
        self.phones = Dataset(options.voices).phones
        self._model, self._faces, self._reader = None, {}, None
        os.makedirs(options.out, exist_ok=True)
        self.check()

    def check(self):
        """Readings in a folder are of one avatar."""
        o = self.options
        files = [os.path.join(p, "checkpoint.pt") if os.path.isdir(p) else p for p in (o.speech, o.head, o.denoiser, o.codec)]
        about = {"frames": "visavis" if o.visavis else "pytorch", "render": o.render, "steps": o.steps,
                 "made_of": [digest(f) for f in files + ([o.visavis] if o.visavis else [])]}
        path = os.path.join(o.out, "about.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                if json.load(file) != about:
                    raise SystemExit(f"{o.out} has readings of another avatar: give another folder with --out")
        else:
            write_json(path, about)

    @property
    def model(self):
        o = self.options
        if self._model is None:
            self._model = generate.load(generate.Sources(o.speech, o.head, o.denoiser, o.codec))
        return self._model

    @property
    def reader(self):
        if self._reader is None:
            still = {own.clip.character: reading.background(own.pictures, self.portraits[own.clip.character])
                     for own in self.own()}
            self._reader = reading.Reader(self.probe, self.codec, self.portraits, still, self.encoder())
        return self._reader

    def encoder(self):
        """The second reader, fitted on performers' frames outside of the stretches that are measured."""
        path = os.path.join(self.options.out, "encoder.npz")
        if not os.path.exists(path):
            seen, truth = [], []
            for own in self.own():
                frames = np.arange(0, own.talk.frames, FITTED_EVERY)
                frames = frames[(frames < own.begin - clips_of.FPS) | (frames >= own.begin + own.clip.frames + clips_of.FPS)]
                z = generate.latents_of(self.codec, own.talk.pictures(own.side)[frames])
                again = [generate.latents_of(self.codec, p) for p in generate.show(self.face(own.clip.character), z)]
                origin = generate.latents_of(self.codec, self.portraits[own.clip.character][None])
                seen += [(x - origin).reshape(len(z), -1) for x in (z, np.concatenate(again))]
                truth += 2 * [reading.truth_of(own.talk, own.side)[frames]]
            encoder_reading.fit(np.concatenate(seen), np.concatenate(truth)).save(path)
        return encoder_reading.restore(path)

    def face(self, character):
        if character not in self._faces:
            self._faces[character] = codec_weights.Face(self.codec, self.portraits[character])
        return self._faces[character]

    # ---- clips -----------------------------------------------------------------------------------------------------

    def own(self):
        """Performers' frames: of one conversation of each character the stretch in which most is said."""
        seen = set()
        for folder in self.options.own:
            data = Dataset(folder)
            for talk, side, character in reading.own_sides(data, 1):
                if character in seen or character not in self.portraits:
                    continue
                seen.add(character)
                clip, begin = clips_of.cut(data, talk, side, int(self.options.seconds * clips_of.FPS), character)
                yield Own(clip, talk, side, begin)

    def clips(self, part):
        o = self.options
        if part in ("trained", "untrained"):
            split = {"trained": "valid", "untrained": "test"}[part]
            return clips_of.of_split(o.voices, split, o.clips, o.seconds, self.names, o.seed)
        if part == "recorded":
            return clips_of.recorded(o.recorded, o.clips, o.seconds, self.names, o.seed) if o.recorded else []
        if part == "silence":
            return clips_of.quiet(o.seconds, QUIET_CLIPS, self.names)
        if part in QUIET:
            return clips_of.others(self.clips("untrained"), part, o.seconds, QUIET_CLIPS, self.names, seed=o.seed)
        if part in LONG:
            return [clips_of.dialogue(o.voices, o.minutes, o.long_character or self.names[0], o.seed)]
        return [own.clip for own in self.own()]

    # ---- readings --------------------------------------------------------------------------------------------------

    def path(self, part, clip):
        return os.path.join(self.options.out, part, f"{clip.name}-{clip.character}.npz".replace("/", "_"))

    def readings(self, part):
        """What of a part was read so far: [(clip, reading)]."""
        if not os.path.isdir(os.path.join(self.options.out, part)):
            return []
        known = self.clips(part.split("-")[0])
        return [(clip, reading.restore(self.path(part, clip))) for clip in known if os.path.exists(self.path(part, clip))]

    def keep(self, part, clip, stretches, z=None, **kwargs):
        os.makedirs(os.path.join(self.options.out, part), exist_ok=True)
        self.reader.read(clip.name, clip.character, stretches, z, **kwargs).save(self.path(part, clip))
        print(f"{part}: {clip.name}, {clip.character}", flush=True)

    def missing(self, part):
        return [clip for clip in self.clips(part) if not os.path.exists(self.path(part, clip))]

    def make(self, part):
        """Frames of a part's clips, and what is read of them."""
        clips = self.missing(part)
        shown = [clip for clip in clips if self.options.visavis and clip.pcm is not None]
        for clip in shown:
            self.keep(part, clip, [(0, product.render(self.options.visavis, clip, self.options.render))])
        clips = [clip for clip in clips if clip not in shown]
        made = generate.latents(self.model, clips, self.portraits, self.options.steps) if clips else []
        for clip, z in zip(clips, made):
            self.keep(part, clip, [(0, generate.show(self.face(clip.character), z))], z)

    def make_own(self):
        """Performers' frames, as they are and through the codec."""
        for own in self.own():
            clip, pictures = own.clip, own.pictures
            if not os.path.exists(self.path("own", clip)):
                self.keep("own", clip, [(0, reading.in_batches(pictures))])
            if not os.path.exists(self.path("own-coded", clip)):
                z = generate.latents_of(self.codec, pictures)
                self.keep("own-coded", clip, [(0, generate.show(self.face(clip.character), z))], z)

    def make_long(self, part):
        """Of the long clip every STRETCH_EVERYth frame begins a stretch that is read."""
        for clip in self.missing(part):
            begins = [b for b in range(0, clip.frames, STRETCH_EVERY) if b + STRETCH <= clip.frames]
            z, options = None, self.options
            if options.visavis and part == "long":
                stretches = split(product.render(options.visavis, clip, options.render), begins)
            else:
                made = generate.latents(self.model, [clip], self.portraits, options.steps)[0]
                z = np.concatenate([made[b:b + STRETCH] for b in begins])
                face = self.face(clip.character)
                stretches = ((b, generate.show(face, made[b:b + STRETCH])) for b in begins)
            self.keep(part, clip, stretches, z, keep=LONG_KEPT)


def split(batches, begins):
    """Stretches of pictures that come in batches from the first to the last."""
    begins, held, at = list(begins), [], 0
    for batch in batches:
        for picture in batch:
            if begins and begins[0] <= at < begins[0] + STRETCH:
                held.append(picture)
                if len(held) == STRETCH:
                    yield begins.pop(0), [np.stack(held)]
                    held = []
            at += 1
