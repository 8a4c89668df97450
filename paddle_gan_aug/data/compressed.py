"""Files that may be gzip: recognised by their first bytes and not by their names, since people rename and unpack downloads.

Every way in which such a file can be broken becomes one clear line.
"""

import contextlib
import gzip
import os
import zlib
from pathlib import Path
from typing import BinaryIO, Iterator

from ..errors import InputError
from ..files import atomic_write, regular

GZIP_MAGIC = b"\x1f\x8b"
LARGE, RATIO = 1 << 30, 100  # more bytes than this from a file of less than a hundredth of them are meant to fill the memory


class _Unpacked(gzip.GzipFile):
    """The bytes of a gzip file, up to what an honest one of its size holds."""

    def __init__(self, raw: BinaryIO, path: Path) -> None:
        super().__init__(fileobj=raw)
        self._path, self._packed = path, os.fstat(raw.fileno()).st_size

    def read(self, size: int = -1) -> bytes:
        return self._checked(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._checked(super().read1(size))

    def _checked(self, content: bytes) -> bytes:
        check_unpacked(self.tell(), self._packed, self._path)
        return content


def check_unpacked(size: int, packed: int, path: Path) -> None:
    """Check that a file of `packed` bytes can honestly hold `size` bytes.

    Raises:
        InputError: it cannot.
    """
    if size > LARGE and size > RATIO * packed:
        raise InputError(f"{path} unpacks from {packed:,} to {size:,} bytes or more, as images hardly do: unpack it yourself to use it")


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, through gzip if it is gzip.

    Raises (also from reads inside the block):
        InputError: the file is missing, cannot be read, or is damaged gzip: cut short, wrong checksum, foreign bytes.
    """
    try:
        with open(regular(path), "rb") as raw:
            is_gzip = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            with _Unpacked(raw, path) if is_gzip else contextlib.nullcontext(raw) as file:
                yield file
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except EOFError:
        raise InputError(f"{path} is truncated: its gzip data ends too early; copy or download it again") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged gzip ({error}); copy or download it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def read_exactly(file: BinaryIO, size: int) -> bytearray:
    """Read up to `size` bytes from an open file. It takes no more memory than there are bytes, whatever `size` promises."""
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(size - len(content), 1 << 20))
        if not piece:
            break
        content += piece
    return content


@contextlib.contextmanager
def open_writer(path: Path, level: int = 9) -> Iterator[BinaryIO]:
    """Write a file atomically, with gzip if its name ends in .gz. The same content gives the same bytes: it holds no name and no time.

    The folder must exist.
    """
    with atomic_write(path) as raw:
        if str(path).lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=raw, mtime=0) as file:
                yield file
        else:
            yield raw
