"""`python train.py …` is `python -m paddle_gan_aug train …`."""

import sys

from paddle_gan_aug.cli import main

sys.exit(main(["train", *sys.argv[1:]]))
