"""The probe: reads a face in a picture, for measuring what the codec and the avatar make of it. Trained on the performer's
truth by train_probe.py; nothing of it is used at run time, and nothing is trained on what it reads.

    probe, about = load("probe.safetensors")
    seen = read(probe, pictures, landmarks)     u8 [n, 256, 256, 3], or of another size that is a multiple of 128
    seen["landmarks"]       n x 68 x 2, pixels of the pictures
    seen["measures"]        n x columns, in the dataset's units; probe.columns names them
    seen["features"]        n x 160, for Frechet distances
    seen["identity"]        n x 96, of length one: cosines compare persons

It sees 128 x 128 pixels. Landmarks are means of heat maps; what it measures is read from the feature maps at the places
of its landmarks, so a shifted face reads the same.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import train_path  # noqa: F401
from export import read_safetensors, write_safetensors

SIZE, CELLS, LANDMARKS = 128, 32, 68
EXPRESSIONS = 53
# What it measures beside the expression's weights: columns of the pose, and of the truth.
POSE = ("head_yaw", "head_pitch", "head_roll", "gaze_yaw", "gaze_pitch")
TRUTH = ("lid_gap_left", "lid_gap_right", "lip_gap")
WIDTHS = (48, 96, 160)  # at 32, 16, 8 cells a side
POINT, HIDDEN, IDENTITY = 24, 192, 96


def conv(ci, co, stride=1):
    return nn.Conv2d(ci, co, 3, stride=stride, padding=1)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b = conv(channels, channels), conv(channels, channels)
        with torch.no_grad():
            self.b.weight.mul_(0.2)

    def forward(self, x):
        return F.relu(x + self.b(F.relu(self.a(x))))


def up(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def sample(maps, points):
    """Maps [b, c, n, n] at points [b, k, 2] in -1..1: [b, k * c]. f32: positions need it."""
    values = F.grid_sample(maps.float(), points[:, :, None].float(), align_corners=False, padding_mode="border")
    return values[..., 0].transpose(1, 2).flatten(1)


class Probe(nn.Module):
    """`columns` names what it measures; `mean` and `spread` are theirs over the training set."""

    def __init__(self, columns, mean=None, spread=None):
        super().__init__()
        self.columns = list(columns)
        count = len(self.columns)
        self.register_buffer("mean", torch.zeros(count) if mean is None else torch.as_tensor(mean).float())
        self.register_buffer("spread", torch.ones(count) if spread is None else torch.as_tensor(spread).float())
        w = WIDTHS
        self.stem = conv(48, w[0])
        self.down = nn.ModuleList(conv(w[i], w[i + 1], 2) for i in range(2))
        self.block = nn.ModuleList(Residual(width) for width in w)
        self.up16, self.up32 = conv(w[2] + w[1], w[1]), conv(w[1] + w[0], w[0])
        self.heat = conv(w[0], LANDMARKS)
        self.point = nn.Conv2d(w[0], POINT, 1)
        self.hidden = nn.Linear(LANDMARKS * (POINT + 2) + w[2], HIDDEN)
        self.measure = nn.Linear(HIDDEN, count)
        self.person = conv(w[2], w[2], 2)
        self.embed = nn.Linear(w[2] * 16, IDENTITY)

    def forward(self, x):
        """B x 3 x 128 x 128 in -1..1 -> landmarks in -1..1, measures in deviations from their means, features,
        embedding."""
        h = self.block[0](F.relu(self.stem(F.pixel_unshuffle(x, 4))))
        maps = [h]
        for down, block in zip(self.down, self.block[1:]):
            h = block(F.relu(down(h)))
            maps.append(h)
        fine = F.relu(self.up16(torch.cat([up(maps[2]), maps[1]], 1)))
        fine = F.relu(self.up32(torch.cat([up(fine), maps[0]], 1)))
        points = self.locate(self.heat(fine).float())
        features = maps[2].float().mean((2, 3))
        place = points.detach()
        centred = (place - place.mean(1, keepdim=True)).flatten(1) * 4
        hidden = F.relu(self.hidden(torch.cat([sample(self.point(fine), place), centred, features], 1)))
        person = self.embed(F.relu(self.person(maps[2])).flatten(1)).float()
        return points, self.measure(hidden).float(), features, F.normalize(person, dim=1)

    @staticmethod
    def locate(heat):
        """The centres of heat maps [b, k, n, n], in -1..1."""
        share = torch.softmax(heat.flatten(2), 2).view_as(heat)
        centre = (torch.arange(CELLS, device=heat.device, dtype=torch.float32) * 2 + 1) / CELLS - 1
        return torch.stack([(share.sum(2) * centre).sum(2), (share.sum(3) * centre).sum(2)], 2)

    def column(self, name):
        return self.columns.index(name)


def to_input(pictures, device="cpu"):
    """u8 [n, h, h, 3] -> the probe's input."""
    x = torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    if x.shape[-1] % SIZE:
        raise ValueError(f"pictures of {x.shape[-1]} pixels a side are no multiple of {SIZE}")
    return F.avg_pool2d(x, x.shape[-1] // SIZE).contiguous(memory_format=torch.channels_last)


def face_mask(points, size):
    """1 on the face, falling to 0 outside an ellipse about its landmarks [b, 68, 2] in -1..1: [b, 1, size, size]. The
    forehead belongs to it; most hair, clothes and background do not."""
    low, high = points.min(1).values, points.max(1).values
    low = torch.stack([low[:, 0], low[:, 1] - 0.35 * (high - low)[:, 1]], 1)
    centre, radius = (low + high) / 2, (high - low) / 2 * 1.08
    at = (torch.arange(size, device=points.device, dtype=torch.float32) * 2 + 1) / size - 1
    x = (at[None, None, :] - centre[:, 0, None, None]) / radius[:, 0, None, None]
    y = (at[None, :, None] - centre[:, 1, None, None]) / radius[:, 1, None, None]
    return torch.sigmoid(12 * (1 - (x * x + y * y).sqrt()))[:, None]


@torch.no_grad()
def read(probe, pictures, landmarks=None, batch=32):
    """Everything it sees, as arrays. Persons are compared by the face alone, cut out at `landmarks` (pixels; the probe's own
    where there are none), or backgrounds and clothes would tell them apart."""
    device = probe.mean.device
    scale = pictures.shape[1] / 2
    rows = {"landmarks": [], "measures": [], "features": [], "identity": []}
    for begin in range(0, len(pictures), batch):
        x = to_input(pictures[begin:begin + batch], device)
        points, measures, features, _ = probe(x)
        cut = points if landmarks is None else torch.as_tensor(
            np.asarray(landmarks[begin:begin + batch], np.float32) / scale - 1, device=device)
        identity = probe(x * face_mask(cut, SIZE))[3]
        for name, value in (("landmarks", (points + 1) * scale), ("measures", measures * probe.spread + probe.mean),
                            ("features", features), ("identity", identity)):
            rows[name].append(value.cpu().numpy())
    return {name: np.concatenate(values) for name, values in rows.items()}


def save(path, probe, provenance):
    """The probe as a file of weights."""
    tensors = {f"probe.{k}": v.detach().cpu().float().numpy() for k, v in probe.state_dict().items()}
    write_safetensors(path, tensors, {"probe": {"columns": probe.columns}}, provenance)


def load(path):
    """(probe, provenance) of a file that save() wrote."""
    tensors, config, provenance = read_safetensors(path)
    probe = Probe(config["probe"]["columns"])
    probe.load_state_dict({k[len("probe."):]: torch.from_numpy(np.array(v)) for k, v in tensors.items()})
    return probe.eval().to(memory_format=torch.channels_last), provenance
