"""Tests of how the avatar is measured (weights/eval: motion, sounds, clips, product, avatar_measures, avatar_report), on small
made-up series whose answers are known; speaks TAP. Needs numpy only."""

import json
import os
import stat
import sys
import tempfile

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path += [os.path.join(ROOT, *folder) for folder in (("weights", "eval"), ("weights", "train"), ("test", "unit"))]
import avatar_measures as measures  # noqa: E402
import avatar_report  # noqa: E402
import clips  # noqa: E402
import encoder_reading  # noqa: E402
import motion  # noqa: E402
import product  # noqa: E402
import sounds  # noqa: E402
import tap  # noqa: E402
from dataset import read_wav  # noqa: E402
from voices import GAP, MOUTH  # noqa: E402

PHONES = ["pau", "p", "b", "m", "t", "aa", "ae", "ah", "ao", "eh"]


def near(a, b, tolerance=1e-9):
    assert np.all(np.abs(np.asarray(a) - b) <= tolerance), f"{a} is not {b}"


def wave(frames, seed=1):
    """A smooth series that never repeats."""
    chance = np.random.default_rng(seed)
    return motion.smooth(motion.smooth(chance.normal(size=frames), 5), 5)


def a_face(frames=50):
    """68 points that stay where they are: [frames, 68, 2]."""
    points = np.random.default_rng(3).uniform(40, 90, (68, 2))
    points[36], points[45], points[30] = [40, 50], [90, 50], [65, 70]
    return np.repeat(points[None], frames, 0)


class Seen:
    """What reading.Reading holds, made up."""

    def __init__(self, lips, **values):
        n = len(lips)
        self.lips, self.frame, self.kept_frame = np.asarray(lips, float), np.arange(n), np.arange(0, n, 2)
        self.lips_encoder = self.lips
        self.lids, self.landmarks, self.identity = np.ones(n), a_face(n), np.ones(n)
        self.background, self.colour, self.z, self.again = np.full(n, 40.0), np.zeros((n, 3)), None, np.zeros((n, 4, 2))
        self.bend, self.bend_frame = np.ones((n - 2, 2)), np.arange(1, n - 1)
        self.__dict__.update(values)


def a_clip(opening, speaking=None, phones=None, character="ann", who="someone"):
    opening = np.asarray(opening, float)
    return clips.Clip("clip", who, character, np.zeros(640 * len(opening), np.int16), opening,
                      np.ones(len(opening), bool) if speaking is None else np.asarray(speaking),
                      np.zeros(4 * len(opening), np.uint8) if phones is None else phones)


# ---- motion ------------------------------------------------------------------------------------------------------------


def a_delay_is_found_whole_and_between_frames():
    fine = wave(400)
    for k in (-3, 0, 2):
        read, truth = (fine[20:320], fine[20 + k:320 + k])  # what is read at f was true at f - k
        curve = motion.delays(read, truth)
        near(motion.best_delay(curve), k, 0.05)
        near(curve[6 + k], 1, 1e-9)
    half = (fine[20:320] + fine[19:319]) / 2
    near(motion.best_delay(motion.delays(half, fine[20:320])), 0.5, 0.1)
    assert motion.best_delay(np.arange(13.0)) == 6  # at the edge there is no parabola


def spans_join_neighbours_and_lowest_takes_the_frames_that_they_touch():
    phones = np.array([0, 1, 1, 3, 0, 0, 2, 0, 0, 0, 0, 1])
    where = motion.spans(phones, [1, 2, 3])
    assert where == [(1, 4), (6, 7), (11, 12)], where
    assert motion.lowest(np.array([5.0, 3.0, 4.0]), where).tolist() == [5, 3, 4]
    assert motion.lowest(np.array([5.0, 3.0]), where).tolist() == [5, 3]  # the third is not reached
    assert motion.lowest(np.array([9.0, 1.0, 9.0]), [(2, 9)]).tolist() == [1]
    assert motion.lowest(np.array([9.0, np.nan, 9.0, 8.0]), [(2, 9), (9, 16), (13, 20)]).tolist() == [8]


def the_shut_threshold_separates_and_passes_by_what_is_neither():
    truth = np.array([0, 0.01, 0.02, 0.1, 0.1, 0.15, 0.5, 0.9])
    read = np.array([0.1, 0.2, 0.3, 0.0, 9.0, 0.6, 0.7, 1.0])
    threshold, right = motion.shut_threshold(read, truth)
    assert 0.3 <= threshold < 0.6 and right == 1
    assert motion.shut_threshold(np.append(read, 0.2), np.append(truth, 0.5))[1] == 0.875


