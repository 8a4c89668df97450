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
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Hashable, Iterable, Iterator, List, Optional, Set

import numpy as np

from .images import LabelledImages

ROOM = 1 << 28  # bytes of images that are kept although nothing uses them
MOST_FILES = 200_000  # a folder with more is read anew each time
UNSURE, UNSURE_IF_COARSE = 50_000_000, 2_000_000_000  # nanoseconds within which a second change may have the same time


@dataclass(frozen=True)
class State:
    """The files at a path as they were at one time.

    Attributes:
        path: the file or folder.
        since: the time before the files were looked at, in nanoseconds.
        files: the paths of the files, as they are below `path`.
        digest: a hash of their names, sizes and times.
    """

    path: Path
    since: int
    files: Set[str]
    digest: bytes


@dataclass(frozen=True)
class _Kept:
    images: Callable[[], Optional[LabelledImages]]  # a weak reference
    digest: bytes
    others: List[str]  # files elsewhere, which a list or a manifest names
    digest_of_others: bytes


_kept: Dict[Hashable, _Kept] = {}
_used_last: "OrderedDict[Hashable, LabelledImages]" = OrderedDict()  # these stay although nothing else uses them
_lock = threading.RLock()  # one thread reads at a time, so that none reads what another one is reading


def state_of(path: Path) -> Optional[State]:
    """Return the state of a file, or of all files in a folder.

    Returns:
        None if it cannot be known: there are too many files, one cannot be looked at, or one has changed so lately that another
        change might not show in its time.
    """
    since = time.time_ns()
    files: Set[str] = set()
    try:
        digest = _digest(_entries(str(path)) if path.is_dir() else [str(path)], since, files)
    except OSError:
        return None
    return None if digest is None else State(path, since, files, digest)


def _entries(folder: str) -> Iterator[str]:
    """Yield the paths of all files below a folder, and those of the folders with a slash at the end."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield os.path.join(entry.path, "") if entry.is_dir() else entry.path
            if entry.is_dir():
                yield from _entries(entry.path)


def _digest(paths: Iterable[str], since: int, files: Set[str]) -> Optional[bytes]:
    """Return a hash of the names, sizes and times of files; None as in `state_of`. Their paths are added to `files`."""
    rows = []
    for path in paths:
        if len(rows) >= MOST_FILES:
            return None
        if path.endswith(os.sep):
            rows.append((path,))
            continue
        stat = os.stat(path)
        changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
        unsure = UNSURE if changed % 1_000_000 else UNSURE_IF_COARSE
        if changed > since - unsure:
            return None
        files.add(path)
        rows.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))
    return hashlib.blake2b(repr(sorted(rows)).encode(errors="surrogatepass"), digest_size=16).digest()


def read_once(key: Hashable, state: Optional[State], read: Callable[[], Optional[LabelledImages]]) -> Optional[LabelledImages]:
    """Return `read()`, or what it returned before for this key if the files are unchanged.

    Args:
        key: all that decides what is read, beside the files.
        state: of the files, from before the reading; None = they are read anew.
        read: returns the images, or None if there are none.
    """
    if state is None:
        return read()
    with _lock:
        images = _find(key, state)
        if images is None:
            images = read()
            if images is None or not _keep(key, state, images):
                return images
        if _size([images]) <= ROOM:
            _used_last[key] = images
            _used_last.move_to_end(key)
        while _size(_used_last.values()) > ROOM:
            _used_last.popitem(last=False)
        return images


def _find(key: Hashable, state: State) -> Optional[LabelledImages]:
    kept = _kept.get(key)
    if kept is None or kept.digest != state.digest:
        return None
    try:
        unchanged = not kept.others or _digest(kept.others, state.since, set()) == kept.digest_of_others
    except OSError:
        return None
    return kept.images() if unchanged else None


def _keep(key: Hashable, state: State, images: LabelledImages) -> bool:
    """Keep images; returns whether that is possible."""
    others = [str(file) for file in images.files or () if str(file) not in state.files]
    try:
        digest = _digest(others, state.since, set())
    except OSError:
        digest = None
    for old in [old for old, kept in _kept.items() if old == key or kept.images() is None]:
        del _kept[old]
        _used_last.pop(old, None)
    if digest is None:
        return False
    _kept[key] = _Kept(weakref.ref(images), state.digest, others, digest)
    return True


def _size(sets: Iterable[LabelledImages]) -> int:
    """Return the bytes of images in memory, counting once what several sets share."""
    owners = {}
    for images in sets:
        array = images.images
        while isinstance(array.base, np.ndarray):
            array = array.base
        owners[id(array)] = array.nbytes
    return sum(owners.values())
