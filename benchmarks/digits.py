"""The handwritten digits that scikit-learn ships, enlarged: a set to which nothing here was tuned (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Tuple, Union

import numpy as np
from PIL import Image

from paddle_gan_aug import runtime
from paddle_gan_aug.data import load
from paddle_gan_aug.files import check_new_folder, find_path, make_folder
from paddle_gan_aug.pictures import save_png

SIDE, LARGEST = 32, 16  # pixels of a side; the largest value of a pixel in scikit-learn
TRAIN = 40  # of each class; the others test


def digits(to: str, seed: int) -> Tuple[Dict[str, Any], str]:
    """`digits`: see `write_digits`."""
    counts = write_digits(to, seed)
    prints = {part: load(to, part, split="full").fingerprint() for part in ("train", "test")}
    lines = [f"{part}: {count} images, fingerprint {prints[part]}" for part, count in counts.items()]
    return {"to": str(find_path(to)), "counts": counts, "fingerprints": prints}, "\n".join(lines)


def write_digits(to: Union[str, os.PathLike], seed: int = 0) -> Dict[str, int]:
    """Write train/<digit> and test/<digit>: grey PNG files of 32×32 pixels, bicubic from 8×8.

    Args:
        to: a new or empty folder. seed: of which 40 images of each digit are in train.

    Returns:
        {part: images}.

    Raises:
        InputError: a folder that is in use.
    """
    from sklearn.datasets import load_digits

    to = make_folder(check_new_folder(to))
    found, counts = load_digits(), {"train": 0, "test": 0}
    for digit in range(10):
        order = runtime.rng(seed, "digits", digit).permutation(np.flatnonzero(found.target == digit))
        for part, chosen in (("train", order[:TRAIN]), ("test", order[TRAIN:])):
            folder = make_folder(Path(to) / part / str(digit))
            for index in chosen:
                save_png(folder / f"{index:04d}.png", enlarged(found.images[index]))
            counts[part] += len(chosen)
    return counts


def enlarged(image: np.ndarray) -> np.ndarray:
    """uint8 [32, 32] of float [8, 8] with values 0 to 16."""
    grey = np.rint(image * (255 / LARGEST)).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