def amplitude_and_open_share_are_shares():
    x = wave(100)
    near(motion.amplitude(0.5 * x + 3, x), 0.5, 1e-9)
    near(motion.open_share([1, 1.19, 1.21, 3], 1, 3), 0.5)


def the_head_is_read_in_its_own_units():
    points = a_face()
    assert np.abs(motion.head_of(points)).max() < 1e-9
    points[25:] += [5, 10]  # the eyes are 50 apart
    held = motion.head_of(points)
    near(held[30] - held[0], [0, 0, 0, 0.1, 0.2], 1e-9)
    points[25:, motion.NOSE_TIP, 0] += 10
    near((motion.head_of(points)[30] - motion.head_of(points)[0])[0], 0.2, 1e-9)
    turned = a_face()
    turned[25:, 45, 1] += 5
    near((motion.head_of(turned)[30] - motion.head_of(turned)[0])[2], np.arctan(0.1), 1e-9)


def turning_points_are_highs_and_lows_of_a_depth():
    x = [0, 1, 5, 4.8, 5.1, 2, 2.2, 6, 6]
    assert motion.turning_points(x, 1) == [(0, False), (4, True), (5, False), (7, True)]
    assert motion.turning_points([1, 0, 2], 0.5) == [(0, True), (1, False), (2, True)]
    assert motion.turning_points(x, 10) == []
    assert motion.turning_points([3.0] * 5, 1) == []


def nods_go_down_and_up_in_time():
    def of(y):
        held = np.zeros((len(y), 5))
        held[:, 4] = y
        return motion.nods(held, depth=0.05)

    t = np.arange(200)
    one = 0.2 * np.exp(-(((t - 60) / 4.0) ** 2))
    assert of(one) == 1
    assert of(one + np.roll(one, 40) + np.roll(one, 80)) == 3
    assert of(-one) == 0  # up and down again is no nod
    assert of(0.2 * np.exp(-(((t - 60) / 30.0) ** 2))) == 0  # too slow
    assert of(np.where(t > 60, 0.2, 0)) == 0  # it stays down
    assert of(0.2 * one) == 0


def blinks_are_counted_once_each():
    lids = np.ones(60)
    lids[10:13], lids[30], lids[31] = 0.1, 0.4, 0.3
    lids[50] = 0.6
    assert motion.blinks(lids) == 2
    assert motion.blinks(np.r_[0.0, np.ones(20)]) == 1
    alive = motion.liveliness(a_face(60), lids)
    near(alive["blinks"], 2 * 25, 1e-9)  # in 60 frames of 1500 a minute
    assert alive["nods"] == 0 and np.abs(alive["spread"]).max() < 1e-9


def acceleration_is_of_the_straight_line():
    points = a_face(7) + np.arange(7)[:, None, None] * [3, 1]
    near(motion.acceleration(points), 0)
    points[4:] += [3, 4]
    near(motion.acceleration(points), [0, 0, 5, 5, 0])
    near(motion.acceleration(np.arange(5.0) ** 2), 2)


def jumps_between_windows_are_told_from_jumps_within():
    frame = np.arange(1, 99)
    assert motion.at_borders(np.ones(98), frame) == 1
    x = np.cumsum(np.random.default_rng(4).normal(size=100))
    jumps = lambda first: motion.acceleration(x + 40 * (np.arange(100) >= first)[:, None].astype(float)[:, 0])
    steps = np.zeros(100)
    steps[5::5] = 10
    near(motion.at_borders(motion.acceleration(np.cumsum(steps)) + 1, frame), 11, 0.6)
    steps = np.roll(steps, 2)
    near(motion.at_borders(motion.acceleration(np.cumsum(steps)) + 1, frame), 3 / 23, 0.02)  # within: two of three others
    assert motion.at_borders(jumps(50), frame) > 1.5 * motion.at_borders(jumps(52), frame)
    late = motion.acceleration(np.cumsum(np.roll(steps, -2)))[30:60]
    assert motion.at_borders(late + 1, np.arange(31, 61)) > 5  # numbers count, not places in the array


