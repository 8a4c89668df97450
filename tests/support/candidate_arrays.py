"""Candidates for filters made of plain arrays."""

import numpy as np

from paddle_gan_aug.synthesis.candidates import Candidates


def rng(seed=0):
    return np.random.default_rng(seed)


def arrays(count=4, **more):
    return Candidates(np.zeros((count, 1, 4, 4), np.uint8), np.zeros(count, np.int64), **more)
