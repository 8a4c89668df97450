"""Arrays that took long to make, kept on the disk, and arrays that are too large for the memory.

What is small is held in memory, and kept as one .npz file. What is large lies in .npy files that are mapped: the system reads the pages
that are used, and takes them away again when it needs the room. A cache that is missing or damaged only costs the time to make it
again, and one that cannot be written only costs memory.
"""

import contextlib
import math
import os
import re
import secrets
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..errors import InputError
from ..files import CACHE_VARIABLE, atomic_write, cache_folder, folder_size, read_json, regular, write_json
from .notices import notice_once

LARGE = 48 << 20  # bytes of an array from which on it lies on the disk; 60,000 digits are less
SMALL = 1 << 20  # bytes of an array that is read into the memory although it is kept beside a large one
CONTENT = "content.json"  # of a folder of arrays: their files, with their lengths and checksums; it is written last
AT_ONCE = 1 << 24  # bytes that a checksum reads together
WAIT = 2  # seconds for another process without a word of it
DAMAGED = "cannot be used (damaged, or not whole): it is made again"

OURS = re.compile(r"\.?(pictures|npz|idx|mnist-json|features|policy)-\w")  # how the names of what is kept begin

Allocate = Callable[[Sequence[int], Any], np.ndarray]  # (shape, dtype) -> an array to be filled
Arrays = Dict[str, np.ndarray]


# ---- what is kept ------------------------------------------------------------------------------------------------------------


def kept(name: str, make: Callable[[Allocate], Arrays]) -> Arrays:
    """Return the arrays that are kept under a name, or what `make` gives, which is kept.

    Several processes that ask for one name make it once: the others wait.

    Args:
        name: what holds all that the arrays depend on, such as a hash of their sources; the name of a file.
        make: is given `allocate`, and returns {name: array}. Large arrays should be those that `allocate` gave, or their first rows.

    Raises:
        InputError: large arrays fit neither on the disk nor into the memory.
    """
    folder = cache_folder()
    found = _open(folder, name)
    if found is not None:
        return found
    with one_at_a_time(name) as locked:
        if not locked:
            return make(empty)
        return _open(folder, name) or _make(folder, name, make)


def tell_not_kept(error: Exception) -> None:
    """Say once that the cache cannot be written: nothing is lost but the time to make things again."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    cure = f"name a folder that can be: runtime.cache, or the variable {CACHE_VARIABLE}"
    notice_once(f"the cache {cache_folder()} cannot be written ({reason}): what it would keep is made again each time; {cure}")


@contextlib.contextmanager
def told_if_not_kept() -> Iterator[None]:
    """Within this context, a file of the cache that cannot be written costs one line: it must not keep anyone from the result."""
    try:
        yield
    except OSError as error:
        tell_not_kept(error)


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[bool]:
    """Within this context, keep other processes from making what is kept under a name: whoever comes second waits.

    This saves work and is no promise: whoever waits for a lock file that is removed may come in beside the next one. So nothing that
    two processes write at a time may have one name.

    Yields:
        Whether others are kept out; not where the cache cannot be written, or its file system knows no locks.
    """
    from filelock import FileLock, Timeout

    folder = cache_folder()
    path = folder / f".{name}.lock"
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=WAIT)
        except Timeout:
            notice_once(f"another process is making {folder / name}: waiting for it")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        tell_not_kept(error)
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


def _open(folder: Path, name: str) -> Optional[Arrays]:
    """Return what is kept under a name; None if there is nothing, or it is damaged."""
    single, several = folder / f"{name}.npz", folder / name
    found = None
    if (several / CONTENT).exists():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            found = _open_several(several)
    elif single.exists():
        found = load(single)
    else:
        return None
    if found is None:
        notice_once(f"{several if several.is_dir() else single} {DAMAGED}")
    return found


def load(path: Path) -> Optional[Arrays]:
    """Return {name: array} of an .npz file; None if it is missing or damaged."""
    try:
        with open(regular(path), "rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load by name leaves a broken file open
            return {key: file[key] for key in file.files}
    except Exception:  # noqa: BLE001 - NumPy and zipfile raise anything on damaged bytes
        return None


def _open_several(folder: Path) -> Arrays:
    arrays = {}
    for name, row in read_json(folder / CONTENT).items():
        path = folder / Path(row["file"]).name
        if path.stat().st_size != row["bytes"] or checksum(np.memmap(path, np.uint8, "r")) != row["crc32"]:
            raise ValueError(f"{path} is damaged")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        whole = np.asarray(array) if array.nbytes > SMALL else np.array(array)
        arrays[name] = whole[: row["rows"]] if whole.ndim else whole
    return arrays


def checksum(content: np.ndarray) -> int:
    """Return the CRC-32 of uint8 [N]."""
    found = 0
    for start in range(0, len(content), AT_ONCE):
        found = zlib.crc32(content[start : start + AT_ONCE], found)
    return found


def _make(folder: Path, name: str, make: Callable[[Allocate], Arrays]) -> Arrays:
    """Make arrays and keep them, whole or not at all."""
    place, mark = folder / name, secrets.token_hex(4)  # the files of this process alone begin with the mark
    on_disk: List[Tuple[np.ndarray, Path]] = []
    _remove_files(place)  # of an interruption, or damaged

    def allocate(shape: Sequence[int], dtype: Any) -> np.ndarray:
        if math.prod(shape) * np.dtype(dtype).itemsize <= LARGE:
            return np.empty(shape, dtype)
        path = place / f"{mark}-{len(on_disk)}.npy"
        with _in_memory_if_not(shape, dtype) as array:
            place.mkdir(exist_ok=True)
            array.append(_new(path, shape, dtype))
            on_disk.append((array[0], path))
        return array[0]

    whole = False
    try:
        made = make(allocate)
        if any(array.nbytes > LARGE for array in made.values()) and not on_disk:
            return made  # there was no room
        if not on_disk:
            save(folder / f"{name}.npz", made)
            return made
        with told_if_not_kept(), contextlib.suppress(FileNotFoundError):  # the cache was cleared meanwhile
            _describe(place, mark, made, on_disk)
            whole = True
        return _open(folder, name) or made
    finally:
        if not whole:
            _remove_files(place, mark)


def _describe(place: Path, mark: str, made: Arrays, on_disk: Sequence[Tuple[np.ndarray, Path]]) -> None:
    """Put those arrays into a folder that are not there yet, and write its content.

    No file is renamed: Windows refuses that for files that are mapped, and for their folders.
    """
    content = {}
    for name, array in made.items():
        path = next((file for allocated, file in on_disk if np.may_share_memory(array, allocated)), None)
        if path is None:
            path = place / f"{mark}-{name}.npy"
            np.save(path, array, allow_pickle=False)
        crc32 = checksum(np.memmap(path, np.uint8, "r"))
        rows = len(array) if array.ndim else 1
        content[name] = {"file": path.name, "bytes": path.stat().st_size, "rows": rows, "crc32": crc32}
    write_json(place / CONTENT, content)


def _remove_files(folder: Path, mark: str = "") -> None:
    """Remove the files of a folder that begin with a mark, and the folder if it is empty then; what the system refuses stays."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(mark):
                with contextlib.suppress(OSError):
                    path.unlink()
        folder.rmdir()


