"""The rows of a list file in little memory: numbers in arrays, and the paths in a file, however many there are."""

import array
import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

import numpy as np

from ..errors import InputError
from .file_list import chosen_files, file_list
from .list_rows import read_rows
from .notices import notice_once

FOLDERS = 10_000  # whose real paths are remembered


@dataclass(frozen=True, eq=False)
class ListTable:
    """The rows of a list file, each picture once.

    Attributes:
        path: the list file.
        files: the paths of the pictures.
        numbers: int32 [N], the line of each row.
        labels: int32 [N], places in `words`: the labels as they are written, in the order in which they first occur.
        splits: int32 [N], places in `parts`: what the column split says, "" without it.
        generated: bool [N], whether the column generated says that a GAN made the picture.
    """

    path: Path
    files: Sequence[Path]
    numbers: np.ndarray
    labels: np.ndarray
    words: List[str]
    splits: np.ndarray
    parts: List[str]
    generated: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def subset(self, places: np.ndarray) -> "ListTable":
        """Return the rows at `places`, int [M]."""
        columns = (column[places] for column in (self.numbers, self.labels, self.splits, self.generated))
        numbers, labels, splits, generated = columns
        return ListTable(self.path, chosen_files(self.files, places), numbers, labels, self.words, splits, self.parts, generated)


def read_table(path: Path) -> ListTable:
    """Read a list file, see `list_rows.read_rows`. A repeated picture would both train and validate; it counts once.

    Raises:
        InputError: the file is no such list; a picture has two labels, or is in two parts, however its paths are written.
    """
    words: Dict[str, int] = {}
    parts: Dict[str, int] = {}
    numbers, labels, splits, generated, places = (array.array(kind) for kind in "iiibQ")
    real_path = _RealPaths()

    def names() -> Iterator[str]:
        for row in read_rows(path):
            try:
                os.fsencode(row.name)
            except UnicodeEncodeError:
                raise InputError(f"{path}, line {row.number}: {row.name[:80]!r} is no name of a file") from None
            file = _file_of(path, row.name)
            numbers.append(row.number)
            labels.append(words.setdefault(row.label, len(words)))
            splits.append(parts.setdefault(row.split, len(parts)))
            generated.append(row.generated.lower() in ("1", "true", "yes"))
            places.append(_number_of(real_path(file)))
            yield _below(path.parent, file)

    files = file_list(path.parent, names())
    columns = (np.asarray(numbers), np.asarray(labels), list(words), np.asarray(splits), list(parts), np.asarray(generated).astype(bool))
    return _each_once(ListTable(path, files, *columns), np.asarray(places), real_path)


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
    """Return the table without repeated pictures. Equal pictures have equal `places`, uint64 [N]."""
    ordered = np.sort(places)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(twice):
        return table
    first: Dict[str, int] = {}
    once = np.ones(len(table), bool)
    for place in np.flatnonzero(np.isin(places, twice)).tolist():
        earlier = first.setdefault(real_path(table.files[place]), place)
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
    where = f"{table.path}, line {table.numbers[place]}: {_below(table.path.parent, table.files[place])}"
    before = table.numbers[earlier]
    if label != table.words[table.labels[earlier]]:
        raise InputError(f"{where} has the label {label[:80]}, and in line {before} another one")
    if part != table.parts[table.splits[earlier]]:
        raise InputError(f"{where} is in the part {part[:80]}, and in line {before} in another one")


def _below(folder: Path, file: Path) -> str:
    """The path of a file below a folder, if it lies there by its name; else its whole path."""
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _file_of(path: Path, name: str) -> Path:
    """Return the file that a row of a list names; if there is none, the path as it is written."""
    written = path.parent / name
    if name.isascii() and "\\" not in name:
        return written
    with_slashes = name.replace("\\", "/")
    in_gbk = os.fsdecode(with_slashes.encode("gb18030", "replace"))  # unpacked from a zip file of Windows
    choices = (written, *(path.parent / other for other in (with_slashes, in_gbk)))
    return next((file for file in choices if file.is_file()), written)
