"""The real part of an augmented set: the user's files, copied byte for byte, or pictures of data that has no files of its own.

An augmented set is a folder in parts (train, valid, test), which every command reads as data; generated images go into `train` alone.
"""

import dataclasses
import filecmp
import itertools
import shutil
from typing import Optional

import numpy as np

from ..data import LabelledImages, load, stratified
from ..data.class_names import class_folder
from ..data.decoding import are_masks
from ..data.folders import is_image_folder
from ..data.idx import is_idx_folder
from ..data.listing import natural
from ..data.load import holds_out, place_of
from ..errors import InputError, NoSuchPart
from ..files import make_folder
from ..pictures import read_png
from .writers import PictureWriter

PARTS = {"train": "train", "valid": "valid", "test": "test"}  # the data's part -> the folder's name
GENERATED = "generated-"


@dataclasses.dataclass(frozen=True, eq=False)
class RealPart:
    """A part of the real data.

    Attributes:
        folder: its name in the augmented set. class_names: of the data. labels: int64 [N].
        files: the user's files, one for each label, or None. images: uint8 [N, C, H, W] where there are no files.
        names: what each is called in the augmented set, "train/cat/1.png". No name is there twice: a file whose name is taken gets that
            of its own part before it, "val-1.png".
        held_out: bool [N], those of a training part that a reader of the set keeps for validation; None = none.
    """

    folder: str
    class_names: tuple
    labels: np.ndarray
    files: Optional[list] = None
    images: Optional[np.ndarray] = None
    held_out: Optional[np.ndarray] = None
    names: list = dataclasses.field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "names", self._names())

    def _names(self):
        folders = {label: f"{self.folder}/{class_folder(self.class_names[label])}" for label in np.unique(self.labels)}
        if self.files is None:
            return [f"{folders[label]}/real-{i:06d}.png" for i, label in enumerate(self.labels)]
        own = [f"{folders[label]}/{file.name}" for file, label in zip(self.files, self.labels)]
        taken, seen, found = set(own), set(), []
        for file, name in zip(self.files, own):
            found.append(name if name not in seen else _free(name, file.parent.parent.name, taken))
            seen.add(name)
        return found

    def counts(self):
        """Images of each class, int64 [classes]."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def write(self, to):
        """Copy or draw the files to their names below `to`; those that are there already stay."""
        for folder in sorted({name.rpartition("/")[0] for name in self.names}):
            make_folder(to / folder)
        if self.files is None:
            pictures = PictureWriter(to)
            try:
                for start in range(0, len(self.names), 1000):
                    pictures.write(self.names[start : start + 1000], self.images[start : start + 1000])
            finally:
                pictures.close()
            return
        for file, name in zip(self.files, self.names):
            if not ((to / name).exists() and filecmp.cmp(file, to / name, shallow=False)):
                shutil.copyfile(file, to / name)

    def lacking(self, to):
        """The names of which `to` holds no such file or picture, one after the other."""
        for i, name in enumerate(self.names):
            path = to / name
            if not path.is_file():
                yield name
            elif self.files is not None:
                if not filecmp.cmp(self.files[i], path, shallow=False):
                    yield name
            elif not np.array_equal(read_png(path), self.images[i]):
                yield name


def _free(name, part, taken):
    """A name like "train/cat/1.png" that is not in `taken`, which it joins: "train/cat/val-1.png", or with a number."""
    folder, _, own = name.rpartition("/")
    names = itertools.chain([f"{part}-{own}"], (f"{part}-{number}-{own}" for number in itertools.count(2)))
    free = next(f"{folder}/{other}" for other in names if f"{folder}/{other}" not in taken)
    taken.add(free)
    return free


def left_to_readers(source):
    """Whether whoever reads an augmented set holds out of its `train` what `load` holds out of the data itself.

    So it is with class folders that have no validation part, and nothing said of which images or how many.
    """
    path = place_of(source)
    chosen = (source.valid_share, source.classes, source.per_class) != (None, None, None) or source.seed or source.skip_bad
    return not chosen and _in_folders(path) and holds_out(source)


def _in_folders(path):
    return is_image_folder(path) and not is_idx_folder(path)


def real_parts(source, readers_split=False):
    """The parts of a data set as they go into an augmented one: train first, then validation and test images, where there are any.

    Args:
        source: a `DataSpec` of all classes; with the split "full" the validation part trains.
        readers_split: what `load` holds out goes into `train` with the others, where a reader of the set holds it out again, see
            `left_to_readers`.

    Raises:
        InputError: no such data; a class whose name cannot be a folder's; a file that is named like a generated one.
    """
    as_stored = source.window is None and source.background is None and source.fit == "crop"  # generated images are 0 to 255, no masks
    plain = as_stored and not source.skip_bad and source.classes is None and source.per_class is None
    split = source.split
    train = load(source, "train", split="full" if readers_split else split)
    as_files = plain and _in_folders(place_of(source)) and not are_masks(train.files)
    held_out = None
    if readers_split:
        split = None
        unlearnt = set(load(source, "valid", split="standard").files)
        held_out = np.array([file in unlearnt for file in train.files])
        if unlearnt != set(_read_again(train)):  # files that are listed in an order of their own
            train, split, held_out = load(source, "train", split="standard"), "standard", None
    others = [(part, found) for part in (("valid", "test") if split == "standard" else ("test",)) if (found := _part(source, part))]
    parts = [_real_part("train", train, as_files, held_out), *(_real_part(PARTS[part], found, as_files) for part, found in others)]
    for part in parts:
        for name in part.names:
            if name.rpartition("/")[2].startswith(GENERATED):
                raise InputError(f"{name} is named like a generated image: rename it, or augment the original data")
    return parts


def _read_again(data):
    """The files that a reader holds out of class folders with the files of `data`."""
    names = sorted(data.class_names, key=natural)
    rows = sorted((names.index(data.class_names[label]), natural(file.name), file) for label, file in zip(data.labels, data.files))
    labels = np.array([label for label, _, _ in rows], dtype=np.int64)
    return stratified(LabelledImages(np.zeros((len(rows), 1, 1, 1), np.uint8), labels, names, "files", [row[2] for row in rows]))[1].files


def _part(source, part):
    try:
        return load(source, part, split="standard")
    except NoSuchPart:
        return None


def _real_part(folder, data, as_files, held_out=None):
    given = {"files": list(data.files)} if as_files else {"images": data.images}
    return RealPart(folder, data.class_names, data.labels, held_out=held_out, **given)


def on_disk(to, class_names):
    """{class name: (real, generated)} files in the training part of an augmented set."""
    found = {}
    for name in class_names:
        folder = to / PARTS["train"] / name
        files = [file.name for file in folder.iterdir()] if folder.is_dir() else []
        made = sum(file.startswith(GENERATED) for file in files)
        found[name] = (len(files) - made, made)
    return found
