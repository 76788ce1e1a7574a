"""Tests of how the evaluation makes frames (weights/eval/generate.py) and reads them (reading.py), with small networks that
were never trained; speaks TAP. Needs PyTorch."""

import os
import sys
import tempfile

import numpy as np
import torch

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path += [os.path.join(ROOT, *folder) for folder in (("weights", "eval"), ("weights", "train"), ("test", "unit"))]
import clips  # noqa: E402
import codec_weights  # noqa: E402
import encoder_reading  # noqa: E402
import avatar_bench  # noqa: E402
import generate  # noqa: E402
import motion  # noqa: E402
import probe as probing  # noqa: E402
import reading  # noqa: E402
import tap  # noqa: E402
from codec import CodecConfig  # noqa: E402
from denoiser import Denoiser, DenoiserConfig  # noqa: E402
from export_codec import pictures, random_codec  # noqa: E402
from export_denoiser import NOISE, TINY, normals, random_net  # noqa: E402
from export_speech import random_speech  # noqa: E402
from head import Head, HeadConfig  # noqa: E402
from speech import SpeechConfig  # noqa: E402

GRID, LATENT, WIDTH = 4, 5, 14


def near(a, b, tolerance):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and np.abs(a - b).max() <= tolerance, f"differ by {np.abs(a - b).max()}"


def alike(a, b):
    """But for what bfloat16 rounds, which depends on the batch."""
    assert a.shape == b.shape and np.sqrt(((a - b) ** 2).mean()) < 0.03 * b.std(), np.sqrt(((a - b) ** 2).mean()) / b.std()


def a_model(variant=generate.Variant()):
    torch.manual_seed(1)
    codec = random_codec(CodecConfig(grid=GRID, latent=LATENT, motion=(6, 8, 12, 16), trunk=(6, 8, 10, 12, 14),
                                     maps=(4, 6, 8, 10, 12), decoder=(8, 10, 12, 14, 18), residual=(1, 0, 1, 2, 1)), 3)
    speech = random_speech(SpeechConfig(width=WIDTH, mouth=("jawOpen",), phones=("pau",)), 4)[0]
    head = random_net(Head(HeadConfig(width=20, mixture=3, grid=GRID, mask=6)), 5)
    return generate.Model(speech.eval(), head.eval(), random_net(Denoiser(TINY), 6).eval(), codec.eval(), variant)


def portraits():
    return dict(zip(("ann", "bob"), pictures(32 * GRID, 2, 7)))


def a_clip(name, character, frames=9):
    pcm = np.random.default_rng(len(name)).integers(-3000, 3000, 640 * frames).astype(np.int16)
    return clips.Clip(name, "someone", character, pcm)


def a_clip_alone_is_as_in_company_and_as_the_beginning_of_a_longer_one():
    model, seen = a_model(), portraits()
    short, long = a_clip("one", "ann"), a_clip("other", "bob", 14)
    alone, both = generate.latents(model, [short], seen), generate.latents(model, [short, long], seen)
    assert alone[0].shape == (9, GRID**2, LATENT) and both[1].shape == (14, GRID**2, LATENT)
    alike(alone[0], both[0])
    cut = clips.Clip("other", "someone", "bob", long.pcm[:640 * 9])
    begun = generate.latents(model, [cut], seen)[0]
    far = model.denoiser.config.after + 2  # frames before the end, from which on it is heard
    same = (9 - far) // model.denoiser.config.fresh * model.denoiser.config.fresh
    alike(begun[:same], both[1][:same])


def chance_follows_the_name_alone():
    model, seen = a_model(), portraits()
    one, same, other = (generate.latents(model, [clips.Clip(name, "", "ann", a_clip("x", "ann").pcm)], seen)[0]
                        for name in ("a", "a", "b"))
    assert (one == same).all() and np.abs(one - other).max() > 0.1


