"""The speech encoder: what a mouth must know of a voice. Log-mel in, one vector every 20 ms out.

Seven gated layers over neighbouring steps: four see two steps back and one ahead, three see four back and none ahead, so
that a step knows 80 ms of the future and 400 ms of the past. Its last hidden states are the speech tokens of the
denoiser's lip branch; the two linear heads read from them the phone that sounds and the mouth that goes with it, and are
what the encoder is trained by (server/avatar/speech.c runs the same layers).
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

BANDS, ROWS = 80, 2  # log-mel bands; rows of 10 ms a step
MEL_CENTRE, MEL_SPREAD = -9.0, 5.0  # speech lies between about -13.8 and 2


@dataclasses.dataclass(frozen=True)
class SpeechConfig:
    """Sizes, as they stand in the weights file. `offsets`: the steps that each layer sees."""

    width: int = 256
    offsets: tuple = ((-2, -1, 0, 1),) * 4 + ((-4, -2, -1, 0),) * 3
    mouth: tuple = ()  # names of what the mouth head gives
    phones: tuple = ()  # names of what the phone head tells apart

    @property
    def ahead(self):
        return sum(max(o) for o in self.offsets)

    @property
    def past(self):
        return -sum(min(o) for o in self.offsets)

    def to_json(self):
        return {"width": self.width, "offsets": [list(o) for o in self.offsets], "mouth": list(self.mouth),
                "phones": list(self.phones)}

    @staticmethod
    def from_json(values):
        return SpeechConfig(values["width"], tuple(tuple(o) for o in values["offsets"]), tuple(values["mouth"]),
                            tuple(values["phones"]))


def norm(x):
    """Root mean square 1 over the channels."""
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Gated(nn.Module):
    def __init__(self, width, offsets):
        super().__init__()
        self.offsets = offsets
        self.taps = nn.Linear(width * len(offsets), 2 * width)
        self.out = nn.Linear(width, width)
        with torch.no_grad():
            self.out.weight.mul_(0.5)
            self.out.bias.zero_()

    def forward(self, x):
        steps, back, ahead = x.shape[1], -min(self.offsets), max(self.offsets)
        padded = F.pad(norm(x), (0, 0, back, ahead))
        seen = torch.cat([padded[:, back + o:back + o + steps] for o in self.offsets], -1)
        gate, value = self.taps(seen).chunk(2, -1)
        return x + self.out(F.silu(gate) * value).float()


class Speech(nn.Module):
    """Log-mel [n, 2 steps, 80] -> hidden states [n, steps, width], f32, of root mean square 1."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.enter = nn.Linear(ROWS * BANDS, config.width)
        self.layers = nn.ModuleList(Gated(config.width, o) for o in config.offsets)
        self.mouth = nn.Linear(config.width, len(config.mouth))
        self.phone = nn.Linear(config.width, len(config.phones))

    def forward(self, mel):
        pairs = (mel.reshape(mel.shape[0], -1, ROWS * BANDS) - MEL_CENTRE) / MEL_SPREAD
        x = self.enter(pairs).float()
        for layer in self.layers:
            x = layer(x)
        return norm(x)

    def heads(self, hidden):
        """The mouth, in units of its spread in training, and the phones' logits."""
        return self.mouth(hidden).float(), self.phone(hidden).float()


if __name__ == "__main__":
    net = Speech(SpeechConfig(mouth=("jawOpen",), phones=("pau",)))
    print(f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters, {net.config.past * 20} ms of past, "
          f"{net.config.ahead * 20} ms ahead")
