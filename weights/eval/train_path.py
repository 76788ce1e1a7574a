"""Lets the programs of this folder import those of weights/train: `import train_path` comes first."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "train"))