def save(path: Path, arrays: Arrays) -> None:
    """Write {name: array} as one .npz file, whole or not at all, into a folder that is made if it is missing."""
    with told_if_not_kept():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            np.savez(file, **arrays)


# ---- arrays that need not fit into the memory ----------------------------------------------------------------------------------


def empty(shape: Sequence[int], dtype: Any, large: Optional[int] = None) -> np.ndarray:
    """Return an array to be filled: in memory if it is small, else in a file without a name, which goes with the array.

    Args:
        large: the bytes from which on it is no longer small; None = `LARGE`.

    Raises:
        InputError: it fits neither on the disk nor into the memory.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= (LARGE if large is None else large):
        return np.empty(shape, dtype)
    with _in_memory_if_not(shape, dtype) as array, temporary_file() as file:
        _reserve(file, size)
        array.append(np.asarray(np.memmap(file, dtype, "r+", shape=tuple(shape))))
    return array[0]


def temporary_file() -> IO[bytes]:
    """Return an open file without a name in the cache folder."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=cache_folder())


def filled(shape: Sequence[int], dtype: Any, pieces: Iterator[np.ndarray]) -> np.ndarray:
    """Return an array as `empty` gives it, filled with pieces one after the other along its first axis."""
    array, at = empty(shape, dtype), 0
    for piece in pieces:
        array[at : at + len(piece)] = piece
        at += len(piece)
    return array


@contextlib.contextmanager
def _in_memory_if_not(shape: Sequence[int], dtype: Any) -> Iterator[List[np.ndarray]]:
    """Yield a list for an array on the disk. If the disk cannot hold it, the list is given one in memory, and a line says so."""
    array: List[np.ndarray] = []
    try:
        yield array
    except OSError as error:
        size, memory = math.prod(shape) * np.dtype(dtype).itemsize, _memory()
        problem = f"{size >> 20} MB cannot be kept in the cache {cache_folder()} ({error.strerror or error})"
        cure = f"name a folder with room: runtime.cache, or the variable {CACHE_VARIABLE}"
        if memory is not None and size > memory // 2:
            raise InputError(f"{problem}, and are too much for the memory: {cure}") from None
        notice_once(f"{problem}: they are held in memory; {cure}")
        array[:] = [np.empty(shape, dtype)]


def _memory() -> Optional[int]:
    """The bytes of memory that this machine has; None if that is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _new(path: Path, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Make an .npy file of a shape, and return its array, which writes into the file."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": tuple(shape)}
    with open(path, "w+b") as file:
        np.lib.format.write_array_header_1_0(file, header)
        _reserve(file, file.tell() + math.prod(shape) * np.dtype(dtype).itemsize)
    return np.asarray(np.load(path, mmap_mode="r+", allow_pickle=False))


def _reserve(file: IO[bytes], size: int) -> None:
    """Make a file so long. Where the system can, its blocks are taken now: a full disk is an error here, and later it ends the process."""
    file.flush()
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


# ---- to see and to delete ------------------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """Something in the cache folder: its path, its bytes, and the time of its last change in seconds since 1970."""

    path: Path
    bytes: int
    time: float


def entries() -> List[Kept]:
    """Return what this package keeps in the cache folder, the largest first. What others have put there is not listed."""
    found, folder = [], cache_folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        if OURS.match(path.name):
            with contextlib.suppress(OSError):  # another process has removed it meanwhile
                size = folder_size(path) if path.is_dir() else path.stat().st_size
                found.append(Kept(path, size, path.stat().st_mtime))
    return sorted(found, key=lambda row: (-row.bytes, row.path))


def clear() -> List[Kept]:
    """Remove what `entries` lists, and return it. Processes that use it go on: the system keeps what they have mapped.

    Raises:
        OSError: something cannot be removed.
    """
    gone = entries()
    for row in gone:
        if row.path.is_dir() and not row.path.is_symlink():
            shutil.rmtree(row.path)
        else:
            row.path.unlink(missing_ok=True)
    return gone
