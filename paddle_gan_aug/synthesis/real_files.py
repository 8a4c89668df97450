"""The real part of an augmented set: the user's files, copied byte for byte, or pictures of data that has no files of its own.

An augmented set is a folder in parts (train, valid, test), which every command reads as data; generated images go into `train` alone.
"""

import dataclasses
import shutil
from typing import Optional

import numpy as np

from ..data import LabelledImages, load, stratified
from ..data.decoding import are_masks
from ..data.folders import PART_FOLDERS, is_image_folder, list_folder
from ..data.idx import is_idx_folder
from ..errors import InputError
from ..files import find_path, make_folder
from .writers import PictureWriter

PARTS = {"train": "train", "valid": "valid", "eval": "test"}  # the data's part -> the folder's name
GENERATED = "generated-"


@dataclasses.dataclass(frozen=True, eq=False)
class RealPart:
    """A part of the real data.

    Attributes:
        folder: its name in the augmented set. class_names: of the data. labels: int64 [N].
        files: the user's files, one for each label, or None. images: uint8 [N, C, H, W] where there are no files.
    """

    folder: str
    class_names: tuple
    labels: np.ndarray
    files: Optional[list] = None
    images: Optional[np.ndarray] = None

    def counts(self):
        """Images of each class, int64 [classes]."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def write(self, to):
        """Copy or draw the files into `to/<folder>/<class>/`; those that are there already stay."""
        folders = [make_folder(to / self.folder / _folder_name(name)) for name in self.class_names]
        if self.files is None:
            names = [f"{self.folder}/{_folder_name(self.class_names[c])}/real-{i:06d}.png" for i, c in enumerate(self.labels)]
            pictures = PictureWriter(to)
            try:
                for start in range(0, len(names), 1000):
                    pictures.write(names[start : start + 1000], self.images[start : start + 1000])
            finally:
                pictures.close()
            return
        for file, label in zip(self.files, self.labels):
            target = folders[label] / file.name
            if not (target.exists() and target.stat().st_size == file.stat().st_size):
                shutil.copyfile(file, target)


def _folder_name(name):
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0") or name.startswith("."):
        raise InputError(f"class {name!r} cannot be the name of a folder: rename it in the data")
    return name


def is_undivided(source):
    """Whether data is class folders without parts: a share of each class is held out by a seed, the same whenever it is read."""
    path = find_path(str(source))
    return is_image_folder(path) and not is_idx_folder(path) and not (path / "train").is_dir()


def real_parts(source, split):
    """The parts of a data set as they go into an augmented one: train first, then validation and test images, where there are any.

    Args:
        source: a `Source`. split: "standard", or "full": the validation part trains.

    Raises:
        InputError: no such data; a class whose name cannot be a folder's; a file that is named like a generated one.
    """
    train = load(source, "train", split=split)
    for name in train.class_names:
        _folder_name(name)
    path = find_path(str(source))
    as_stored = source.window is None and source.background is None and source.fit == "crop"  # generated images are 0 to 255, no masks
    plain = as_stored and not source.skip_bad and source.classes is None and source.per_class is None
    parts = _of_files(path, source, split) if plain and is_image_folder(path) and not is_idx_folder(path) else None
    if parts is not None and not are_masks(parts[0].files):
        if not np.array_equal(np.sort(parts[0].labels), np.sort(train.labels)):
            raise InputError(f"{path} changed while it was read: try again")
    else:
        parts = [_of_images("train", train)] + [_of_images(PARTS[part], found) for part, found in _others(source, split)]
    for part in parts:
        taken = [file for file in part.files or [] if file.name.startswith(GENERATED)]
        if taken:
            raise InputError(f"{taken[0]} is named like a generated image: rename it, or augment the original data")
    return parts


def _of_images(folder, images):
    return RealPart(folder, images.class_names, images.labels, images=images.images)


def _others(source, split):
    for part in ("valid", "eval") if split == "standard" else ("eval",):
        try:
            yield part, load(source, part)
        except InputError:  # it has no such part
            continue


def _of_files(path, source, split):
    inside = {below.name: below for below in path.iterdir() if below.is_dir()}
    if "train" not in inside:
        listing = list_folder(path)
        labels = np.array(listing.labels, dtype=np.int64)
        if split == "full":
            return [RealPart("train", listing.class_names, labels, listing.files)]
        halves = stratified(_indices(labels, listing.class_names), source.valid_share, source.seed)
        return [
            RealPart(folder, listing.class_names, half.labels, [listing.files[i] for i in _read_indices(half)])
            for folder, half in zip(("train", "valid"), halves)
        ]
    found = {part: [inside[name] for name in names if name in inside] for part, names in PART_FOLDERS.items()}
    train = list_folder(found["train"][0])
    listings = {"train": [train], "valid": [], "eval": []}
    for part in ("valid", "eval"):
        listings["train" if part == "valid" and split == "full" else part] += [list_folder(f, train.class_names) for f in found[part]]
    parts = []
    for part, of_part in listings.items():
        if of_part:
            labels = np.array([label for listing in of_part for label in listing.labels], dtype=np.int64)
            parts.append(RealPart(PARTS[part], train.class_names, labels, [file for listing in of_part for file in listing.files]))
    return parts


def _indices(labels, class_names):
    """`LabelledImages` whose images are nothing but their own places, so that a split of images can be asked which files it took."""
    places = np.arange(len(labels), dtype="<i8").view(np.uint8).reshape(-1, 1, 1, 8)
    return LabelledImages(places, labels, class_names, "files")


def _read_indices(images):
    return np.ascontiguousarray(images.images).reshape(-1, 8).view("<i8")[:, 0].tolist()
