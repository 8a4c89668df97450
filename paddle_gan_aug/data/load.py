"""Why one door: `--data` takes a name, a folder or a file, and every command should understand the same ones.

A new kind of data is one row in `READERS`.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from ..files import PACKAGE_PARENT, find_path, project_root
from .fitting import fit
from .folders import file_of_set, is_image_folder, is_list_file, open_folder, open_list
from .idx import idx_class_count, is_idx_folder, read_idx_folder
from .images import LabelledImages
from .json_gz import read_mnist_json
from .npz import is_npz, open_npz
from .source import as_source
from .splits import check_choice, check_split, few_of_each_class, keep_labels, select, stratified

MODES = ("train", "valid", "eval", "single")
DIGITS = tuple("0123456789")


def _open_idx(folder, source):
    """Parts of a folder with IDX files; it has no validation part of its own."""

    def read_part(part):
        if part not in ("train", "eval"):
            return None
        images, labels = read_idx_folder(folder, "test" if part == "eval" else "train")
        classes = idx_class_count(folder)
        if labels.max(initial=0) >= classes:
            raise InputError(f"the test labels in {folder} go to {labels.max()}, the training labels to {classes - 1}: they do not match")
        kind = "test" if part == "eval" else "training"
        return LabelledImages(images, labels, tuple(map(str, range(classes))), f"{source}, {kind} files")

    return read_part


def _open_json(path, source):
    """Parts of a file in the format of mnist.json.gz, read when the first of them is asked for."""

    @functools.lru_cache(maxsize=1)
    def read_all():
        return read_mnist_json(path, project_root() / "output" / ".cache")

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

    `open(path, source)` gives a function from `train`, `valid`, `eval` or `all` to LabelledImages, or to None where there is no such
    part; `all` is what undivided data has instead of parts.
    """

    what: str
    understands: Callable
    open: Callable
    mixed: bool = False  # the files' order mixes the classes, so that the last images of training may validate


READERS = (
    Reader("a folder with IDX files (train-images-idx3-ubyte.gz ...)", is_idx_folder, _open_idx, mixed=True),
    Reader("a .json.gz or .json file in the format of mnist.json.gz", _is_json, _open_json, mixed=True),
    Reader("a folder with a folder of pictures for each class", is_image_folder, open_folder),
    Reader("an .npz file with an array images", is_npz, open_npz),
    Reader("a list file (.txt, .lst) with a path and a label on each line", is_list_file, open_list),
)


def _shipped_mnist():
    folder = project_root() / "work" / "mnist"
    if not is_idx_folder(folder):
        raise InputError(
            f"the MNIST that ships is not here: looked for work/mnist in {Path.cwd()}, its parents and {PACKAGE_PARENT}; "
            "run from the project folder, restore it with git checkout -- work/mnist, or give a path"
        )
    return folder


NAMED = {"mnist": _shipped_mnist}


def load(name_or_path="mnist", mode="train", digit=None, split="standard"):
    """Read a data set.

    Args:
        name_or_path: `mnist` (the set that ships), or the path of one of the kinds in `READERS`, relative to the current folder or the
            project; or a `Source`, which says beside the name how to read it.
        mode: `train`, `valid`, `eval` (the test images), or `single`: the training images of one digit.
        digit: only this class, by name or index; any mode takes it, `single` needs it.
        split: `standard` (validation images are held out of training) or `full` (trained on as well).

    Returns:
        LabelledImages. MNIST: 50,000 images for `train` (60,000 with `full`), 10,000 for `valid`, 10,000 for `eval`.

    Raises:
        InputError: no such data, mode, split or class; damaged files; a part that the data does not have.
    """
    source = as_source(name_or_path)
    check_choice(mode, MODES, "mode")
    check_split(mode, split)
    if mode == "single" and digit is None:
        raise InputError("mode 'single' needs a digit: say which (0 to 9 for MNIST)")
    part = "train" if mode == "single" else mode
    return _finished(select(_parts(source), part, split, str(source)), source, part, digit)


def load_test(source):
    """The test images of a source that was given as test data: its part `eval`, or all of it where it has no parts.

    Raises:
        InputError: as `load`.
    """
    source = as_source(source)
    _, read_part = _open(source)
    test = read_part("all")
    return _finished(select(read_part, "eval", name=str(source)) if test is None else test, source, "eval")


def _parts(source):
    """A function from `train`, `valid` or `eval` to LabelledImages or None; undivided data, or data with a share set, is split here."""
    reader, read_part = _open(source)

    @functools.lru_cache(maxsize=1)
    def split_parts():
        if reader.mixed and source.valid_share is None:
            return None
        data = read_part("all")
        if data is None:
            if read_part("valid") is not None:
                if source.valid_share is not None:
                    raise InputError(f"{source} has validation images of its own: leave data.valid_share out")
                return None
            data = read_part("train")
        if not len(data):
            return None
        return dict(zip(("train", "valid"), stratified(data, source.valid_share, source.seed)))

    def read(part):
        if part == "eval":
            return read_part("eval")
        parts = split_parts()
        return read_part(part) if parts is None else parts[part]

    return read


def _finished(data, source, part, digit=None):
    """The images of a part at the wanted size and depth; of the wanted classes, and of those so many each for training."""
    if source.classes is not None:
        data = data.of_classes(source.classes)
    if source.per_class is not None and part == "train":
        data = few_of_each_class(data, source.per_class, source.seed)
    if source.labels is not None and part == "train":
        data = keep_labels(data, source.labels, source.seed)
    if digit is not None:
        data = data.of_class(str(digit))
    images = fit(data.images, source.image_size, source.channels)
    return data if images is data.images else LabelledImages(images, data.labels, data.class_names, data.source)


def _open(source):
    name = str(source)
    path = NAMED[name]() if name in NAMED else file_of_set(find_path(name))
    for reader in READERS:
        if reader.understands(path):
            return reader, reader.open(path, source)
    known = "; ".join([f"the name {word}" for word in NAMED] + [reader.what for reader in READERS])
    problem = "is none of the kinds of data known here" if path.exists() else "does not exist"
    if path.is_dir() and not any(path.iterdir()):
        problem = "is an empty folder"
    raise InputError(f"{name} {problem}: give {known}")
