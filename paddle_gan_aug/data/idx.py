"""Why IDX: it is the format MNIST itself, Fashion-MNIST, KMNIST and EMNIST come in, so all of them work as they are downloaded.

The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code, the number of dimensions, the dimensions as
big-endian 32-bit integers, then the values.
"""

import hashlib
import math
import struct
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import project_root
from .compressed import open_bytes, open_writer, read_exactly

UINT8_CODE = 0x08
OTHER_CODES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
LONGEST_TAIL = 1 << 20  # of bytes that do not belong to the file: no more of them are read
FILE_PREFIXES = {"train": "train", "test": "t10k"}

# Of the decompressed files in work/mnist; they are in work/README.md too.
SHIPPED_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def read_idx(path):
    """Read one IDX file of unsigned bytes, gzip or not.

    Returns:
        uint8 array with the dimensions the file states.

    Raises:
        InputError: the file is missing, damaged, truncated, too long, not IDX, or holds another type than unsigned bytes.
    """
    return _read(path)


def _read(path, sha256=None):
    """`read_idx`; with the SHA-256 that the unpacked file must have."""
    with open_bytes(path) as file:
        head, shape = _read_head(file, path)
        content = read_exactly(file, math.prod(shape))
        after = read_exactly(file, LONGEST_TAIL)
    if sha256 is not None and hashlib.sha256(head + content + after).hexdigest() != sha256:
        raise InputError(f"the SHA-256 of {path} is not the expected one")
    return _parse(shape, content, after, path)


def _read_head(file, path):
    """(the header's bytes, the shape that it states)."""
    head = bytes(read_exactly(file, 4))
    short = InputError(f"{path} is truncated: its header is not whole; copy or download it again")
    if len(head) < 4:
        raise short
    zeros, code, dimensions = struct.unpack(">HBB", head)
    if zeros or not dimensions or code not in (UINT8_CODE, *OTHER_CODES):
        raise InputError(f"{path} is not an IDX file: wrong magic number 0x{head.hex()}; give the file as it was downloaded")
    if code != UINT8_CODE:
        raise InputError(f"{path} holds {OTHER_CODES[code]}, not uint8: convert its values to unsigned bytes (0 to 255)")
    sides = bytes(read_exactly(file, 4 * dimensions))
    if len(sides) < 4 * dimensions:
        raise short
    return head + sides, struct.unpack(f">{dimensions}I", sides)


def _parse(shape, content, after, path):
    expected = math.prod(shape)
    if len(content) < expected:
        raise InputError(f"{path} is truncated: its header promises {expected} bytes, {len(content)} are there; copy or download it again")
    if after:
        more = "or more " if len(after) == LONGEST_TAIL else ""
        raise InputError(f"{path} has {len(after)} {more}trailing bytes after the {expected} of its header; copy or download it again")
    try:
        return np.frombuffer(content, np.uint8).reshape(shape)
    except ValueError:  # more dimensions, or larger ones beside a zero, than NumPy has
        raise InputError(f"{path} states a shape that is none: {len(shape)} dimensions; give the file as it was downloaded") from None


def write_idx(path, array):
    """Write a uint8 array as IDX, gzip if the name ends in .gz; atomically, and the same array gives the same bytes.

    Raises:
        ValueError: not uint8, or without dimensions.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise ValueError(f"IDX here holds uint8 arrays of at least one dimension, not {array.dtype} {list(array.shape)}")
    with open_writer(path) as file:
        file.write(struct.pack(f">BBBB{array.ndim}I", 0, 0, UINT8_CODE, array.ndim, *array.shape))
        for start in range(0, len(array), 10_000):  # a file on the disk may be larger than the memory
            file.write(array[start : start + 10_000].tobytes())


def idx_file_names(part):
    """The standard names (images, labels) of a part, `train` or `test`, without .gz."""
    prefix = FILE_PREFIXES[part]
    return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"


def _find_file(folder, name):
    """The file of a standard name in `folder`: with .gz or not, with a dash or a dot before `idx`; None if it is not there."""
    for variant in (name, name.replace("-idx", ".idx")):
        for candidate in (folder / f"{variant}.gz", folder / variant):
            # Some unpackers make a folder of this name and put the file inside.
            inside = candidate / variant
            if candidate.is_file():
                return candidate
            if inside.is_file():
                return inside
    return None


def is_idx_folder(folder):
    """Whether a folder holds at least one of the four standard files."""
    folder = Path(folder)
    return any(_find_file(folder, name) for part in FILE_PREFIXES for name in idx_file_names(part))


def read_idx_folder(folder, part):
    """Read the images and labels of a folder of IDX files under their standard names.

    The MNIST that ships in `work/mnist` is checked against its known SHA-256.

    Args:
        folder: a folder with e.g. train-images-idx3-ubyte.gz; also unpacked, and also spelled train-images.idx3-ubyte.
        part: `train`, or `test` (the t10k files).

    Returns:
        images uint8 [N, 1, H, W] and labels int64 [N].

    Raises:
        InputError: a file is missing or broken, is not what its name says, or the numbers of images and labels differ.
    """
    folder = Path(folder)
    if not _is_shipped(folder):
        return _read_pair(folder, part, check=False)
    try:
        return _read_pair(folder, part, check=True)
    except InputError as error:
        raise InputError(f"the MNIST data that ships here is damaged: {error}; restore it with: git checkout -- work/mnist") from None


def _is_shipped(folder):
    return folder.resolve() == (project_root() / "work" / "mnist").resolve()


def _read_pair(folder, part, check):
    images, labels = (_read_named(folder, name, check) for name in idx_file_names(part))
    if images.ndim != 3 or 0 in images.shape[1:] or labels.ndim != 1:
        raise InputError(
            f"the {part} files in {folder} hold {list(images.shape)} and {list(labels.shape)}, not images [N, height, width] and "
            "labels [N]: put the right files under these names"
        )
    if len(images) != len(labels):
        raise InputError(f"{folder} has {len(images)} {part} images but {len(labels)} {part} labels: the files do not belong together")
    return images[:, np.newaxis], labels.astype(np.int64)


def _read_named(folder, name, check):
    path = _find_file(folder, name)
    if path is None:
        raise InputError(f"no {name}[.gz] in {folder}: put it there, or give another folder")
    return _read(path, SHIPPED_SHA256[name] if check else None)


def idx_class_count(folder):
    """How many classes a folder of IDX files has: the largest training label + 1, and at least ten.

    Without training labels the test labels decide. The test files alone could miss a class that training knows.
    """
    for part in ("train", "test"):
        path = _find_file(Path(folder), idx_file_names(part)[1])
        if path is not None:
            return max(10, int(read_idx(path).max(initial=0)) + 1)
    return 10
