"""Write labelled images as class folders of PNG files, which `load` and `load_test` read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Sequence, Union

import numpy as np

from ..errors import InputError
from ..files import atomic_write, check_new_folder, expanded, make_folder
from .class_names import check_class_folders
from .fitting import to_picture
from .written_set import MANIFEST, unfinished


def save_class_folders(images: np.ndarray, class_of: Sequence[str], folder: Union[str, Path]) -> Path:
    """Write `<class>/<index>.png` for each image, and a manifest.jsonl that keeps their order.

    Args:
        images: uint8 [N, C, H, W], C = 1 or 3.
        class_of: the class name of each image.
        folder: a folder that is missing or empty.

    Returns:
        The path of the folder.

    Raises:
        InputError: the folder is not empty or cannot be written, or a class cannot be the name of a folder. In the last case
            nothing is written.
    """
    folder = check_new_folder(expanded(folder))
    check_class_folders(sorted(set(class_of)), folder)
    make_folder(folder)
    try:
        with unfinished(folder):
            _write_pictures(images, class_of, folder)
    except OSError as error:
        raise InputError(f"cannot write the images into {folder}: {error.strerror or error}") from None
    return folder


def _write_pictures(images: np.ndarray, class_of: Iterable[str], folder: Path) -> None:
    with atomic_write(folder / MANIFEST, "w") as manifest:
        for i, (image, name) in enumerate(zip(images, class_of)):
            (folder / name).mkdir(exist_ok=True)
            to_picture(image).save(folder / name / f"{i:06d}.png")
            manifest.write(json.dumps({"file": f"{name}/{i:06d}.png", "class": name, "index": i}) + "\n")
