"""Why one door: `--data` takes a name, a folder or a file, and every command should understand the same ones.

A new kind of data is one row in `READERS`.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import PACKAGE_PARENT, find_path, project_root
from .decoding import SUFFIXES
from .fitting import fit
from .folders import file_of_set, is_image_folder, is_list_file, is_list_folder, open_folder, open_list, open_list_folder
from .idx import has_test_files, idx_classes, is_emnist, is_idx_folder, read_idx_folder
from .images import LabelledImages
from .json_gz import read_mnist_json
from .npz import is_npz, open_npz
from .overlap import tell_repeated_validation
from .spec import DataSpec, as_spec
from .splits import check_choice, check_split, few_of_each_class, last_sixth_is_fair, select, stratified
from .telling import tell_once
from .values import DARKEST_WHITE, as_pixels, look, range_of, say_what_looks_wrong

FOLDERS_TRIED = 100  # below one that holds no data itself
PARTS = ("train", "valid", "test")
DIGITS = tuple("0123456789")


def _open_idx(folder, source):
    """Parts of a folder with IDX files; it has no validation part of its own."""

    def window_for(part, images):
        """Of dark test images the training images tell whether they are masks, zeros and ones alone."""
        if source.window or part == "train" or images.max(initial=0) >= DARKEST_WHITE:
            return source.window
        try:
            return range_of(*look(read_idx_folder(folder, "train")[0], str(folder)), str(folder))
        except InputError:  # there are none
            return None

    def read_part(part):
        if part not in ("train", "test"):
            return None
        if part == "test" and not has_test_files(folder):
            return None
        images, labels = read_idx_folder(folder, "test" if part == "test" else "train")
        classes = idx_classes(folder)
        strange = sorted(set(np.unique(labels).tolist()) - set(classes))
        if strange:
            raise InputError(
                f"{folder}: the {'test' if part == 'test' else 'training'} labels go to {labels.max()}, those of its classes from "
                f"{min(classes)} to {max(classes)}: label {strange[0]} belongs to no class; put files that belong together there"
            )
        index = np.zeros(max(classes) + 1, np.int64)
        index[sorted(classes)] = np.arange(len(classes))
        kind = f"{'test' if part == 'test' else 'training'} files"
        if is_emnist(folder):
            kind += ", turned upright"
            tell_once(f"{source}: EMNIST stores its images on their sides: they are turned upright; {len(classes)} classes")
        images = as_pixels(images, f"{folder}, {kind}", window_for(part, images))
        return LabelledImages(images, index[labels], tuple(classes[label] for label in sorted(classes)), f"{source}, {kind}")

    return read_part


def _open_json(path, source):
    """Parts of a file in the format of mnist.json.gz, read when the first of them is asked for."""

    @functools.lru_cache(maxsize=1)
    def read_all():
        return read_mnist_json(path, project_root() / "output" / ".cache", source.window)

    def read_part(part):
        if part not in read_all():
            return None
        return LabelledImages(*read_all()[part], DIGITS, f"{source}, part {part}")

    return read_part


def _is_json(path):
    return path.is_file() and path.name.endswith((".json", ".json.gz"))


@dataclasses.dataclass(frozen=True)
class Reader:
    """One kind of data: in words, how to tell it by its path, and how to open it.

    `open(path, source)` gives a function from `train`, `valid`, `test` or `all` to LabelledImages, or to None where there is no such
    part; `all` is what undivided data has instead of parts.
    """

    what: str
    understands: Callable
    open: Callable
    mixed: bool = False  # the files' order usually mixes the classes; where it does, the last images of training validate


READERS = (
    Reader("a folder with IDX files (train-images-idx3-ubyte.gz ...)", is_idx_folder, _open_idx, mixed=True),
    Reader("a .json.gz or .json file in the format of mnist.json.gz", _is_json, _open_json, mixed=True),
    Reader("a folder with list files (train_list.txt, val_list.txt, test_list.txt)", is_list_folder, open_list_folder),
    Reader("a folder with a folder of pictures for each class", is_image_folder, open_folder),
    Reader("an .npz file with an array images (or train_images, x_train ...)", is_npz, open_npz),
    Reader("a list file (.txt, .lst, .csv) with a path and a label on each line", is_list_file, open_list),
)


INSTEAD = {  # how the name of what is not read here ends -> what to do with it
    (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".rar", ".7z"): "unpack it, and give the folder",
    (".npy",): "it has no labels: put them beside the images, numpy.savez('data.npz', images=images, labels=labels)",
    (".parquet", ".arrow", ".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".rec", ".pkl", ".pickle", ".pt", ".pth"): (
        "write its images into a folder for each class, or into an .npz with images and labels"
    ),
    (".xls", ".xlsx", ".ods"): "save it as .csv, with the columns file and label",
    SUFFIXES: "it is one picture: give the folder that holds the class folders",
}


def _shipped_mnist():
    folder = project_root() / "work" / "mnist"
    if not is_idx_folder(folder):
        raise InputError(
            f"the MNIST that ships is not here: looked for work/mnist in {Path.cwd()}, its parents and {PACKAGE_PARENT}; "
            "run from the project folder, restore it with git checkout -- work/mnist, or give a path"
        )
    return folder


NAMED = {"mnist": _shipped_mnist}


def load(data: Any = "mnist", part: str = "train", **reading: Any) -> LabelledImages:
    """Read one part of a data set.

    Args:
        data: `mnist` (the set that ships), or the path of one of the kinds in `READERS`, relative to the current folder or the
            project; or a `DataSpec`, which says beside the name how to read it.
        part: `train`, `valid` or `test`.
        reading: fields of `DataSpec` by name, such as `image_size=32`, `class_name="5"` or `split="full"`.

    Returns:
        LabelledImages. MNIST: 50,000 images for `train` (60,000 with `full`), 10,000 for `valid`, 10,000 for `test`.

    Raises:
        InputError: no such data, part, split or class; a name in `reading` that is no field; damaged files; a part that is
            not there.
    """
    spec = as_spec(data, **reading)
    check_choice(part, PARTS, "part")
    check_split(part, spec.split)
    return _finished(select(_parts(spec), part, spec.split, str(spec)), spec, part)


def load_test(source):
    """The test images of a source that was given as test data: its part `test`, or all of it where it has no parts.

    Raises:
        InputError: as `load`.
    """
    source = as_spec(source)
    _, read_part = _open(source)
    test = read_part("all")
    return _finished(select(read_part, "test", name=str(source)) if test is None else test, source, "test")


def test_part(source):
    """The test images of a source, or None where it has none.

    Raises:
        InputError: as `load`; damaged test images too.
    """
    source = as_spec(source)
    test = _open(source)[1]("test")
    return None if test is None or not len(test) else _finished(test, source, "test")


def holds_out(source):
    """Whether `load` holds out a share of each class of this data, by a seed, because it has no validation part of its own.

    Raises:
        InputError: as `load`.
    """
    reader, read_part = _open(as_spec(source))
    return not reader.mixed and (read_part("all") is not None or read_part("valid") is None)


def _parts(source):
    """A function from `train`, `valid` or `test` to LabelledImages or None; undivided data, or data with a share set, is split here."""
    reader, read_file = _open(source)
    read_part = functools.lru_cache(maxsize=None)(read_file)

    def keeps_its_order(data):
        """Whether the last images of a file may validate, or need not since all of them train."""
        return reader.mixed and source.valid_share is None and (source.split == "full" or last_sixth_is_fair(data.labels))

    @functools.lru_cache(maxsize=1)
    def split_parts():
        data = read_part("all")
        if data is None:
            data = read_part("train")
            if data is not None and read_part("valid") is not None:
                if source.valid_share is not None:
                    raise InputError(f"{source} has validation images of its own: leave data.valid_share out")
                tell_repeated_validation(data, read_part("valid"))
                return None
        if data is None or not len(data) or keeps_its_order(data):
            return None
        if reader.mixed and source.valid_share is None:
            tell_once(f"{source}: the last sixth of its images is no fair sample of the classes: a sixth of each validates instead")
        lone_trains = reader.mixed or source.split == "full"
        return dict(zip(("train", "valid"), stratified(data, source.valid_share, source.seed, lone_trains)))

    def read(part):
        if part == "test":
            return read_part("test")
        parts = split_parts()
        return read_part(part) if parts is None else parts[part]

    return read


def _finished(data, source, part):
    """The images of a part at the wanted size and depth; of the wanted classes, and of those so many each for training."""
    if part != "valid":  # they are of the same kind as the training images
        say_what_looks_wrong(data.images, str(source), source.channels)
    data = narrow(data, source, part)
    images = fit(data.images, source.image_size, source.channels, source.fit, source.background)
    return data if images is data.images else dataclasses.replace(data, images=images)


def narrow(data: LabelledImages, spec: DataSpec, part: str) -> LabelledImages:
    """Those of the images of a part that a spec means by `classes`, `per_class` (of training images alone) and `class_name`.

    Raises:
        InputError: no such class, or no image of it.
    """
    if spec.classes is not None:
        data = data.of_classes(spec.classes)
    if spec.per_class is not None and part == "train":
        data = few_of_each_class(data, spec.per_class, spec.seed)
    return data if spec.class_name is None else data.of_class(spec.class_name)


def _understood(path):
    return any(reader.understands(path) for reader in READERS)


def place_of(source):
    """The path of a source: where a run found it, if something is there still, else what its name or path means from here."""
    if source.place and Path(source.place).exists():
        return Path(source.place)
    name = str(source)
    return NAMED[name]() if name in NAMED else find_path(name)


def _open(source):
    name = str(source)
    if not name.strip():
        raise InputError("no data named: --data takes mnist or a path; the current folder is .")
    try:
        return _opened(source, name)
    except PermissionError as error:
        raise InputError(f"cannot read {name}: {error.strerror}: {error.filename}") from None


def _opened(source, name):
    path = file_of_set(place_of(source))
    for reader in READERS:
        if reader.understands(path):
            return reader, reader.open(path, source)
    for endings, advice in INSTEAD.items():
        if path.is_file() and path.name.lower().endswith(endings):
            raise InputError(f"{name} cannot be read as data: {advice}")
    below = [folder for depth in ("*", "*/*") for folder in sorted(path.glob(depth)) if os.path.isdir(folder)]
    inside = list(itertools.islice(filter(_understood, below[:FOLDERS_TRIED]), 2))
    if len(inside) == 1:
        raise InputError(f"{name} holds no data itself, but the folder below it does: give {inside[0]}")
    known = "; ".join([f"the name {word}" for word in NAMED] + [reader.what for reader in READERS])
    problem = "is none of the kinds of data known here" if path.exists() else "does not exist"
    if path.is_dir() and not any(path.iterdir()):
        problem = "is an empty folder"
    raise InputError(f"{name} {problem}: give {known}")
