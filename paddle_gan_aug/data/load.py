"""`load`: one function that reads every kind of data, by name or path, so that all commands understand the same ones.

A new kind of data is one row in `readers.READERS`.
"""

import dataclasses
import functools
import itertools
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

from ..errors import InputError
from ..files import IN_WHEEL, PACKAGE_PARENT, did_you_mean_path, find_path, mnist_folder, project_root
from .decoding import SUFFIXES
from .fitting import fit
from .idx import is_idx_folder
from .images import LabelledImages
from .notices import notice_once
from .overlap import report_repeated_validation
from .read_listing import HELD_OUT
from .read_once import State, read_once, state_of
from .readers import READERS, Reader, ReadPart, reader_of, refused_paths
from .spec import DataSpec, as_spec
from .splits import check_choice, check_split, few_of_each_class, keep_labels, last_sixth_is_fair, select, stratified
from .values import report_odd_images
from .written_set import file_of_set

FOLDERS_TRIED = 100  # below one that holds no data itself
PARTS = ("train", "valid", "test")

ADVICE = {  # how the name of what cannot be read ends -> what to do with it
    (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".rar", ".7z"): "unpack it, and give the folder",
    (".npy",): "it has no labels: put them beside the images, numpy.savez('data.npz', images=images, labels=labels)",
    (".parquet", ".arrow", ".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".rec", ".pkl", ".pickle", ".pt", ".pth"): (
        "write its images into a folder for each class, or into an .npz with images and labels"
    ),
    (".xls", ".xlsx", ".ods"): "save it as .csv, with the columns file and label",
    SUFFIXES: "it is one picture: give the folder that holds the class folders",
}


def _shipped_mnist() -> Path:
    folder = mnist_folder()
    if not is_idx_folder(folder):
        raise InputError(
            f"the MNIST that ships is not here: looked for work/mnist in {Path.cwd()}, its parents and {PACKAGE_PARENT}, "
            f"and for {'/'.join(IN_WHEEL)} in {sys.prefix}; "
            "run from the project folder, restore it with git checkout -- work/mnist, install the wheel again, or give a path"
        )
    return folder


NAMED: Dict[str, Callable[[], Path]] = {"mnist": _shipped_mnist}


def load(data: Union[str, Path, DataSpec] = "mnist", part: str = "train", **reading: Any) -> LabelledImages:
    """Read one part of a data set.

    A set is read once: as long as its files are unchanged, the same arguments give the same object.

    Args:
        data: `mnist` (the set that ships), or the path of one of the kinds in `readers.READERS`, relative to the current folder
            or to the project; or a `DataSpec`, which also says how the images are read.
        part: `train`, `valid` or `test`.
        reading: fields of `DataSpec` by name, such as `image_size=32`, `class_name="5"` or `split="full"`.

    Returns:
        LabelledImages. MNIST: 50,000 images for `train` (60,000 with `full`), 10,000 for `valid`, 10,000 for `test`.

    Raises:
        InputError: there is no such data, part, split or class, a name in `reading` is no field, or files are damaged.
        NoSuchPart (an InputError): the data has no images of this part.
    """
    spec = as_spec(data, **reading)
    check_choice(part, PARTS, "part")
    check_split(part, spec.split)
    data_set = _open(spec)
    return data_set.once(part, lambda: _finished(select(_parts(data_set), part, spec.split, str(spec)), spec, part))


def load_test(data: Union[str, Path, DataSpec]) -> LabelledImages:
    """Read data that was given as test data: its part `test`, or all of it if it has no parts.

    Raises:
        InputError: as `load`.
    """
    spec = as_spec(data)
    data_set = _open(spec)

    def read() -> LabelledImages:
        images = data_set.read("all")
        return _finished(select(data_set.read, "test", name=str(spec)) if images is None else images, spec, "test")

    return data_set.once("all or test", read)


def test_part(data: Union[str, Path, DataSpec]) -> Optional[LabelledImages]:
    """Read the test images of a data set; None if it has none.

    Raises:
        InputError: as `load`; damaged test images too.
    """
    spec = as_spec(data)
    data_set = _open(spec)

    def read() -> Optional[LabelledImages]:
        images = data_set.read("test")
        return None if images is None or not len(images) else _finished(images, spec, "test")

    return data_set.once("test", read)


def holds_out(data: Union[str, Path, DataSpec]) -> bool:
    """Return whether `load` holds out a share of each class, by a seed, because the data has no validation part of its own.

    Raises:
        InputError: as `load`.
    """
    data_set = _open(as_spec(data))
    return not data_set.reader.mixed and (data_set.read("all") is not None or data_set.read("valid") is None)


@dataclasses.dataclass(frozen=True)
class _DataSet:
    """What a `DataSpec` means: a path, the reader that understands it, and the state of the files."""

    spec: DataSpec
    path: Path
    reader: Reader
    state: Optional[State]

    @functools.cached_property
    def _read_part(self) -> ReadPart:
        return self.reader.open_path(self.path, self.spec.whole())

    def read(self, part: str) -> Optional[LabelledImages]:
        """Return a part as its files hold it: `train`, `valid`, `test` or `all`; None if there is no such part."""
        key = ("files", self.spec.whole(), os.path.abspath(self.path), project_root(), part)
        with refused_paths(self.spec):
            return read_once(key, self.state, lambda: self._read_part(part))

    def once(self, part: str, read: Callable[[], Optional[LabelledImages]]) -> Optional[LabelledImages]:
        """Return `read()`, which finishes a part, or what it returned before."""
        return read_once((self.spec, os.path.abspath(self.path), project_root(), part), self.state, read)


