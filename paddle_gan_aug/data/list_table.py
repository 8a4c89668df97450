"""The rows of a list file in little memory: numbers in arrays, and the paths in a file, however many there are."""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

import numpy as np

from ..errors import InputError
from ..files import below
from .file_list import chosen_files, file_list
from .list_rows import Row, most_rows, read_rows
from .notices import notice_once

FOLDERS = 10_000  # whose real paths are remembered


@dataclass(frozen=True, eq=False)
class ListTable:
    """The rows of a list file, each picture once.

    Attributes:
        path: the list file.
        files: the paths of the pictures.
        labels: int32 [N], places in `words`: the labels as they are written, in the order in which they first occur.
        splits: int32 [N], places in `parts`: what the column split says, "" without it.
        generated: bool [N], whether the column generated says that a GAN made the picture.
    """

    path: Path
    files: Sequence[Path]
    labels: np.ndarray
    words: List[str]
    splits: np.ndarray
    parts: List[str]
    generated: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, places: np.ndarray) -> "ListTable":
        """Return the rows at `places`, int [M]."""
        labels, splits, generated = (column[places] for column in (self.labels, self.splits, self.generated))
        return ListTable(self.path, chosen_files(self.files, places), labels, self.words, splits, self.parts, generated)


def read_table(path: Path) -> ListTable:
    """Read a list file, see `list_rows.read_rows`. A repeated picture would both train and validate; it counts once.

    Raises:
        InputError: the file is no such list; a picture has two labels, or is in two parts, however its paths are written.
    """
    words: Dict[str, int] = {}
    parts: Dict[str, int] = {}
    most = most_rows(path)  # arrays that grow are copied, and leave holes in the memory
    labels, splits, generated, places = (np.empty(most, kind) for kind in (np.int32, np.int32, bool, np.uint64))
    real_path, count = _RealPaths(), 0

    def names() -> Iterator[str]:
        nonlocal count
        for row in read_rows(path):
            _check_text(row, path)
            file = _file_of(path, row.name)
            labels[count] = words.setdefault(row.label, len(words))
            splits[count] = parts.setdefault(row.split, len(parts))
            generated[count] = row.generated.lower() in ("1", "true", "yes")
            places[count] = _number_of(real_path(file))
            count += 1
            yield below(path.parent, file)

    files = file_list(path.parent, names())
    table = ListTable(path, files, labels[:count], list(words), splits[:count], list(parts), generated[:count])
    return _each_once(table, places[:count], real_path)


def _check_text(row: Row, path: Path) -> None:
    """Check that a row's path can be that of a file, and its label is text: JSON may hold halves of characters.

    Raises:
        InputError: one is not.
    """
    for text, what in ((row.name, "name of a file"), (row.label, "label")):
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            raise InputError(f"{path}, line {row.number}: {text[:80]!r} is no {what}") from None


class _RealPaths:
    """file -> its real path, however it is written."""

    def __init__(self) -> None:
        self._folder = functools.lru_cache(maxsize=FOLDERS)(os.path.realpath)

    def __call__(self, file: Path) -> str:
        real = os.path.join(self._folder(file.parent), file.name)
        return os.path.normcase(os.path.realpath(real) if os.path.islink(real) else real)


def _number_of(real: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(real), digest_size=8).digest(), "little")


def _each_once(table: ListTable, places: np.ndarray, real_path: _RealPaths) -> ListTable:
    """Return the table without repeated pictures. Equal pictures have equal `places`, uint64 [N], which are sorted here."""
    places.sort()  # in place: a copy of a million would be felt
    twice = np.unique(places[1:][places[1:] == places[:-1]])
    if not len(twice):
        return table
    suspects = set(twice.tolist())
    first: Dict[str, int] = {}
    once = np.ones(len(table), bool)
    for place, file in enumerate(table.files):
        real = real_path(file)
        if _number_of(real) in suspects:
            earlier = first.setdefault(real, place)
            if earlier != place:
                once[place] = False
                _check_alike(table, earlier, place)
    if not once.all():
        notice_once(f"{table.path}: {len(table) - once.sum()} of {len(table)} rows repeat others; each picture counts once")
        return table.subset(np.flatnonzero(once))
    return table


def _check_alike(table: ListTable, earlier: int, place: int) -> None:
    """Check that two rows of one picture say the same."""
    label, part = table.words[table.labels[place]], table.parts[table.splits[place]]
    if (label, part) == (table.words[table.labels[earlier]], table.parts[table.splits[earlier]]):
        return
    before, line = (row.number for i, row in enumerate(read_rows(table.path)) if i in (earlier, place))
    where = f"{table.path}, line {line}: {below(table.path.parent, table.files[place])}"
    if label != table.words[table.labels[earlier]]:
        raise InputError(f"{where} has the label {label[:80]}, and in line {before} another one")
    raise InputError(f"{where} is in the part {part[:80]}, and in line {before} in another one")


def _file_of(path: Path, name: str) -> Path:
    """Return the file that a row of a list names; if there is none, the path as it is written."""
    written = path.parent / name
    if name.isascii() and "\\" not in name:
        return written
    with_slashes = name.replace("\\", "/")
    in_gbk = os.fsdecode(with_slashes.encode("gb18030", "replace"))  # unpacked from a zip file of Windows
    choices = (written, *(path.parent / other for other in (with_slashes, in_gbk)))
    return next((file for file in choices if os.path.isfile(file)), written)  # of too long a name pathlib raises an error
