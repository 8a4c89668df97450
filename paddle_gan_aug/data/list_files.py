"""Data sets in list files, with a picture's path and its label on each line, and in folders with such lists.

`train_list.txt`, `val_list.txt` and `test_list.txt` are the lists of PaddleX and PaddleClas.
"""

import functools
import os
import re
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Set, Tuple

from ..errors import InputError
from .images import LabelledImages
from .list_rows import Row, each_once, is_row, read_class_names, read_rows, read_text
from .listing import PART_NAMES, Listing, natural
from .notices import notice_once
from .read_listing import read_listing, read_training
from .spec import DataSpec
from .written_set import MANIFEST

LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".jsonl")
PART_LISTS = {
    "train": ("train_list.txt", "train.txt"),
    "valid": ("val_list.txt", "valid_list.txt", "val.txt", "valid.txt"),
    "test": ("test_list.txt", "test.txt"),
}
CLASS_NAMES = ("labels.txt", "label_list.txt", "*label_list.txt", "classes.txt")  # beside such lists


def is_list_file(path: Path) -> bool:
    """Whether the name of a file is that of a list or a table."""
    return path.is_file() and path.suffix.lower() in LIST_SUFFIXES


def open_list(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a list file, which is undivided or has parts in its column split; see `readers.Reader.open`."""

    @functools.lru_cache(maxsize=1)
    def listings() -> Tuple[Dict[str, Listing], Set[Path]]:
        return _listings(path)

    @functools.lru_cache(maxsize=1)
    def training() -> Dict[str, LabelledImages]:
        return read_training(listings()[0]["train"], listings()[1], spec)

    def read_part(part: str) -> Optional[LabelledImages]:
        parts, generated = listings()
        if generated and "valid" not in parts and part in ("train", "valid"):
            return training()[part]
        if part not in parts:
            return None
        return read_listing(parts[part], spec, str(spec) if part == "all" else f"{spec}, part {part}", parts.get("train"))

    return read_part


def _listings(path: Path) -> Tuple[Dict[str, Listing], Set[Path]]:
    """Return ({part: Listing}, the generated files of the training part, empty if it has no others) of a list file.

    The column split says which part a row belongs to, see `PART_NAMES`. A list of training images alone is undivided.
    """
    rows = _rows_of(path)
    parts = {file: next((part for part, names in PART_NAMES.items() if row.split.lower() in names), None) for file, row in rows.items()}
    if not all(parts.values()):
        if any(row.split for row in rows.values()):
            notice_once(f"{path}: its column split is left out, since not all of its values are train, valid (or val) or test")
        parts = dict.fromkeys(rows, "train")
    generated = {file for file, row in rows.items() if parts[file] == "train" and row.generated.lower() in ("1", "true", "yes")}
    if all(file in generated for file in rows if parts[file] == "train"):
        generated = set()
    if set(parts.values()) == {"train"} and not generated:
        return {"all": _labelled(path, rows)}, generated
    listings = {part: _labelled(path, {file: rows[file] for file in rows if parts[file] == part}) for part in set(parts.values())}
    if "train" in listings:
        class_names = listings["train"].class_names
        listings = {part: listing.with_classes(class_names, f"{path}, part {part}") for part, listing in listings.items()}
    return listings, generated


def _rows_of(path: Path) -> Dict[Path, Row]:
    rows = read_rows(path)
    return each_once(rows, [_file_of(path, row.name) for row in rows], path)


def list_file(path: Path, class_names: Optional[Mapping[int, str]] = None) -> Listing:
    """Read a list file: a picture's path and its label in each row, see `list_rows.read_rows`.

    Relative paths are relative to the list file. They may be written with the backslashes of Windows. If all labels are numbers,
    the classes are the numbers that occur, in their order; else the classes are the labels in natural order.

    Args:
        path: the list file.
        class_names: {label: name} of a list whose labels are numbers; None = the numbers.

    Raises:
        InputError: the file is no text or has no row, a row has no label, or a label is negative or missing in `class_names`.
    """
    return _labelled(path, _rows_of(path), class_names)


def _labelled(path: Path, rows: Mapping[Path, Row], class_names: Optional[Mapping[int, str]] = None) -> Listing:
    """Return the listing of {file: row}, see `list_file`."""
    files, words = list(rows), [row.label for row in rows.values()]
    if all(re.fullmatch(r"[+-]?\d{1,100}", word) for word in words):
        names, labels = _numbered(path, [int(word) for word in words], class_names)
    else:
        names = tuple(sorted(set(words), key=natural))
        places = {name: place for place, name in enumerate(names)}
        labels = [places[word] for word in words]
    return Listing(path, files, labels, names)


def _numbered(path: Path, numbers: List[int], class_names: Optional[Mapping[int, str]]) -> Tuple[Tuple[str, ...], List[int]]:
    """Return (class names, labels) of labels that are numbers."""
    if min(numbers) < 0:
        raise InputError(f"{path}, label {min(numbers)}: labels count from 0")
    known = {number: str(number) for number in sorted(set(numbers))} if class_names is None else class_names
    unknown = next((number for number in numbers if number not in known), None)
    if unknown is not None:
        raise InputError(f"{path} has a label {unknown}, but the classes are numbered from {min(known)} to {max(known)}")
    places = {number: place for place, number in enumerate(sorted(known))}
    return tuple(known[number] for number in sorted(known)), [places[number] for number in numbers]


def _file_of(path: Path, name: str) -> Path:
    """Return the file that a row of a list names; if there is none, the path as it is written."""
    written = path.parent / name
    if name.isascii() and "\\" not in name:
        return written
    with_slashes = name.replace("\\", "/")
    in_gbk = os.fsdecode(with_slashes.encode("gb18030", "surrogatepass"))  # unpacked from a zip file of Windows
    choices = (written, *(path.parent / other for other in (with_slashes, in_gbk)))
    return next((file for file in choices if file.is_file()), written)


def is_list_folder(path: Path) -> bool:
    """Whether a folder has a list of its training images, as the sets of PaddleX and PaddleClas have.

    A set with a manifest is read by that: the lists beside it are for other programs.
    """
    lists = _part_lists(path) if path.is_dir() and not (path / MANIFEST).exists() else {}
    try:
        return "train" in lists and is_row(read_text(lists["train"]).strip().partition("\n")[0])
    except InputError:
        return False


def open_list_folder(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a folder with list files; see `readers.Reader.open`. A file labels.txt may name the classes."""
    lists = _part_lists(path)
    named = next((file for pattern in CLASS_NAMES for file in sorted(path.glob(pattern)) if file.is_file()), None)

    def read_part(part: str) -> Optional[LabelledImages]:
        if part not in lists:
            return None
        class_names = read_class_names(named) if named else None
        listing = training = list_file(lists["train"], class_names)
        if part != "train":
            listing = list_file(lists[part], class_names).with_classes(training.class_names, lists[part])
        return read_listing(listing, spec, f"{spec}, {lists[part].name}", training)

    return read_part


def _part_lists(path: Path) -> Dict[str, Path]:
    paths = {part: next((path / name for name in names if (path / name).is_file()), None) for part, names in PART_LISTS.items()}
    return {part: file for part, file in paths.items() if file}
