"""Why here: people rename and unpack downloads, so whether a file is gzip is told by its first bytes and not by its name.

Every way in which such a file can be broken becomes one clear line.
"""

import contextlib
import gzip
import os
import zlib

from ..errors import InputError
from ..files import atomic_write

GZIP_MAGIC = b"\x1f\x8b"
LARGE, RATIO = 1 << 30, 100  # more than so many bytes, from a file of less than a hundredth of that: made to fill the memory
DEFLATE_RATIO = 1032  # more than this deflate cannot do


class _Unpacked(gzip.GzipFile):
    """Bytes of a gzip file, up to what an honest one of its size holds."""

    def __init__(self, raw, path):
        super().__init__(fileobj=raw)
        self._path, self._packed = path, os.fstat(raw.fileno()).st_size

    def read(self, size=-1):
        return self._checked(super().read(size))

    def read1(self, size=-1):
        return self._checked(super().read1(size))

    def _checked(self, content):
        check_unpacked(self.tell(), self._packed, self._path)
        return content


def check_unpacked(size, packed, path):
    """Check that `size` bytes unpacked from `packed` ones are believable.

    Raises:
        InputError: they are not.
    """
    if size > LARGE and size > RATIO * packed:
        told = f"{path} unpacks from {packed:,} to {size:,} bytes or more, as images hardly do"
        raise InputError(f"{told}: unpack it yourself if that is meant")


@contextlib.contextmanager
def open_bytes(path):
    """Open a file for reading bytes, through gzip if it is gzip.

    Raises (also from reads inside the block):
        InputError: the file is missing, cannot be read, or is damaged gzip: cut short, wrong checksum, foreign bytes.
    """
    try:
        with open(path, "rb") as raw:
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


def read_exactly(file, size):
    """Up to `size` bytes of a file that `open_bytes` opened; as much memory as it has bytes, whatever `size` promises."""
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(size - len(content), 1 << 20))
        if not piece:
            break
        content += piece
    return content


@contextlib.contextmanager
def open_writer(path, level=9):
    """Write a file atomically, as gzip if its name ends in .gz. The same content gives the same bytes: no name, no time inside.

    The folder must exist.
    """
    with atomic_write(path) as raw:
        if str(path).endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=raw, mtime=0) as file:
                yield file
        else:
            yield raw
