"""Why one door: `--data` takes a name, a folder or a file, and every command should understand the same ones.

A new kind of data is one row in `READERS`.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from ..files import PACKAGE_PARENT, find_path, project_root
from .idx import idx_class_count, is_idx_folder, read_idx_folder
from .images import LabelledImages
from .json_gz import read_mnist_json
from .splits import check_choice, check_split, select

MODES = ("train", "valid", "eval", "single")
DIGITS = tuple("0123456789")


def _open_idx(folder, name):
    """Parts of a folder with IDX files; it has no validation part of its own."""

    def read_part(part):
        if part == "valid":
            return None
        images, labels = read_idx_folder(folder, "test" if part == "eval" else "train")
        classes = idx_class_count(folder)
        if labels.max(initial=0) >= classes:
            raise InputError(f"the test labels in {folder} go to {labels.max()}, the training labels to {classes - 1}: they do not match")
        return LabelledImages(images, labels, tuple(map(str, range(classes))), f"{name}, {'test' if part == 'eval' else 'training'} files")

    return read_part


def _open_json(path, name):
    """Parts of a file in the format of mnist.json.gz, read when the first of them is asked for."""

    @functools.lru_cache(maxsize=1)
    def read_all():
        return read_mnist_json(path, project_root() / "output" / ".cache")

    def read_part(part):
        if part not in read_all():
            return None
        return LabelledImages(*read_all()[part], DIGITS, f"{name}, part {part}")

    return read_part


def _is_json(path):
    return path.is_file() and path.name.endswith((".json", ".json.gz"))


@dataclasses.dataclass(frozen=True)
class Reader:
    """One kind of data: in words, how to tell it by its path, and how to open it.

    `open(path, name)` gives a function from `train`, `valid` or `eval` to LabelledImages, or to None where there is no such part.
    """

    what: str
    understands: Callable
    open: Callable


READERS = (
    Reader("a folder with IDX files (train-images-idx3-ubyte.gz ...)", is_idx_folder, _open_idx),
    Reader("a .json.gz or .json file in the format of mnist.json.gz", _is_json, _open_json),
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
        name_or_path: `mnist` (the set that ships), or the path of a folder with IDX files or of a .json.gz / .json file in the
            format of mnist.json.gz; relative to the current folder or the project.
        mode: `train`, `valid`, `eval` (the test images), or `single`: the training images of one digit.
        digit: only this class, by name or index; any mode takes it, `single` needs it.
        split: `standard` (validation images are held out of training) or `full` (trained on as well).

    Returns:
        LabelledImages. MNIST: 50,000 images for `train` (60,000 with `full`), 10,000 for `valid`, 10,000 for `eval`.

    Raises:
        InputError: no such data, mode, split or class; damaged files; a part that the data does not have.
    """
    check_choice(mode, MODES, "mode")
    check_split(mode, split)
    if mode == "single" and digit is None:
        raise InputError("mode 'single' needs a digit: say which (0 to 9 for MNIST)")
    data = select(_open(name_or_path), "train" if mode == "single" else mode, split, str(name_or_path))
    return data if digit is None else data.of_class(str(digit))


def _open(name_or_path):
    name = str(name_or_path)
    path = NAMED[name]() if name in NAMED else find_path(name_or_path)
    for reader in READERS:
        if reader.understands(path):
            return reader.open(path, name)
    known = "; ".join([f"the name {word}" for word in NAMED] + [reader.what for reader in READERS])
    problem = "is none of the kinds of data known here" if path.exists() else "does not exist"
    raise InputError(f"{name} {problem}: give {known}")