def _parts(data_set: _DataSet) -> ReadPart:
    """Return a function from `train`, `valid` or `test` to `LabelledImages` or None.

    Undivided data, and data whose valid_share is set, is split here.
    """
    spec, reader = data_set.spec, data_set.reader

    def keeps_its_order(images: LabelledImages) -> bool:
        """Return whether the last images of a file may validate, or need not since all of them train."""
        return reader.mixed and spec.valid_share is None and (spec.split == "full" or last_sixth_is_fair(images.labels))

    @functools.lru_cache(maxsize=1)
    def split_parts() -> Optional[Dict[str, LabelledImages]]:
        images = data_set.read("all")
        if images is None:
            images = data_set.read("train")
            if images is not None and data_set.read("valid") is not None:
                if spec.valid_share is not None and data_set.read(HELD_OUT) is None:
                    raise InputError(f"{spec} has validation images of its own: leave data.valid_share out")
                report_repeated_validation(images, data_set.read("valid"))
                return None
        if images is None or not len(images) or keeps_its_order(images):
            return None
        if reader.mixed and spec.valid_share is None:
            notice_once(f"{spec}: the last sixth of its images is no fair sample of the classes: a sixth of each validates instead")
        lone_trains = reader.mixed or spec.split == "full"
        return dict(zip(("train", "valid"), stratified(images, spec.valid_share, spec.seed, lone_trains)))

    def read(part: str) -> Optional[LabelledImages]:
        if part == "test":
            return data_set.read("test")
        parts = split_parts()
        return data_set.read(part) if parts is None else parts[part]

    return read


def _finished(images: LabelledImages, spec: DataSpec, part: str) -> LabelledImages:
    """Return the images of a part at the chosen size and depth: those of the chosen classes, and so many of each for training."""
    if part != "valid":  # they are of the same kind as the training images
        report_odd_images(images.images, str(spec), spec.channels)
    images = narrow(images, spec, part)
    fitted = fit(images.images, spec.image_size, spec.channels, spec.fit, spec.background)
    return images if fitted is images.images else dataclasses.replace(images, images=fitted)


def narrow(images: LabelledImages, spec: DataSpec, part: str) -> LabelledImages:
    """Those of the images of a part that a spec means by `classes`, `class_name`, and of training images by `per_class` and `labels`.

    Raises:
        InputError: no such class, or no image of it.
    """
    if spec.classes is not None:
        images = images.of_classes(spec.classes)
    if spec.per_class is not None and part == "train":
        images = few_of_each_class(images, spec.per_class, spec.seed)
    if spec.labels is not None and part == "train":
        images = keep_labels(images, spec.labels, spec.seed)
    return images if spec.class_name is None else images.of_class(spec.class_name)


# ---- where the data is ---------------------------------------------------------------------------------------------------


def place_of(data: Union[str, Path, DataSpec]) -> Path:
    """Return the path of a data set: where a run found it, if something is still there, else what its name or path means here.

    Raises:
        InputError: The name is empty.
    """
    place = getattr(data, "place", None)
    if place and Path(place).exists():
        return Path(place)
    name = str(data)
    if not name.strip():
        raise InputError("data.source is empty: give mnist or a path; the current folder is .")
    return NAMED[name]() if name in NAMED else find_path(name)


def _open(spec: DataSpec) -> _DataSet:
    name = str(spec)
    with refused_paths(spec):
        path = file_of_set(place_of(spec))
        reader = reader_of(path)
        if reader is None:
            raise _not_understood(path, name)
        return _DataSet(spec, path, reader, state_of(path.parent if reader.beside and path.is_file() else path))


def _not_understood(path: Path, name: str) -> InputError:
    """Return the error about a path that no reader understands, with advice."""
    for endings, advice in ADVICE.items():
        if path.is_file() and path.name.lower().endswith(endings):
            return InputError(f"{name} cannot be read as data: {advice}")
    below = [folder for depth in ("*", "*/*") for folder in sorted(path.glob(depth)) if os.path.isdir(folder)]
    inside = list(itertools.islice((folder for folder in below[:FOLDERS_TRIED] if reader_of(folder)), 2))
    if len(inside) == 1:
        return InputError(f"{name} holds no data itself, but the folder below it does: give {inside[0]}")
    if not path.exists():
        hint = did_you_mean_path(name, NAMED, before="; ") or f": give the path of a file or a folder of images, or {' or '.join(NAMED)}"
        return InputError(f"{name} does not exist{hint}")
    known = "; ".join([f"the name {word}" for word in NAMED] + [reader.what for reader in READERS])
    is_empty = path.is_dir() and not any(path.iterdir())
    return InputError(f"{name} {'is an empty folder' if is_empty else 'is none of the kinds of data known here'}: give {known}")
