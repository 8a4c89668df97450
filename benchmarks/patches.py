"""A small real colour set that every installation can make: patches of the two photographs that scikit-learn ships.

`china.jpg` and `flower.jpg` (© danielbuechele and vultilion, Creative Commons Attribution 2.0; see the README beside them in
`sklearn/datasets/images`). Five classes, each a region of one picture. Patches overlap, so this shows that colour works from end to
end; it is no benchmark. With test patches a region is cut in two first, so that no pixel of a test patch is in a training patch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, Union

import numpy as np

from paddle_gan_aug import runtime
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import check_new_folder, make_folder
from paddle_gan_aug.pictures import save_png

REGIONS = {  # class -> (photograph, left, top, right, bottom)
    "leaves": ("flower.jpg", 440, 0, 640, 350),
    "petals": ("flower.jpg", 175, 95, 435, 350),
    "sky": ("china.jpg", 340, 0, 640, 180),
    "temple": ("china.jpg", 85, 80, 330, 350),
    "trees": ("china.jpg", 330, 270, 640, 427),
}
LARGEST = 128  # pixels: what the smallest region holds with room to move
TEST_SHARE = 1 / 3  # of a region, for test patches


def patches(to: str, image_size: int, per_class: int, test_per_class: int, seed: int) -> Tuple[Dict[str, Any], str]:
    """`patches`: see `write_patches`."""
    folder = write_patches(to, image_size, per_class, seed, test_per_class=test_per_class)
    count = (per_class + test_per_class) * len(REGIONS)
    return {"to": str(folder), "count": count, "classes": list(REGIONS)}, f"{count} patches of {len(REGIONS)} classes in {folder}"


def write_patches(
    to: Union[str, os.PathLike], image_size: int = 32, per_class: int = 200, seed: int = 0, *, test_per_class: int = 0
) -> Path:
    """Write <class>/<index>.png, `per_class` patches of image_size × image_size pixels of each class, at places drawn by the seed.

    Args:
        test_per_class: above 0 the patches go into train/<class>, and so many of the other part of each region into test/<class>.

    Raises:
        InputError: a patch of that size does not fit into a region; a folder that is in use.
    """
    from sklearn.datasets import load_sample_image

    if not 8 <= image_size <= LARGEST:
        raise InputError(f"patches of {image_size} pixels: choose 8 to {LARGEST}")
    to = make_folder(check_new_folder(to))
    for index, (name, (photograph, *box)) in enumerate(REGIONS.items()):
        picture = np.array(load_sample_image(photograph))
        if not test_per_class:
            _cut(to / name, picture, box, image_size, per_class, runtime.rng(seed, "patches", index))
            continue
        for part, half, count in zip(("train", "test"), apart(box, image_size), (per_class, test_per_class)):
            _cut(to / part / name, picture, half, image_size, count, runtime.rng(seed, f"{part} patches", index))
    return to


def apart(box: Sequence[int], image_size: int) -> Tuple[List[int], List[int]]:
    """Cut a box (left, top, right, bottom) in two across its longer side, for training and test patches: a third or a patch for tests."""
    left, top, right, bottom = box
    axis = int(bottom - top > right - left)
    train, test = [left, top, right, bottom], [left, top, right, bottom]
    length = box[axis + 2] - box[axis]
    train[axis + 2] = test[axis] = box[axis + 2] - max(round(TEST_SHARE * length), image_size)
    return train, test


def _cut(to: Path, picture: np.ndarray, box: Sequence[int], image_size: int, count: int, rng: np.random.Generator) -> None:
    """Write `count` patches of a box of a picture uint8 [H, W, 3]."""
    left, top, right, bottom = box
    region = picture[top:bottom, left:right]
    rows = rng.integers(0, region.shape[0] - image_size + 1, count)
    columns = rng.integers(0, region.shape[1] - image_size + 1, count)
    to.mkdir(parents=True)
    for i, (row, column) in enumerate(zip(rows, columns)):
        save_png(to / f"{i:04d}.png", region[row : row + image_size, column : column + image_size])