def the_first_window_is_the_denoisers_answer_to_the_servers_noise():
    """All that goes into a window, put together once more by hand."""
    model, seen, clip = a_model(), portraits(), a_clip("one", "ann")
    net = model.denoiser
    c = net.config
    given = generate.Given(model, [clip], seen)
    window = given.window(0)
    rows = np.full((4 * (40 + clip.frames + c.after), 80), generate.SILENCE, np.float32)
    rows[160:160 + 4 * clip.frames] = generate.mel_of_clip(clip)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = model.speech(torch.from_numpy(rows)[None])[:, 2 * (40 - c.before):][:, :c.speech_tokens]
    near(window["speech"], tokens.float(), 0.02)
    near(window["coarse"][0, 1], generate.loudness(torch.from_numpy(rows))[41 - c.before:41 + c.after + 1].flatten(), 0)
    assert window["coarse"].shape == (1, c.fresh, c.around * c.coarse) and window["told"].shape == (1, c.fresh, 2 * c.told)
    z = torch.from_numpy(generate.latents_of(model.codec, seen["ann"][None]))
    near(window["reference"], (z - net.reference_mean) / net.spread, 1e-6)
    near(window["told"][0, 0, c.told:], -model.head.mean / model.head.spread, 1e-6)
    near(window["emotion"][0], torch.eye(c.emotion)[0], 0)
    noise = torch.from_numpy(normals(clip.seed, 0, NOISE, c.fresh * c.places * c.latent))
    noise = noise.reshape(1, c.fresh, c.places, c.latent)
    near(given.noise(0), noise, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        dz = net.sample(noise, torch.zeros(1, c.overlap, c.places, c.latent), steps=3, **window)
    near(next(generate.windows(given, 3)), (dz * net.spread + z[:, None]).numpy(), 1e-5)


def a_mouths_moving_reaches_the_lips_in_time():
    """A sound late in the clip changes nothing of the windows that cannot hear it yet, and something of those that can."""
    model, seen = a_model(), portraits()
    c, frames = model.denoiser.config, 24
    quiet, loud = (clips.Clip("same", "", "ann", np.zeros(640 * frames, np.int16)) for _ in range(2))
    loud.pcm = quiet.pcm.copy()
    loud.pcm[640 * 18:] = np.random.default_rng(1).integers(-9000, 9000, 640 * 6)
    a, b = (generate.Given(model, [clip], seen) for clip in (quiet, loud))
    ahead = c.after + 3  # frames of sound after its own that a frame may hear: the lookahead, and the encoder's
    for start in range(0, frames, c.fresh):
        x, y = a.window(start), b.window(start)
        if start + c.fresh + ahead <= 18:
            assert all((x[k] == y[k]).all() for k in ("speech", "coarse", "told", "mask")), start
        if start >= 18:
            assert (x["speech"] != y["speech"]).any() and (x["coarse"] != y["coarse"]).any()


def variants_withhold_what_they_say():
    seen, clip = portraits(), a_clip("one", "ann")
    told = lambda **variant: generate.Given(a_model(generate.Variant(**variant)), [clip], seen)
    full, no_pose, no_eyes = told(), told(no_pose=True), told(no_eyes=True)
    assert not no_pose.told.any() and not no_pose.mask.any() and full.mask.any()
    count = TINY.told
    assert not no_eyes.told[..., 6:count].any() and not no_eyes.told[..., count + 6:].any()
    assert (no_eyes.told[..., :6] == full.told[..., :6]).all() and full.told[..., 6:count].any()
    one, other = (generate.latents(a_model(generate.Variant(no_overlap=flag)), [clip], seen)[0] for flag in (False, True))
    assert (one[:3] == other[:3]).all() and (one[3:6] != other[3:6]).any()  # before the first window there is none


def runs_and_files_give_the_same_networks():
    """A file of weights holds what its run holds, but for bfloat16; and a variant uses the same weights otherwise."""
    from export_denoiser import packed
    from export import write_safetensors

    net = random_net(Denoiser(DenoiserConfig()), 8)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "denoiser.safetensors")
        write_safetensors(path, packed(net, True), {"denoiser": net.config.to_json()}, {})
        read = generate.of_either(path, None, generate.net_of_weights)[0]
        assert read.config == net.config
        near(read.leave.weight.detach(), net.leave.weight.detach(), 0)


def frames_are_read_in_stretches_and_latents_come_back():
    seen = portraits()
    probe = probing.Probe(["lip_gap"]).eval()
    model = a_model()
    fine = encoder_reading.EncoderReading(np.float32(0), np.eye(GRID**2 * LATENT, 2, dtype=np.float32), np.float32([7, 8]))
    reader = reading.Reader(probe, model.codec, seen, {"ann": np.ones((128, 128), bool)}, fine)
    moving = np.stack([np.roll(seen["ann"], i, 1) for i in range(12)])
    got = reader.read("clip", "ann", [(0, [moving[:4], moving[4:7]]), (100, [moving[7:12]])], keep=2)
    assert got.frame.tolist() == [*range(7), *range(100, 105)] and got.kept_frame.tolist() == [0, 2, 4, 6, 100, 102, 104]
    assert (got.kept[1] == moving[2]).all() and got.bend_frame.tolist() == [1, 2, 3, 4, 5, 101, 102, 103]
    assert got.background[0] == float("inf") and np.isfinite(got.background[1:]).all()
    near(got.identity[0], 1, 1e-4)
    whole = motion.acceleration(reading.shrink(moving[:7]))
    near(got.bend[:5, 1], whole, 1e-3)
    away = (got.again - generate.latents_of(model.codec, seen["ann"][None])).reshape(12, -1)
    near(np.stack([got.lips_encoder, got.lids], 1), away[:, :2] + [7, 8], 1e-4)
    near(got.again[:4], generate.latents_of(model.codec, moving[:4]), 1e-4)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "reading.npz")
        got.save(path)
        again = reading.restore(path)
        assert again.name == "clip" and again.z is None and (again.lips == got.lips).all()
        assert os.listdir(folder) == ["reading.npz"]


def pictures_that_come_in_batches_are_cut_into_stretches():
    frames = np.arange(300)[:, None] * np.ones((1, 2))
    begins = [0, 125, 250]
    out = list(avatar_bench.split((frames[i:i + 16] for i in range(0, 300, 16)), begins))
    assert [b for b, _ in out] == begins
    for begin, (batch,) in out:
        assert (batch[:, 0] == np.arange(begin, begin + avatar_bench.STRETCH)).all()


def a_face_is_shown_frame_by_frame():
    model, seen = a_model(), portraits()
    face = codec_weights.Face(model.codec, seen["ann"])
    z = np.random.default_rng(2).normal(size=(generate.BATCH + 3, GRID**2, LATENT)).astype(np.float32)
    parts = list(generate.show(face, z))
    assert [p.shape for p in parts] == [(n, 128, 128, 3) for n in (generate.BATCH, 3)] and parts[0].dtype == np.uint8
    one = np.concatenate(list(generate.show(face, z[5:6])))
    assert np.abs(one[0].astype(int) - parts[0][5]).mean() < 1 and (parts[0][5] != parts[0][6]).any()


if __name__ == "__main__":
    torch.set_num_threads(1)
    tap.run(globals(), (near, alike, a_model, portraits, a_clip))
