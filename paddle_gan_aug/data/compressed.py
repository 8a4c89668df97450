"""Why here: people rename and unpack downloads, so whether a file is gzip is told by its first bytes and not by its name.

Every way in which such a file can be broken becomes one clear line.
"""

import contextlib
import gzip
import zlib

from ..errors import InputError
from ..files import atomic_write

GZIP_MAGIC = b"\x1f\x8b"


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
            with gzip.GzipFile(fileobj=raw) if is_gzip else contextlib.nullcontext(raw) as file:
                yield file
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except EOFError:
        raise InputError(f"{path} is truncated: its gzip data ends too early; copy or download it again") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged gzip ({error}); copy or download it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


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
