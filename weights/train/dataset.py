"""Reads the dataset folder that visavis-performer writes (weights/performer/dataset.h). Needs numpy only.

    data = Dataset("folder")
    for talk in data.split("train"):        # complete conversations only
        talk.audio(0)                       # int16, 16 kHz
        talk.pose(0), talk.state(0)         # frames x columns, float16 (memory-mapped)
        talk.phones(0)                      # 100 a second, indices into data.phones
        talk.dialogue, talk.acts            # lists of dictionaries, times in seconds
        talk.pictures(0)                    # n x size x size x 3, uint8 (memory-mapped), where data.pictures is "raw"
        talk.video(0)                       # the name of a file with the same, where it is "vp8"
        talk.picture_frames(0)              # the n frames that these show, and n rows of what is true of them:
        talk.camera(0)                      # 0 where the camera is off and the picture grey
        talk.landmarks(0), talk.visible(0)  # 68 points in pixels, and which of them can be seen
        talk.truth(0)                       # columns data.truth_columns
        talk.crops()                        # m x 96 x 96 x 3, uint8: the user's face in every second picture
        talk.crop_boxes()                   # m x (left, top, side): where in the picture that was

As a program it checks a folder and prints what is in it: python3 dataset.py FOLDER
"""

import json
import os
import sys

import numpy as np

VERSION = 2
SAMPLES_PER_FRAME = 640
PHONES_PER_FRAME = 4
LANDMARKS = 68
CROP_SIZE, CROP_EVERY = 96, 2
USER = 1


class DatasetError(Exception):
    """The folder is not a dataset, or a conversation in it is damaged."""


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}") from error


def read_wav(path):
    """16-bit mono samples and their rate. Only the form that the performer writes."""
    with open(path, "rb") as file:
        head = file.read(44)
        if len(head) < 44 or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt " or head[36:40] != b"data":
            raise DatasetError(f"{path} is not a WAV file of the performer's")
        form = np.frombuffer(head, "<u2", 2, 20)
        rate = int(np.frombuffer(head, "<u4", 1, 24)[0])
        size = int(np.frombuffer(head, "<u4", 1, 40)[0])
        if tuple(form) != (1, 1) or os.path.getsize(path) != size + 44:
            raise DatasetError(f"{path} is not whole")
        return np.frombuffer(file.read(size), "<i2"), rate


