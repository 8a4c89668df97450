"""The real part of an augmented set: the user's files, copied byte for byte, or pictures of data that has no files of
its own.

An augmented set is a folder in parts (train, valid, test), which every command reads as data; generated images go into
`train` alone.
"""

import dataclasses
import filecmp
import itertools
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np

from ..data import DataSpec, LabelledImages, load, stratified
from ..data.class_names import class_folder
from ..data.decoding import are_masks
from ..data.folders import is_image_folder, is_junk
from ..data.idx import is_idx_folder
from ..data.listing import natural
from ..data.load import holds_out, place_of
from ..errors import InputError
from ..files import make_folder
from ..pictures import read_png
from .data_parts import DataParts
from .set_folder import AUGMENTED
from .writers import ListRow, PictureWriter

PARTS = {"train": "train", "valid": "valid", "test": "test"}  # the data's part -> the folder's name
GENERATED = AUGMENTED.prefix


@dataclasses.dataclass(frozen=True, eq=False)
class RealPart:
    """A part of the real data.

    Attributes:
        folder: its name in the augmented set. class_names: of the data. labels: int64 [N].
        files: the user's files, one for each label, or None. images: uint8 [N, C, H, W] where there are no files.
        names: what each is called in the augmented set, "train/cat/1.png". No name is there twice: a file whose name is
            taken gets that of its own part before it, "val-1.png".
        held_out: bool [N], those of a training part that a reader of the set keeps for validation; None = none.
    """

    folder: str
    class_names: Tuple[str, ...]
    labels: np.ndarray
    files: Optional[List[Path]] = None
    images: Optional[np.ndarray] = None
    held_out: Optional[np.ndarray] = None
    names: List[str] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", self._names())

    def _names(self) -> List[str]:
        folders = {label: f"{self.folder}/{class_folder(self.class_names[label])}" for label in np.unique(self.labels)}
        if self.files is None:
            return [f"{folders[label]}/real-{i:06d}.png" for i, label in enumerate(self.labels)]
        own = [f"{folders[label]}/{file.name}" for file, label in zip(self.files, self.labels)]
        taken, seen, found = {name.casefold() for name in own}, set(), []  # some disks do not tell cases apart
        for file, name in zip(self.files, own):
            found.append(name if name.casefold() not in seen else _free(name, file.parent.parent.name, taken))
            seen.add(name.casefold())
        return found

    def counts(self) -> np.ndarray:
        """Images of each class, int64 [classes]."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def write(self, to: Path) -> None:
        """Copy or draw the files to their names below `to`. Copies that are there already stay."""
        for folder in sorted({name.rpartition("/")[0] for name in self.names}):
            make_folder(to / folder)
        if self.files is None:
            with PictureWriter(to) as pictures:
                for start in range(0, len(self.names), 1000):
                    pictures.write(self.names[start : start + 1000], self.images[start : start + 1000])
            return
        for file, name in zip(self.files, self.names):
            if not ((to / name).exists() and filecmp.cmp(file, to / name, shallow=False)):
                shutil.copyfile(file, to / name)

    def splits(self) -> List[str]:
        """The split of each image, "train", "valid" or "test", in which a reader of the augmented set finds it."""
        unlearnt = np.zeros(len(self.names), bool) if self.held_out is None else self.held_out
        return ["valid" if held_out else self.folder for held_out in unlearnt]

    def rows(self) -> List[ListRow]:
        """A row of each image for the lists beside the set, see `writers.write_lists`."""
        return [(name, self.class_names[label], split, False) for name, label, split in zip(self.names, self.labels, self.splits())]

    def lacking(self, to: Path) -> Iterator[str]:
        """The names of the files or pictures that `to` does not hold as they are."""
        for i, name in enumerate(self.names):
            path = to / name
            if not path.is_file():
                yield name
            elif self.files is not None:
                if not filecmp.cmp(self.files[i], path, shallow=False):
                    yield name
            elif not np.array_equal(read_png(path), self.images[i]):
                yield name


def _free(name: str, part: str, taken: Set[str]) -> str:
    """A name like "train/cat/1.png" that is not in `taken`, such as "train/cat/val-1.png". It joins `taken`."""
    folder, _, own = name.rpartition("/")
    names = itertools.chain([f"{part}-{own}"], (f"{part}-{number}-{own}" for number in itertools.count(2)))
    free = next(f"{folder}/{other}" for other in names if f"{folder}/{other}".casefold() not in taken)
    taken.add(free.casefold())
    return free


def left_to_readers(spec: DataSpec) -> bool:
    """Whether whoever reads an augmented set holds out of its `train` what `load` holds out of the data itself.

    So it is with class folders without a validation part, if nothing says which images to hold out, or how many.
    """
    chosen = (spec.valid_share, spec.classes, spec.per_class) != (None, None, None) or spec.seed or spec.skip_bad
    return not chosen and _in_folders(place_of(spec)) and holds_out(spec)


def _in_folders(path: Path) -> bool:
    return is_image_folder(path) and not is_idx_folder(path)


def real_parts(data: DataParts, readers_split: bool = False) -> List[RealPart]:
    """The parts of a data set as they go into an augmented one: train first, then validation and test images, where
    there are any.

    Args:
        data: the data, with all classes; with the split "full" the validation part trains.
        readers_split: where files are copied, what `load` holds out goes into `train` with the others, where a reader of the set
            holds it out again, see `left_to_readers`. Pictures have names of their own, by which a reader would choose others.

    Raises:
        InputError: no such data; a class whose name cannot be a folder's; a file that is named like a generated one.
    """
    spec, split = data.spec, data.spec.split
    as_stored = spec.window is None and spec.background is None and spec.fit == "crop"  # generated images are 0 to 255, no masks
    plain = as_stored and not spec.skip_bad and spec.classes is None and spec.per_class is None
    train = load(spec, "train", split="full") if readers_split else data.read("train")
    as_files = plain and train.files is not None and _in_folders(place_of(spec)) and not are_masks(train.files)
    held_out = None
    if readers_split:
        unlearnt = set(data.read("valid", "standard").files or ())
        if as_files and unlearnt == set(_read_again(train)):
            split, held_out = None, np.array([file in unlearnt for file in train.files])
        else:  # files in an order of their own, or pictures
            train, split = data.read("train", "standard"), "standard"
    others = [(part, found) for part in (("valid", "test") if split == "standard" else ("test",)) if (found := data.find(part, "standard"))]
    parts = [_real_part("train", train, as_files, held_out), *(_real_part(PARTS[part], found, as_files) for part, found in others)]
    for part in parts:
        for name in part.names:
            if name.rpartition("/")[2].startswith(GENERATED):
                raise InputError(f"{name} is named like a generated image: rename it, or augment the original data")
    return parts


def _read_again(data: LabelledImages) -> Sequence[Path]:
    """The files that a reader holds out of class folders with the files of `data`."""
    names = sorted(data.class_names, key=natural)
    rows = sorted((names.index(data.class_names[label]), natural(file.name), file) for label, file in zip(data.labels, data.files))
    labels = np.array([label for label, _, _ in rows], dtype=np.int64)
    return stratified(LabelledImages(np.zeros((len(rows), 1, 1, 1), np.uint8), labels, names, "files", [row[2] for row in rows]))[1].files


def _real_part(folder: str, data: LabelledImages, as_files: bool, held_out: Optional[np.ndarray] = None) -> RealPart:
    given = {"files": list(data.files)} if as_files else {"images": data.images}
    return RealPart(folder, data.class_names, data.labels, held_out=held_out, **given)


def on_disk(to: Path, class_names: Sequence[str]) -> Dict[str, Tuple[int, int]]:
    """{class name: (real, generated)} files in the training part of an augmented set."""
    found = {}
    for name in class_names:
        folder = to / PARTS["train"] / name
        files = [file.name for file in folder.iterdir() if not is_junk(file.name)] if folder.is_dir() else []
        made = sum(file.startswith(GENERATED) for file in files)
        found[name] = (len(files) - made, made)
    return found
