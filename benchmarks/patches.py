"""A small real colour set that every installation can make: patches of the two photographs that scikit-learn ships.

`china.jpg` and `flower.jpg` (© danielbuechele and vultilion, Creative Commons Attribution 2.0; see the README beside them in
`sklearn/datasets/images`). Five classes, each a region of one picture. Patches overlap, so this shows that colour works from end to
end; it is no benchmark.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Tuple, Union

import numpy as np

from paddle_gan_aug import runtime
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import make_folder
from paddle_gan_aug.pictures import save_png

REGIONS = {  # class -> (photograph, left, top, right, bottom)
    "leaves": ("flower.jpg", 440, 0, 640, 350),
    "petals": ("flower.jpg", 175, 95, 435, 350),
    "sky": ("china.jpg", 340, 0, 640, 180),
    "temple": ("china.jpg", 85, 80, 330, 350),
    "trees": ("china.jpg", 330, 270, 640, 427),
}
LARGEST = 128  # pixels: what the smallest region holds with room to move


def patches(to: str, image_size: int, per_class: int, seed: int) -> Tuple[Dict[str, Any], str]:
    """`patches`: see `write_patches`."""
    folder = write_patches(to, image_size, per_class, seed)
    count = per_class * len(REGIONS)
    return {"to": str(folder), "count": count, "classes": list(REGIONS)}, f"{count} patches of {len(REGIONS)} classes in {folder}"


def write_patches(to: Union[str, os.PathLike], image_size: int = 32, per_class: int = 200, seed: int = 0) -> Path:
    """Write <class>/<index>.png, `per_class` patches of image_size × image_size pixels of each class, at places drawn by the seed.

    Raises:
        InputError: a patch of that size does not fit into a region; a folder that is in use.
    """
    from sklearn.datasets import load_sample_image

    if not 8 <= image_size <= LARGEST:
        raise InputError(f"patches of {image_size} pixels: choose 8 to {LARGEST}")
    to = make_folder(to)
    if any(to.iterdir()):
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder")
    for index, (name, (photograph, left, top, right, bottom)) in enumerate(REGIONS.items()):
        region = np.array(load_sample_image(photograph))[top:bottom, left:right]
        rng = runtime.rng(seed, "patches", index)
        rows = rng.integers(0, region.shape[0] - image_size + 1, per_class)
        columns = rng.integers(0, region.shape[1] - image_size + 1, per_class)
        (to / name).mkdir()
        for i, (row, column) in enumerate(zip(rows, columns)):
            save_png(to / name / f"{i:04d}.png", region[row : row + image_size, column : column + image_size])
    return to