def drift_compares_the_ends():
    near(motion.drift(np.r_[np.ones(5), np.full(5, 7), np.full(5, 3)], 5), 2)
    near(motion.drift(np.stack([np.arange(10.0), -np.arange(10.0)], 1), 2), [8, -8])


def still_pixels_are_those_of_the_portrait():
    portrait = np.full((4, 4, 3), 100, np.uint8)
    pictures = np.repeat(portrait[None], 40, 0)
    pictures[:, 0, 0, 1] = 109  # always other
    pictures[::4, 1, 1] = 200  # now and then
    pictures[3, 2, 2] = 0  # once
    pictures[:, 3, 3] = 107
    mask = motion.still_pixels(pictures, portrait)
    assert not mask[0, 0] and not mask[1, 1] and mask[2, 2] and mask[3, 3] and mask.sum() == 14
    near(motion.psnr_within(pictures[0], portrait, np.arange(16).reshape(4, 4) == 15), 20 * np.log10(255 / 7), 1e-9)
    assert motion.psnr_within(pictures[1], portrait, np.arange(16).reshape(4, 4) == 5) == float("inf")


# ---- sounds and clips ----------------------------------------------------------------------------------------------------


def sounds_are_seeded_and_as_loud_as_asked():
    for make in (sounds.noise, sounds.music):
        one, same, other = (sounds.to_pcm(make(1.5, np.random.default_rng(seed)), 0.02) for seed in (1, 1, 2))
        assert (one == same).all() and (one != other).any() and len(one) == 24000
        near(np.sqrt(((one / 32768.0) ** 2).mean()), 0.02, 0.001)
    near(sounds.decibel(20), 10)
    pcm = np.r_[np.zeros(640), np.full(640, 3276.8), np.full(640, 16384)].astype(np.int16)
    near(sounds.level_of(pcm, [0, 1, 0]), 0.1, 1e-4)


def a_distant_voice_goes_on_when_its_speaker_stops():
    voice = np.r_[np.random.default_rng(1).normal(size=8000) * 3000, np.zeros(8000)]
    far = sounds.distant(voice, np.random.default_rng(2))
    power = lambda x: (x**2).mean()
    assert len(far) == 16000 and power(far[8000:9000]) > 20 * power(far[15000:]) > 0


def a_wav_file_is_one_that_the_datasets_reader_reads():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.wav")
        pcm = np.array([0, 1, -32768, 32767, 5], np.int16)
        sounds.write_wav(path, pcm)
        read, rate = read_wav(path)
        assert rate == 16000 and (read == pcm).all()


def the_busiest_stretch_is_found_and_led_by_silence():
    assert clips.busiest(np.array([1, 0, 0, 1, 1, 1, 0, 1]), 3) == 3
    clip = clips.led(a_clip(np.ones(4), phones=np.ones(16, np.uint8)))
    assert clip.frames == 4 + 2 * clips.LEAD and len(clip.phones) == 4 * clip.frames == 4 * len(clip.opening)
    assert clip.opening.sum() == 4 and not clip.speaking[:clips.LEAD].any() and clip.speaking[clips.LEAD]


def voices_take_turns():
    assert list(clips.in_turn("aabbbc", lambda x: x)) == ["a", "b", "c", "a", "b", "b"]


def a_dataset(folder, voices):
    """A dataset without pictures, a conversation of 3 s for each pair of voices; who speaks does so from frame 40 on."""
    frames, columns = 75, list(GAP)  # of the pose: jawOpen comes first
    manifest = {"version": 2, "seed": 9, "fps": 25, "rate": 16000, "pose": columns, "state": ["speaking"], "truth": [],
                "pictures": None, "phones": PHONES, "emotions": [],
                "splits": {"train": [], "valid": list(range(len(voices))), "test": []}}
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    for index, pair in enumerate(voices):
        place = os.path.join(folder, f"{index:06d}")
        os.mkdir(place)
        for side in range(2):
            pose, state = np.zeros((frames, len(columns)), np.float16), np.zeros((frames, 1), np.float16)
            pose[:, 0] = np.linspace(0, 0.5, frames)
            state[40:] = 1
            np.save(os.path.join(place, f"pose-{side}.npy"), pose)
            np.save(os.path.join(place, f"state-{side}.npy"), state)
            np.save(os.path.join(place, f"phones-{side}.npy"), np.repeat([0, 1], [160, 140]).astype(np.uint8))
            sounds.write_wav(os.path.join(place, f"audio-{side}.wav"), np.arange(640 * frames) % 999)
        about = {"split": "valid", "language": "en", "frames": frames, "sides": [{"voice": v} for v in pair],
                 "dialogue": [], "acts": []}
        with open(os.path.join(place, "conversation.json"), "w", encoding="utf-8") as file:
            json.dump(about, file)
        with open(os.path.join(place, "complete"), "w", encoding="utf-8") as file:
            json.dump({}, file)


