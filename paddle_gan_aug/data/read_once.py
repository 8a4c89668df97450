"""Keep the images that were read, so that one command reads a data set once.

Images are kept as long as something uses them, and beyond that as long as there is room. They are read anew when a file that they
were read from has changed. `LabelledImages` are read-only, so they can be shared.
"""

import hashlib
import os
import threading
import time
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Callable, Dict, Hashable, Iterable, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from .images import LabelledImages
from .rows import Rows

ROOM = 1 << 28  # bytes of images that are kept although nothing uses them
MOST_FILES = 5_000_000  # a folder with more is read anew each time
UNSURE, UNSURE_IF_COARSE = 50_000_000, 2_000_000_000  # nanoseconds within which a second change may have the same time


class State(NamedTuple):
    """The files at a path as they are at one time: the path, and a hash of their paths, sizes and times."""

    path: str
    digest: bytes

    def covers(self, files: Iterable[Path]) -> bool:
        """Return whether all of these files, which exist, are among those at the path."""
        inside = os.path.join(self.path, "")
        names = map(str, files)
        return all(name == self.path or (name.startswith(inside) and f"{os.sep}." not in name[len(inside) - 1 :]) for name in names)


_kept: Dict[Hashable, Tuple[bytes, Callable[[], Optional[LabelledImages]]]] = {}  # key -> (digest, weak reference)
_used_last: "OrderedDict[Hashable, LabelledImages]" = OrderedDict()  # these stay although nothing else uses them
_lock = threading.RLock()  # one thread reads at a time, so that none reads what another one is reading


def state_of(path: Path) -> Optional[State]:
    """Return the state of a file, or of all files in a folder.

    Returns:
        None if it cannot be known: there are too many files, one cannot be looked at, or one has changed so lately that another
        change might not show in its time.
    """
    since, count, total = time.time_ns(), 0, 0
    try:
        for file in _entries(str(path)) if path.is_dir() else [str(path)]:
            row = (file,) if file.endswith(os.sep) else _row(file, since)
            count += 1
            if row is None or count > MOST_FILES:
                return None
            digest = hashlib.blake2b(repr(row).encode(errors="surrogatepass"), digest_size=16).digest()
            total += int.from_bytes(digest, "little")  # a sum does not depend on the order, and takes no memory
    except OSError:
        return None
    return State(str(path), (total % 2**128).to_bytes(16, "little"))


def _row(file: str, since: int) -> Optional[Tuple[str, int, int, int, int]]:
    """Return a file's path, size, times and inode; None if it has changed so lately that another change might not show."""
    stat = os.stat(file)
    changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
    if changed > since - (UNSURE if changed % 1_000_000 else UNSURE_IF_COARSE):
        return None
    return file, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _entries(folder: str) -> Iterator[str]:
    """Yield the paths of all files below a folder that are not hidden, and those of the folders with a slash at the end."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in (entry for entry in entries if not entry.name.startswith(".")):
                yield os.path.join(entry.path, "") if entry.is_dir() else entry.path
                if entry.is_dir():
                    waiting.append(entry.path)


def read_once(key: Hashable, state: Optional[State], read: Callable[[], Optional[LabelledImages]]) -> Optional[LabelledImages]:
    """Return `read()`, or what it returned before for this key if the files are unchanged.

    Args:
        key: all that decides what is read, beside the files.
        state: of the files, from before the reading; None = they are read anew.
        read: returns the images, or None if there are none. Images with `files` that `state` does not cover are not kept.
    """
    if state is None:
        return read()
    with _lock:
        digest, reference = _kept.get(key, (None, lambda: None))
        images = reference() if digest == state.digest else None
        if images is None:
            images = read()
            if images is None or not state.covers(images.files or ()):
                return images
            for gone in [old for old, (_, reference) in _kept.items() if reference() is None]:
                del _kept[gone]
            _kept[key] = (state.digest, weakref.ref(images))
        if _size([images]) <= ROOM:
            _used_last[key] = images
            _used_last.move_to_end(key)
        while _size(_used_last.values()) > ROOM:
            _used_last.popitem(last=False)
        return images


def _size(sets: Iterable[LabelledImages]) -> int:
    """Return the bytes of images in memory, counting once what several sets share. Of what is mapped from a file the labels count."""
    owners = {}
    for images in sets:
        array = images.images.source if isinstance(images.images, Rows) else images.images
        while isinstance(array.base, np.ndarray):
            array = array.base
        if isinstance(array, np.memmap):
            owners[id(images)] = 2 * images.labels.nbytes  # and the places, of rows
        else:
            owners[id(array)] = array.nbytes
    return sum(owners.values())