class Conversation:
    """One complete conversation. Side 0 is the avatar's part, side 1 the user's."""

    def __init__(self, dataset, index):
        self.dataset = dataset
        self.index = index
        self.folder = os.path.join(dataset.folder, f"{index:06d}")
        for name, size in read_json(self.path("complete")).items():
            if not os.path.exists(self.path(name)) or os.path.getsize(self.path(name)) != size:
                raise DatasetError(f"{self.path(name)} is missing or not whole")
        about = read_json(self.path("conversation.json"))
        self.split, self.language, self.frames = about["split"], about["language"], about["frames"]
        self.sides, self.dialogue, self.acts = about["sides"], about["dialogue"], about["acts"]

    def path(self, name):
        return os.path.join(self.folder, name)

    def audio(self, side):
        samples, rate = read_wav(self.path(f"audio-{side}.wav"))
        if rate != self.dataset.rate or len(samples) != self.frames * SAMPLES_PER_FRAME:
            raise DatasetError(f"{self.path(f'audio-{side}.wav')} has the wrong length or rate")
        return samples

    def pose(self, side):
        return self._array(f"pose-{side}.npy", (self.frames, len(self.dataset.pose_columns)), np.float16)

    def state(self, side):
        return self._array(f"state-{side}.npy", (self.frames, len(self.dataset.state_columns)), np.float16)

    def phones(self, side):
        return self._array(f"phones-{side}.npy", (self.frames * PHONES_PER_FRAME,), np.uint8)

    def pictures(self, side):
        if self.dataset.pictures != "raw":
            raise DatasetError(f"{self.dataset.folder} has no raw pictures")
        size = self.dataset.picture_size
        return self._array(f"pictures-{side}.npy", (self._pictures(), size, size, 3), np.uint8)

    def video(self, side):
        if self.dataset.pictures != "vp8":
            raise DatasetError(f"{self.dataset.folder} has no video files")
        return self.path(f"video-{side}.webm")

    def picture_frames(self, side):
        return self._array(f"picture-frames-{side}.npy", (self._pictures(),), np.int32)

    def camera(self, side):
        return self._array(f"camera-{side}.npy", (self._pictures(),), np.uint8)

    def landmarks(self, side):
        return self._array(f"landmarks-{side}.npy", (self._pictures(), LANDMARKS, 2), np.float32)

    def visible(self, side):
        return self._array(f"visible-{side}.npy", (self._pictures(), LANDMARKS), np.uint8)

    def truth(self, side):
        return self._array(f"truth-{side}.npy", (self._pictures(), len(self.dataset.truth_columns)), np.float32)

    def crops(self):
        return self._array(f"crops-{USER}.npy", (self._crops(), CROP_SIZE, CROP_SIZE, 3), np.uint8)

    def crop_boxes(self):
        return self._array(f"crop-boxes-{USER}.npy", (self._crops(), 3), np.float32)

    def _crops(self):
        return -(-self._pictures() // CROP_EVERY)

    def _pictures(self):
        if self.dataset.pictures is None:
            raise DatasetError(f"{self.dataset.folder} has no pictures")
        return -(-self.frames // self.dataset.every)

    def _array(self, name, shape, dtype):
        array = np.load(self.path(name), mmap_mode="r", allow_pickle=False)
        if array.shape != shape or array.dtype != dtype:
            raise DatasetError(f"{self.path(name)} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
        return array


class Dataset:
    def __init__(self, folder):
        self.folder = folder
        manifest = read_json(os.path.join(folder, "manifest.json"))
        if manifest.get("version") != VERSION:
            raise DatasetError(f"{folder} has version {manifest.get('version')}; this loader reads {VERSION}")
        self.seed, self.fps, self.rate = manifest["seed"], manifest["fps"], manifest["rate"]
        self.splits = manifest["splits"]
        self.pose_columns, self.state_columns = manifest["pose"], manifest["state"]
        self.truth_columns = manifest["truth"]
        about = manifest["pictures"]
        self.pictures = about and about["kind"]  # "raw", "vp8", or None without pictures
        self.picture_size, self.every = (about["size"], about["every"]) if about else (0, 1)
        self.phones, self.emotions = manifest["phones"], manifest["emotions"]

    def indices(self, split):
        """Numbers of the split's conversations that are complete."""
        return [i for i in self.splits[split] if os.path.exists(os.path.join(self.folder, f"{i:06d}", "complete"))]

    def split(self, name):
        for index in self.indices(name):
            yield Conversation(self, index)

    def conversation(self, index):
        return Conversation(self, index)

    def pose_column(self, name):
        return self.pose_columns.index(name)

    def state_column(self, name):
        return self.state_columns.index(name)

    def truth_column(self, name):
        return self.truth_columns.index(name)


def check_pictures(talk, side):
    """Reads all that belongs to the pictures of a side and prints exact sums."""
    sums = []
    for array in (talk.picture_frames(side), talk.camera(side), talk.visible(side)):
        sums.append(int(array.astype(np.int64).sum()))
    for array in (talk.landmarks(side), talk.truth(side)):
        if not np.isfinite(array).all():
            raise DatasetError(f"{talk.folder}: not a number")
        sums.append(int(array.view(np.uint32).astype(np.int64).sum()))
    if talk.dataset.pictures == "raw":
        sums.append(sum(int(picture.astype(np.int64).sum()) for picture in talk.pictures(side)))
    if side == USER:
        sums.append(int(talk.crops().astype(np.int64).sum()))
        sums.append(int(talk.crop_boxes().view(np.uint32).astype(np.int64).sum()))
    print(f"{talk.index} {side} pictures", *sums)


def main(folder):
    data = Dataset(folder)
    for name in data.splits:
        frames = utterances = 0
        for talk in data.split(name):
            frames += talk.frames
            utterances += len(talk.dialogue)
            for side in range(2):
                pose, state, audio = talk.pose(side), talk.state(side), talk.audio(side)
                if not (np.isfinite(pose).all() and np.isfinite(state).all()):
                    raise DatasetError(f"{talk.folder}: not a number")
                # Exact sums, for the test that the writer and this loader agree.
                print(f"{talk.index} {side} frames {talk.frames} dialogue {len(talk.dialogue)} acts {len(talk.acts)} "
                      f"audio {int(np.abs(audio.astype(np.int64)).sum())} "
                      f"pose {int(pose.view(np.uint16).astype(np.int64).sum())} "
                      f"state {int(state.view(np.uint16).astype(np.int64).sum())} "
                      f"phones {int(talk.phones(side).astype(np.int64).sum())}")
                if data.pictures:
                    check_pictures(talk, side)
        print(f"{name}: {len(data.indices(name))} of {len(data.splits[name])} conversations, "
              f"{frames / data.fps / 60:.1f} minutes, {utterances} utterances")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: dataset.py FOLDER")
    try:
        main(sys.argv[1])
    except DatasetError as problem:
        sys.exit(f"dataset.py: {problem}")
