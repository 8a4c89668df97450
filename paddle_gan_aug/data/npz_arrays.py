"""The arrays in an .npz file, which are read only after their headers were checked. Large ones are mapped and not held in memory."""

import hashlib
import json
import math
import os
import struct
import zipfile
from pathlib import Path
from typing import IO, Any, Optional, Tuple

import numpy as np

from ..errors import InputError
from ..files import regular
from . import cache
from .compressed import check_unpacked
from .pieces import in_pieces
from .rows import contiguous

LONGEST_REASON = 200  # characters of what a library says of damaged bytes, which it may quote
UNPACKED_AT_ONCE = 1 << 20  # bytes


class NpzArrays:
    """The arrays of an npz file by name, as a context. Each is read when it is asked for.

    Raises (also from `read`):
        InputError: the file or the array is damaged, or is not what its header says.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with open(regular(path), "rb") as file:
                if file.read(6) == np.lib.format.MAGIC_PREFIX:
                    raise InputError(f"{path} is a single array (.npy), whatever its name: store it with np.savez(path, images=array)")
            self._zip = zipfile.ZipFile(path)
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - zipfile raises anything on hostile bytes
            raise self._unreadable(error) from None
        self._on_disk = os.path.getsize(path) > cache.LARGE or any(info.file_size > cache.LARGE for info in self._zip.infolist())
        self._members = {info.filename.removesuffix(".npy"): info for info in self._zip.infolist()}
        self.names = list(self._members)

    def __enter__(self) -> "NpzArrays":
        return self

    def __exit__(self, *_: Any) -> None:
        self._zip.close()

    def read(self, name: str) -> Optional[np.ndarray]:
        """Return the array of this name; None if there is none."""
        if name not in self._members:
            return None
        try:
            return self._array(self._members[name])
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - as above, and so does the reader of array headers
            raise self._unreadable(f"{name}: {error}") from None

    def _array(self, info: zipfile.ZipInfo) -> np.ndarray:
        check_unpacked(info.file_size, info.compress_size, self._path)
        with self._zip.open(info) as member:
            shape, columns_first, dtype = _checked_header(member, info)
            if self._on_disk and info.file_size > cache.SMALL:
                return self._mapped(info, member.tell(), shape, columns_first, dtype)
            content = member.read()
        return _in_c_order(np.frombuffer(content, dtype), shape, columns_first)

    def _mapped(self, info: zipfile.ZipInfo, offset: int, shape: Tuple[int, ...], columns_first: bool, dtype: np.dtype) -> np.ndarray:
        """Return an array that stays in its file, or, if it is compressed there, in a file of the cache."""
        if info.compress_type == zipfile.ZIP_STORED:
            start = _start_of(self._path, info) + offset
            content = np.memmap(self._path, np.uint8, "r", start - offset, (info.file_size,))
            if cache.checksum(content) != info.CRC:
                raise ValueError("its checksum is another")
            return _in_c_order(np.asarray(content)[offset:].view(dtype), shape, columns_first)
        stat = os.stat(self._path)
        of = [os.path.abspath(self._path), stat.st_size, stat.st_mtime_ns, info.filename, info.CRC]
        name = f"npz-{hashlib.sha256(json.dumps(of).encode(errors='surrogatepass')).hexdigest()[:32]}"
        return _in_c_order(cache.kept(name, lambda allocate: self._unpacked(info, dtype, allocate))["values"], shape, columns_first)

    def _unpacked(self, info: zipfile.ZipInfo, dtype: np.dtype, allocate: cache.Allocate) -> cache.Arrays:
        with self._zip.open(info) as member:
            shape = _checked_header(member, info)[0]
            values = allocate((math.prod(shape),), dtype)
            target = values.view(np.uint8)
            for piece in in_pieces(target, UNPACKED_AT_ONCE):
                content = member.read(len(piece))
                piece[:] = np.frombuffer(content, np.uint8)
        return {"values": values}

    def _unreadable(self, error: object) -> InputError:
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        return InputError(f"{self._path} cannot be read as an .npz file: {reason}")


def _checked_header(member: IO[bytes], info: zipfile.ZipInfo) -> Tuple[Tuple[int, ...], bool, np.dtype]:
    """Read (shape, whether the columns lie first, dtype) from the beginning of an array's file.

    Raises:
        ValueError: it is none, or its size is another than it says.
    """
    version = np.lib.format.read_magic(member)
    if version[0] not in (1, 2, 3):
        raise ValueError(f"version {version[0]} of the array format is not known")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError("an array of Python objects; store numbers or texts (dtype=str)")
    if not dtype.itemsize or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != info.file_size - member.tell():
        raise ValueError(f"its header says {dtype} {list(shape)}, its size is another")
    return shape, columns_first, dtype


def _in_c_order(values: np.ndarray, shape: Tuple[int, ...], columns_first: bool) -> np.ndarray:
    return contiguous(values.reshape(shape, order="F" if columns_first else "C"))


def _start_of(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a file begin in a zip file: behind a header of its own, whose length the list of files does not tell."""
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name + extra
