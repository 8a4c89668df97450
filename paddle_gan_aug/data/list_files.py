"""Data sets in list files, with a picture's path and its label on each line, and in folders with such lists.

`train_list.txt`, `val_list.txt` and `test_list.txt` are the lists of PaddleX and PaddleClas.
"""

import functools
import re
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..errors import InputError
from .images import LabelledImages
from .list_rows import first_line, is_row, read_class_names
from .list_table import ListTable, read_table
from .listing import PART_NAMES, Listing, natural
from .notices import notice_once
from .read_listing import TRAINING_PARTS, read_listing, read_training
from .spec import DataSpec
from .written_set import MANIFEST

LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".jsonl")
PART_LISTS = {
    "train": ("train_list", "train"),
    "valid": ("val_list", "valid_list", "val", "valid"),
    "test": ("test_list", "test"),
}
CLASS_NAMES = ("labels", "label_list", "*label_list", "classes")  # beside such lists, which are all .txt or .TXT


def is_list_file(path: Path) -> bool:
    """Whether the name of a file is that of a list or a table."""
    return path.is_file() and path.suffix.lower() in LIST_SUFFIXES


def open_list(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a list file, which is undivided or has parts in its column split; see `readers.Reader.open`."""

    @functools.lru_cache(maxsize=1)
    def listings() -> Tuple[Dict[str, Listing], np.ndarray]:
        return _listings(path)

    @functools.lru_cache(maxsize=1)
    def training() -> Dict[str, LabelledImages]:
        return read_training(listings()[0]["train"], listings()[1], spec)

    def read_part(part: str) -> Optional[LabelledImages]:
        parts, generated = listings()
        if generated.any() and "valid" not in parts and part in TRAINING_PARTS:
            return training()[part]
        if part not in parts:
            return None
        return read_listing(parts[part], spec, str(spec) if part == "all" else f"{spec}, part {part}", parts.get("train"))

    return read_part


def _listings(path: Path) -> Tuple[Dict[str, Listing], np.ndarray]:
    """Return ({part: Listing}, which files of the training part are generated, bool [N], none if it has no others) of a list file.

    The column split says which part a row belongs to, see `PART_NAMES`. A list of training images alone is undivided.
    """
    table = read_table(path)
    part_of = [next((part for part, names in PART_NAMES.items() if word.lower() in names), None) for word in table.parts]
    used = [part_of[code] for code in np.unique(table.splits)]
    if not all(used):
        if any(used):
            odd = next(word for word, part in zip(table.parts, part_of) if part is None)
            raise InputError(
                f"{path}: its column split is {odd[:80]!r} in {int((table.splits == table.parts.index(odd)).sum())} of {len(table)} rows, "
                "and a part in others: write train, valid (or val) or test in each row, or leave the column out"
            )
        if any(table.parts):
            notice_once(f"{path}: its column split is left out, since not all of its values are train, valid (or val) or test")
        part_of, used = ["train"] * len(table.parts), ["train"]
    parts = list(dict.fromkeys(used))
    places = {part: np.flatnonzero(np.isin(table.splits, [code for code, own in enumerate(part_of) if own == part])) for part in parts}
    generated = table.generated[places.get("train", [])]
    if generated.all():
        generated = np.zeros(len(generated), bool)
    if parts == ["train"] and not generated.any():
        return {"all": _labelled(table)}, generated
    listings = {part: _labelled(table.subset(places[part])) for part in parts}
    if "train" in listings:
        class_names = listings["train"].class_names
        listings = {part: listing.with_classes(class_names, f"{path}, part {part}") for part, listing in listings.items()}
    return listings, generated


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
    return _labelled(read_table(path), class_names)


def _labelled(table: ListTable, class_names: Optional[Mapping[int, str]] = None) -> Listing:
    """Return the listing of the rows of a list file, see `list_file`."""
    used = np.unique(table.labels)
    words = [table.words[code] for code in used]
    if all(re.fullmatch(r"[+-]?\d{1,100}", word) for word in words):
        names, labels = _numbered(table.path, [int(word) for word in words], class_names)
    else:
        names = tuple(sorted(words, key=natural))
        places = {name: place for place, name in enumerate(names)}
        labels = [places[word] for word in words]
    label_of = np.zeros(len(table.words), np.int64)
    label_of[used] = labels
    return Listing(table.path, table.files, label_of[table.labels], names)


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


def is_list_folder(path: Path) -> bool:
    """Whether a folder has a list of its training images, as the sets of PaddleX and PaddleClas have.

    A set with a manifest is read by that: the lists beside it are for other programs.
    """
    lists = _part_lists(path) if path.is_dir() and not (path / MANIFEST).exists() else {}
    try:
        return "train" in lists and is_row(first_line(lists["train"]))
    except InputError:
        return False


def open_list_folder(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a folder with list files; see `readers.Reader.open`. A file labels.txt may name the classes."""
    lists = _part_lists(path)
    named = next((file for pattern in CLASS_NAMES for file in sorted(path.glob(f"{pattern}.[tT][xX][tT]")) if file.is_file()), None)

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
    def list_of(names: Sequence[str]) -> Optional[Path]:
        files = (path / f"{name}{suffix}" for name in names for suffix in (".txt", ".TXT"))
        return next((file for file in files if file.is_file()), None)

    return {part: file for part, names in PART_LISTS.items() if (file := list_of(names))}
