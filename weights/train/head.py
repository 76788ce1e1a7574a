"""The head mask generator (Warm Chat's CRHMG): where the head is, where the eyes look and whether they are shut, frame by
frame, without end, the same for the same noise.

A recurrent network reads the frame before, who is heard and the emotion, and gives a mixture of normal distributions of the
next frame's change. What it has decided is told to the denoiser (denoiser.py), which then need not guess it. The soft head
mask on the latents' grid follows from the pose alone.

The paper has a transformer here. A gated recurrent unit has the same sequence for the same seed, and its whole memory is one
vector, however long the call: cheap to keep, to snapshot, and to take back when frames were thrown away.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

TOLD = ("head_yaw", "head_pitch", "head_roll", "shift_x", "shift_y", "shift_z", "gaze_yaw", "gaze_pitch", "blink")
POSE = 6  # of them that move the head
LOUDNESS = 2  # numbers a frame: the lower and the upper half of the bands
EMOTION = 11


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """Sizes, as they stand in the weights file."""

    width: int = 128
    mixture: int = 6
    told: int = len(TOLD)
    heard: int = 2 * LOUDNESS  # the avatar's own voice, the user's
    emotion: int = EMOTION
    grid: int = 8
    mask: int = 32  # hidden units of the mask's network

    def to_json(self):
        return dataclasses.asdict(self)


class Head(nn.Module):
    """Everything told is in units of its spread in training, around its mean: `spread`, `mean`, which are weights too."""

    def __init__(self, config=HeadConfig()):
        super().__init__()
        self.config = c = config
        self.enter = nn.Linear(c.told + c.heard + c.emotion, c.width)
        self.memory = nn.GRU(c.width, c.width, batch_first=True)
        self.out = nn.Linear(c.width, c.mixture * (1 + 2 * c.told))
        self.mask_in, self.mask_out = nn.Linear(POSE, c.mask), nn.Linear(c.mask, c.grid ** 2)
        self.register_buffer("mean", torch.zeros(c.told))
        self.register_buffer("spread", torch.ones(c.told))
        self.register_buffer("low", torch.full((c.told,), -4.0))  # what is sampled is kept within
        self.register_buffer("high", torch.full((c.told,), 4.0))

    def forward(self, before, given, state=None):
        """Frames before [n, t, told] and what is given [n, t, heard + emotion] -> the mixture of each next frame: logits
        [n, t, mixture], means and log spreads [n, t, mixture, told]; and the memory."""
        c = self.config
        h, state = self.memory(F.silu(self.enter(torch.cat([before, given], -1))), state)
        logits, change, width = self.out(h).split([c.mixture, c.mixture * c.told, c.mixture * c.told], -1)
        shape = (c.mixture, c.told)
        mean = before[..., None, :] + change.unflatten(-1, shape)
        return logits, mean, width.unflatten(-1, shape).clamp(-6, 2), state

    def loss(self, before, given, after):
        """Negative log likelihood of the frames after, per number."""
        logits, mean, width, _ = self(before, given)
        z = (after[..., None, :] - mean) * torch.exp(-width)
        each = -0.5 * z.square() - width - 0.919
        return -torch.logsumexp(logits.log_softmax(-1) + each.sum(-1), -1).mean() / self.config.told

    def mask(self, pose):
        """Where the head is, 0..1 on the grid [..., places], of normalised poses [..., 6]."""
        return torch.sigmoid(self.mask_out(F.silu(self.mask_in(pose))))

    @torch.no_grad()
    def step(self, before, given, state, uniform, normal):
        """One frame: [n, told] from the frame before. uniform [n] chooses of the mixture, normal [n, told] within."""
        logits, mean, width, state = self(before[:, None], given[:, None], state)
        chosen = (logits[:, 0].softmax(-1).cumsum(-1) < uniform[:, None]).sum(-1).clamp(max=self.config.mixture - 1)
        at = torch.arange(len(before))
        after = mean[at, 0, chosen] + width[at, 0, chosen].exp() * normal
        return torch.maximum(torch.minimum(after, self.high), self.low), state


def told_of(data, pose):
    """Poses of a dataset [frames, columns] -> [frames, told]."""
    columns = [pose[:, data.pose_column(name)] for name in TOLD[:-1]]
    blink = (pose[:, data.pose_column("eyeBlink_L")] + pose[:, data.pose_column("eyeBlink_R")]) / 2
    return torch.stack([torch.as_tensor(c) for c in (*columns, blink)], 1).float()


def loudness(mel):
    """Log-mel [4 frames, 80] -> [frames, 2]."""
    frames = mel.reshape(-1, 4, 2, mel.shape[-1] // 2)
    return (frames.mean((1, 3)) + 9.0) / 5.0


def emotion_of(data, state):
    """States of a dataset [frames, columns] -> [frames, EMOTION]: how much of each emotion, valence, arousal, dominance."""
    first = data.state_column("neutral")  # emotions' names come last, and one of them twice
    axes = [data.state_column(name) for name in ("valence", "arousal", "dominance")]
    return torch.as_tensor(state[:, list(range(first, first + 8)) + axes]).float()