def clips_of_a_dataset_are_of_many_voices_and_their_truth_is_cut_alike():
    with tempfile.TemporaryDirectory() as folder:
        a_dataset(folder, [("flite-x", "espeak-a"), ("flite-y", "espeak-a"), ("espeak-b", "espeak-c")])
        some = clips.of_split(folder, "valid", 4, 1, ["ann", "bob"], seed=2)
        assert len(some) == 4 and [c.character for c in some] == ["ann", "bob", "ann", "bob"]
        assert some[0].who.startswith("flite") and {c.who for c in some[1:]} == {"espeak-a", "espeak-b", "espeak-c"}
        again = clips.of_split(folder, "valid", 4, 1, ["ann", "bob"], seed=2)
        assert [c.name for c in again] == [c.name for c in some] and [c.seed for c in again] == [c.seed for c in some]
        clip = some[0]
        inner = slice(clips.LEAD, clips.LEAD + 25)
        assert clip.frames == 25 + 2 * clips.LEAD and clip.speaking[inner].all()
        begin = int(round(clip.opening[inner][0] / 2.89 / 0.5 * 74))
        assert begin >= 40
        near(clip.opening[inner], 2.89 * np.linspace(0, 0.5, 75)[begin:begin + 25], 2e-3)
        assert clip.pcm[640 * clips.LEAD] == 640 * begin % 999
        whole = clips.dialogue(folder, 0.1, "ann")
        assert whole.frames == 150 == len(whole.opening) and len(whole.phones) == 600


def a_recording(path, speaker, split, steps, busy):
    """A file of aligned pieces: one of so many steps of 20 ms, with speech from step `busy` on, whose rows count."""
    phone = np.where(np.arange(steps) < busy, 0, 1).astype(np.uint8)
    mouth = np.zeros((steps, len(MOUTH)), np.float32)
    mouth[:, MOUTH.index("opening")] = np.arange(steps)
    mel = np.repeat(np.arange(2 * steps)[:, None], 80, 1).astype(np.float16)
    np.savez(path, mel=mel, mouth=mouth, phone=phone, lengths=[steps], speaker=speaker, language="xx", split=split,
             names=PHONES, columns=MOUTH)


def recorded_speakers_are_those_held_out_where_they_speak_most():
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f"{name}.npz") for name in "abcd"]
        a_recording(files[0], "known", "train", 200, 0)
        a_recording(files[1], "held", "test", 201, 100)
        a_recording(files[2], "short", "test", 40, 0)
        a_recording(files[3], "also", "test", 200, 60)
        some = clips.recorded(files, 5, 1, ["ann", "bob"])
        assert sorted(c.who for c in some) == ["also", "held"] and {c.character for c in some} == {"ann", "bob"}
        held = next(c for c in some if c.who == "held")
        assert held.frames == 25 == len(held.opening) and held.pcm is None and len(held.phones) == 100 and held.speaking.all()
        near(held.mel[:, 0], np.arange(200, 300), 0)
        near(held.opening, 100.5 + 2 * np.arange(25), 0)
        near(held.phones, 1, 0)


def what_is_heard_beside_a_silent_avatar_is_ten_decibels_below():
    voice = clips.led(a_clip(np.ones(30)))
    voice.pcm = np.where(np.repeat(voice.speaking, 640), np.tile([8000, -8000], 320 * voice.frames), 0).astype(np.int16)
    for kind in ("noise", "music", "distant"):
        some = clips.others([voice], kind, 1, 2, ["ann", "bob"])
        assert len(some) == 2 and (some[0].pcm != some[1].pcm).any() and not some[0].speaking.any()
        level = np.sqrt(((some[0].pcm / 32768.0) ** 2).mean())
        near(20 * np.log10(level / (8000 / 32768)), -10, 0.1)
    still = clips.quiet(2, 3, ["ann", "bob"])
    assert [c.frames for c in still] == [50] * 3 and not still[0].pcm.any() and still[2].character == "ann"


