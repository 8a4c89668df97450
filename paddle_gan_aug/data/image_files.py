"""Read images that need no labels and no parts: generated ones, or those that a classifier is to predict."""

from pathlib import Path
from typing import Optional, Tuple, Union

import numpy as np

from ..errors import InputError
from ..files import below, did_you_mean_path, find_path
from .decoding import SUFFIXES, decode, say_skipped
from .fitting import fit
from .folders import read_folder_images
from .image_set import ImageSet, numbered
from .readers import READERS, Reader, reader_of, refused_paths
from .spec import DataSpec
from .written_set import file_of_set


def read_image_set(path: Union[str, Path], spec: DataSpec) -> ImageSet:
    """Read images from a picture file, a folder of pictures, or any kind of data in `READERS`.

    Of data in parts these are the test images, or the training images if there are none.

    Args:
        path: a path, relative to the current folder or to the project.
        spec: how the images are read: image_size, channels, skip_bad, window, background and fit. The size and the channels
            apply to picture files; arrays stay as they are.

    Raises:
        InputError: there is nothing at the path, no image in it, a file that is no image, or what the reader refuses.
    """
    with refused_paths(path):
        return _read_image_set(file_of_set(find_path(path)), spec)


def _read_image_set(path: Path, spec: DataSpec) -> ImageSet:
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        decoded = decode([path], str(path), spec.image_size, spec.channels, spec.skip_bad, None, spec.window, spec.background, spec.fit)
        say_skipped(decoded.bad, 1, str(path))
        return ImageSet(decoded.images, [path.name], others=decoded.others)
    reader = reader_of(path, unlabelled=True)
    if reader is None and path.is_dir():
        return read_folder_images(path, spec)  # which says what a folder of pictures needs
    if reader is None and not path.exists():
        hint = did_you_mean_path(path, before="; ") or ": give the path of a picture, or of a file or a folder of images"
        raise InputError(f"{path} does not exist{hint}")
    if reader is None:
        kinds = "; ".join(reader.what for reader in READERS)
        raise InputError(f"{path} is none of these: give a picture, a folder of pictures, or {kinds}")
    return reader.read_images(path, spec) if reader.images else _of_parts(reader, path, spec)


def _of_parts(reader: Reader, path: Path, spec: DataSpec) -> ImageSet:
    """Read the images of data whose reader only knows labelled parts."""
    read_part = reader.open_path(path, spec)
    data = next((data for part in ("all", "test", "train") if (data := read_part(part)) is not None), None)
    if data is None:
        raise InputError(f"{path} has no test and no training images")
    folder = path if path.is_dir() else path.parent
    names = numbered(path.name, len(data)) if data.files is None else [below(folder, file) for file in data.files]
    return ImageSet(data.images, names, data.labels, data.class_names)


def read_images(
    path: Union[str, Path], image_size: Optional[int] = None, channels: Optional[int] = None, skip_bad: bool = False
) -> Tuple[np.ndarray, Optional[np.ndarray], Optional[Tuple[str, ...]]]:
    """Read a set of images of one size.

    Args:
        path: a folder with picture files, in class folders or not (with a manifest.jsonl only the files that it names), an .npz
            file, see `npz.read_npz`, or another kind of data in `READERS`.
        image_size, channels, skip_bad: see `decoding.decode`.

    Returns:
        (images uint8 [N, C, H, W], labels int64 [N] or None, class names or None). Labels come from class folders and the like.

    Raises:
        InputError: there is nothing at the path or no image in it, files are of several sizes or both grey and colour, a file is
            no image, or values are not finite.
    """
    image_set = read_image_set(path, DataSpec(str(path), image_size=image_size, channels=channels, skip_bad=skip_bad))
    return fit(image_set.images, image_size, channels), image_set.labels, image_set.class_names
