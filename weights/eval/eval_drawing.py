"""Shows what the codec makes of a face unlike all that it was trained on: the project's own drawing (drawing.py), or any
picture, as the portrait of a held-out performer's motion.

    OMP_WAIT_POLICY=passive python3 eval_drawing.py WEIGHTS DATASET... --out SHEET.jpg [--portrait FILE] [--card PAGE]

The sheet's first row has the portrait, the same decoded from its own latents, and the difference; below, pairs of a
performer's frame and the portrait moved by it. The performer is seen as in training of other people's frames: as a
hybrid face, of which only eyes, lips and outline are left.
"""

import argparse

import numpy as np
from PIL import Image

import train_path  # noqa: F401
import codec_weights
import drawing
import metrics
import model_card
import sheets
import stills
from eval_codec import add_training_seeds, difference, picture, subjects, training_seeds, write_picture
from run import threads

DRIVEN = 6


def square(path):
    """A picture file as u8 [256, 256, 3]: its middle, scaled."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)).resize((drawing.SIZE, drawing.SIZE), Image.LANCZOS))


def telling(person):
    """Frames of one side that differ in what a face can do: mouth, eyes, head; each far from those before."""
    side = person.sides[0]
    pose = side.pose / np.maximum(side.pose.std(0), 0.02)
    chosen = [int(side.lip_gap.argmax())]
    while len(chosen) < DRIVEN:
        chosen.append(int(np.min([((pose - pose[i]) ** 2).sum(1) for i in chosen], 0).argmax()))
    return [(side, i) for i in chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--portrait", help="another picture than the drawing")
    parser.add_argument("--card", help="the page whose figures are filled in")
    add_training_seeds(parser)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    codec, about = codec_weights.load(options.weights)
    portrait = square(options.portrait) if options.portrait else drawing.draw()
    people = subjects(options.dataset, training_seeds(options, about))
    face = codec_weights.Face(codec, portrait)
    own = face.decode(codec_weights.motion(codec, portrait[None]))[0]
    black = np.zeros_like(portrait)
    rows = [(portrait, own, difference(own, portrait), black)]
    frames = telling((people["unseen"] or people["characters"])[0])
    seen = np.stack([stills.hybrid(picture((s, i)), s.landmarks[i]) for s, i in frames])
    moved = face.decode(codec_weights.motion(codec, seen))
    pairs = [(picture(frame), shown) for frame, shown in zip(frames, moved)]
    rows += [(*a, *b) for a, b in zip(pairs[::2], pairs[1::2])]
    write_picture(options.out, sheets.grid(rows, 1))
    text = (f"Decoded from its own latents, the drawing comes back with {metrics.psnr(own, portrait):.2f} dB and "
            f"SSIM {metrics.ssim(own, portrait):.4f}.")
    print(text)
    if options.card:
        model_card.fill(options.card, "drawing", text)


if __name__ == "__main__":
    main()
