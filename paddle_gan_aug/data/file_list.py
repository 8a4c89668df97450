"""The paths of many files in little memory."""

import array
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Iterable, Iterator, List, Optional, Union

import numpy as np

from .cache import temporary_file

FEW = 20_000  # files whose paths are held as they are
BLOCK = 64  # names whose place is noted together


class FileList(Sequence):
    """Paths of files below a folder, as a sequence. Their text lies in one file, and the paths are made when they are asked for.

    Args:
        folder: the folder; "" for paths as they are written.
        text: uint8 [M], the paths below the folder, each with a zero at its end.
        starts: int [N / 64], where every 64th begins.
        places: int [K], which of them are meant, in this order; None = all `count`.
        count: how many there are.
    """

    def __init__(self, folder: str, text: np.ndarray, starts: np.ndarray, count: int, places: Optional[np.ndarray] = None) -> None:
        self.folder, self._text, self._starts, self._count, self._places = folder, text, starts, count, places

    def __len__(self) -> int:
        return self._count if self._places is None else len(self._places)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, np.integer)):
            return self._made(self._name(int(range(len(self))[key])))
        places = np.arange(self._count, dtype=np.int32) if self._places is None else self._places
        return type(self)(self.folder, self._text, self._starts, self._count, places[key])

    def __iter__(self) -> Iterator[Any]:
        return map(self._made, self._names())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other))

    __hash__ = None  # type: ignore[assignment]

    @property
    def names(self) -> "NameList":
        """The same as texts, below the folder."""
        return NameList(self.folder, self._text, self._starts, self._count, self._places)

    def _made(self, name: str) -> Any:
        return Path(os.path.join(self.folder, name))

    def _block(self, number: int) -> List[str]:
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._text)
        return os.fsdecode(self._text[self._starts[number] : end].tobytes()).split("\0")[:-1]

    def _name(self, index: int) -> str:
        place = index if self._places is None else int(self._places[index])
        return self._block(place // BLOCK)[place % BLOCK]

    def _names(self) -> Iterator[str]:
        known, block = -1, []
        for place in range(self._count) if self._places is None else self._places:
            number = int(place) // BLOCK
            if number != known:
                known, block = number, self._block(number)
            yield block[int(place) % BLOCK]


class NameList(FileList):
    """As `FileList`, of the texts below the folder."""

    def _made(self, name: str) -> Any:
        return name


def file_list(folder: Path, names: Iterable[str]) -> Union[List[Path], FileList]:
    """Return the paths of the files that are called so below a folder: a list of a few, else a `FileList`."""
    names = iter(names)
    first = list(itertools.islice(names, FEW + 1))
    if len(first) > FEW:
        try:
            file = temporary_file()
        except OSError:  # there is no room for it on the disk
            names, first = iter(()), [*first, *names]
        else:
            return _written(file, str(folder), itertools.chain(first, names))
    return [folder / name for name in first]


def _written(file: IO[bytes], folder: str, names: Iterator[str]) -> FileList:
    starts, length, count = array.array("Q"), 0, 0
    with file:
        while block := list(itertools.islice(names, BLOCK)):
            starts.append(length)
            length += file.write(b"".join(os.fsencode(name) + b"\0" for name in block))
            count += len(block)
        file.flush()
        return FileList(folder, np.asarray(np.memmap(file, np.uint8, "r", shape=(length,))), np.array(starts, np.int64), count)


def chosen_files(files: Sequence, places: np.ndarray) -> Sequence:
    """Return the paths at `places`, int [M] or a mask, as a sequence of the same kind."""
    return files[places] if isinstance(files, FileList) else [files[i] for i in np.arange(len(files))[places]]