# ---- the product's frames ------------------------------------------------------------------------------------------------


def planes(y, u, v, size=4):
    return np.full((size, size), y, np.uint8), *(np.full((size // 2, size // 2), c, np.uint8) for c in (u, v))


def colours_of_bt709_come_out_as_they_are():
    for yuv, rgb in (((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255)), ((63, 102, 240), (255, 0, 0)),
                     ((173, 42, 26), (0, 255, 0)), ((32, 240, 118), (0, 0, 255)), ((126, 128, 128), (128, 128, 128))):
        near(product.to_rgb(*planes(*yuv)).astype(int), rgb, 2)


def a_program_shows_a_clip_and_is_told_what_to_show():
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program")
        with open(program, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n"
                       f'echo "$@" > {folder}/asked\n'
                       'while [ "$1" != --out ]; do shift; done\n'
                       'printf "YUV4MPEG2 W2 H2 F25:1 C420mpeg2\\n" > "$2"\n'
                       'for i in 1 2 3 4 5 6; do printf "FRAME\\nAAAAxy" >> "$2"; done\n')
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        clip = a_clip(np.ones(5))
        shown = np.concatenate(list(product.render(program, clip, ["--workers", "1"])))
        assert shown.shape == (5, 2, 2, 3) and (shown == product.to_rgb(*planes(65, 120, 121, 2))).all()
        with open(os.path.join(folder, "asked"), encoding="utf-8") as file:
            asked = file.read().split()
        assert asked[0] == "render" and asked[asked.index("--character") + 1] == "ann" and asked[-2:] == ["--workers", "1"]
        assert asked[asked.index("--seed") + 1] == str(clip.seed)
        for bad in (a_clip(np.ones(9)), None):
            try:
                if bad is None:
                    with open(program, "w", encoding="utf-8") as file:
                        file.write("#!/bin/sh\necho no such character >&2\nexit 2\n")
                list(product.render(program, bad or clip))
            except (ValueError, RuntimeError) as problem:
                assert ("3 frames are missing" if bad else "no such character") in str(problem), problem
                continue
            raise AssertionError("a clip that is not whole was taken")


# ---- measures ------------------------------------------------------------------------------------------------------------


def talking(frames=200, seed=5):
    """(truth in cm, phones): a mouth that shuts at every /m/ and opens between."""
    t = np.arange(frames)
    truth = np.maximum(0, 0.8 * np.sin(t * 2 * np.pi / 20) * (1 + 0.3 * wave(frames, seed)))
    phones = np.full(4 * frames, PHONES.index("t"), np.uint8)
    for start in range(12, frames - 8, 20):
        phones[4 * start:4 * start + 8] = PHONES.index("m")  # the sine is below 0
        phones[4 * start - 28:4 * start - 24] = PHONES.index("aa")  # and at its top
    return truth, phones


def calibration_is_of_each_character_and_of_all():
    truth, phones = talking()
    own = [(a_clip(truth, phones=phones, character=name), Seen(truth + extra))
           for name, extra in (("ann", 0.1), ("bob", 0.3))]
    scale = measures.calibrate(own)
    assert set(scale) == {"ann", "bob", "all"}
    near(scale["ann"]["shut"], 0.1, 0.02)
    near(scale["bob"]["shut"] - scale["ann"]["shut"], 0.2, 1e-9)
    near(scale["ann"]["full"], np.percentile(truth, 98) + 0.1, 1e-9)
    assert 0.11 <= scale["ann"]["threshold"] <= 0.24 and scale["ann"]["right"] == 1
    twice = measures.calibrate([(clip, Seen(seen.lips, lips_encoder=2 * seen.lips)) for clip, seen in own], "lips_encoder")
    near(twice["bob"]["shut"], 2 * scale["bob"]["shut"], 1e-9)
    assert measures.scale_of(scale, "nobody") == scale["all"]


def lips_that_follow_pass_and_lips_that_do_not_fail():
    truth, phones = talking()
    scale = measures.calibrate([(a_clip(truth, phones=phones), Seen(truth + 0.1))])
    good = measures.lips([(a_clip(truth, phones=phones), Seen(truth + 0.1))], scale, PHONES)
    near([good["r"], good["closed"], good["wide_closed"], good["amplitude"], good["delay_within"]], [1, 1, 0, 1, 1], 1e-9)
    near(good["delay"], 0, 1e-6)
    assert good["closing"] == len(range(12, 192, 20))
    late = measures.lips([(a_clip(truth, phones=phones), Seen(np.roll(truth, 3)))], scale, PHONES)
    near(late["delay"], 3, 0.2)
    assert late["r"] < 0.8 and late["delay_within"] == 0
    ajar = measures.lips([(a_clip(truth, phones=phones), Seen(truth + 0.5))], scale, PHONES)
    assert ajar["closed"] == 0 and ajar["r"] > 0.999
    still = measures.lips([(a_clip(truth, phones=phones), Seen(np.full(200, 0.1)))], scale, PHONES)
    assert still["r"] == 0 and still["wide_closed"] == 1
    clip = a_clip(truth, phones=phones)
    both = measures.lips([(clip, Seen(truth)), (clip, Seen(-truth))], scale, PHONES)
    near([both["r"], both["r_lowest"]], [0, -1], 1e-9)


def lips_in_speech_alone_by_either_reader_and_in_stretches():
    truth, phones = talking()
    speaking = np.arange(200) < 100
    read = np.where(speaking, truth, 5.0)
    scale = measures.calibrate([(a_clip(truth, phones=phones), Seen(truth))])
    seen = Seen(read, lips_encoder=-truth)
    out = measures.lips([(a_clip(truth, speaking, phones), seen)], scale, PHONES)
    near(out["r_speaking"], 1, 1e-9)
    assert out["r"] < 0.5
    near(measures.lips([(a_clip(truth, speaking, phones), seen)], scale, PHONES, "lips_encoder")["r"], -1, 1e-9)
    some = np.r_[0:40, 100:140]
    cut = Seen(truth[some], frame=some)
    out = measures.lips([(a_clip(truth, phones=phones), cut)], scale, PHONES)
    near(out["r"], 1, 1e-9)
    assert (out["closing"], out["closed"]) == (4, 1)  # those in between were not seen


def silence_counts_open_mouths():
    scale = {"all": {"shut": 1.0, "full": 3.0, "threshold": 1.1, "right": 1.0}}
    lips = np.r_[np.full(90, 1.1), np.full(10, 2.0)]
    out = measures.quiet([(a_clip(np.zeros(100)), Seen(lips)), (a_clip(np.zeros(100)), Seen(np.ones(100)))], scale)
    near([out["shut"], out["shut_worst"]], [0.95, 0.9], 1e-9)
    own = [(a_clip(np.zeros(100)), Seen(lips)), (a_clip(np.ones(100)), Seen(lips + 9))]
    near(measures.resting(own, scale), 0.9, 1e-9)


def cycle_errors_are_in_deviations_and_against_the_truth():
    again = np.array([0, 1, 2, 9.0])[:, None, None] * np.ones((4, 1)) * [2.0, 4.0]
    seen = Seen(np.zeros(4), z=np.zeros((4, 4, 2)), again=again)
    spread = np.array([4.0, 8.0])
    near(measures.cycle([(None, seen)], spread), [0, 0.5, 1, 4.5], 1e-9)
    out = measures.whole([(None, seen), (None, Seen(np.zeros(4)))], spread, 1.0)
    near([out["mean"], out["worst"], out["ratio"], out["worst_ratio"], out["above_four"]], [1.5, 4.5, 1.5, 4.5, 0.25], 1e-9)
    assert measures.whole([(None, Seen(np.zeros(4)))], spread, 1.0) is None


def the_encoders_reading_is_a_ridge_regression():
    chance = np.random.default_rng(9)
    z, weight = chance.normal(3, [1, 2, 0.5, 1e-9], (3000, 4)), np.array([[1, 0], [0, 2], [-1, 1], [0, 0.0]])
    truth = z @ weight + [5, -5]
    reader = encoder_reading.fit(z, truth, 1e-6)
    near(reader(z[:9]), truth[:9], 1e-3)
    shy = encoder_reading.fit(z, truth, 3000.0)  # as strong as the data: half of every slope
    near(shy(z).std(0) / truth.std(0), 0.5, 0.02)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "encoder.npz")
        reader.save(path)
        near(encoder_reading.restore(path)(z[:9]), reader(z[:9]), 0)


def borders_of_stretches_go_by_the_frames_numbers():
    bend = np.ones((8, 2))
    frame = np.array([1, 2, 3, 4, 126, 127, 128, 129])
    bend[[3, 7], 0], bend[[0, 4], 1] = 4, 3
    out = measures.borders([(None, Seen(np.zeros(10), bend=bend, bend_frame=frame))])
    near([out["landmarks"], out["pixels"]], [4, 1 / (10 / 6)], 1e-9)


def what_drifts_is_told_and_what_stays_is_not():
    n = 4 * measures.MINUTE
    steady = measures.steady(Seen(np.zeros(n)))
    drifts = [steady["background"]["drift"], steady["identity"]["drift"], steady["colour_drift"]]
    near([steady["minutes"], *drifts], [4, 0, 0, 0], 1e-3)
    fall, red = np.linspace(40, 36, n), np.zeros((n, 3))
    red[measures.MINUTE:2 * measures.MINUTE, 0], red[-measures.MINUTE:, 2] = 6, -2
    worse = measures.steady(Seen(np.zeros(n), background=fall, colour=red))
    near([worse["background"]["drift"], worse["background"]["worst_minute"]], [-3, 36.5], 0.01)
    near([worse["colour_drift"], worse["colour_between_minutes"]], [2, 6], 1e-9)


def the_outside_readers_faces_scores_and_gaps_are_counted():
    truth, _ = talking(40)
    clip, seen = a_clip(truth, np.arange(40) < 20), Seen(truth)
    rows = [{"kept": k, "score": 0.8, "gap": float(truth[2 * k]), "read": "happy" if k < 8 else "surprised"}
            for k in range(20)]
    rows[9] = {"kept": 9, "score": None}
    out = measures.outside([(clip, seen)], [rows], 0.9)
    near([out["found"], out["score"], out["score_ratio"], out["r"]], [0.95, 0.8, 0.8 / 0.9, 1], 1e-9)
    near(out["neutral_or_happy"], 8 / 9, 1e-9)  # of ten frames of talk, one without a face
    silent = measures.outside([(a_clip(truth, np.zeros(40, bool)), seen)], [rows])
    assert silent["r"] is None and silent["neutral_or_happy"] is None and silent["score_ratio"] is None


def the_report_says_what_is_met():
    truth, phones = talking()
    own = [(a_clip(truth, phones=phones), Seen(truth, z=np.random.default_rng(7).normal(size=(200, 4, 2))))]
    scale = measures.calibrate(own)
    both = lambda value: {"probe": value, "encoder": value}
    half = measures.lips([(a_clip(truth, phones=phones), Seen(truth + 0.3 * wave(200, 8)))], scale, PHONES)
    result = {"frames_by": "pytorch", "steps": 2, "calibration": both(scale),
              "true_cycle": {"mean": 0.1, "worst": 0.3, "frames": 9},
              "resting": both(1.0), "outside": {},
              "lips": both({"own": measures.lips(own, scale, PHONES), "trained": half, "untrained": {**half, "r": 0.5}}),
              "quiet": both({"music": {**measures.quiet(own, scale), "shut": 0.99}}), "steady": measures.steady(own[0][1]),
              "whole": {"own": None, "trained": {"frames": 9, "mean": 0.15, "worst": 0.5, "ratio": 1.5, "worst_ratio": 5.0,
                                                 "above_four": 0.1}},
              "heads": {"own": measures.lively(own)},
              "borders": {k: measures.borders(own) for k in ("own", "trained", "untrained")},
              "identity": {k: 1.0 for k in ("own", "trained", "untrained")}}
    met = {what: good for what, _, _, good in avatar_report.checks(result)}
    assert met["lips, voices never heard, r by the probe"] is False and met["mouth shut, music, %, by the encoder"] is True
    assert met["cycle error, trained voices, times true"] is True and met["... worst frame, trained voices"] is False
    text = avatar_report.report(result)
    assert "| held-out speech | performers' own | trained voices | voices never heard |" in text
    assert "lips, voices never heard, r by the probe: 0.500; the target is at least 0.8: **not met**" in text
    assert not any("None" in row or "nan" in row for row in text.splitlines()), text


if __name__ == "__main__":
    tap.run(globals(), (near, wave, a_face, a_clip, a_dataset, a_recording, planes, talking, Seen))
