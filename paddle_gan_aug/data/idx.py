"""IDX files: the format of MNIST, Fashion-MNIST, KMNIST and EMNIST, which all work as they are downloaded.

The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code, the number of dimensions, the dimensions as
big-endian 32-bit integers, then the values.
"""

import gzip
import hashlib
import json
import math
import os
import re
import string
import struct
from pathlib import Path
from typing import BinaryIO, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from ..errors import InputError
from ..files import mnist_folder, regular
from . import cache
from .compressed import RATIO, open_bytes, open_writer, read_exactly
from .images import LabelledImages
from .notices import notice_once
from .pieces import in_pieces
from .rows import contiguous
from .spec import DataSpec
from .values import DARKEST_WHITE, as_pixels, look, range_of

UINT8_CODE = 0x08
OTHER_CODES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
UNPACKED_AT_ONCE = 1 << 20  # bytes
LONGEST_TAIL = 1 << 20  # of bytes that do not belong to the file: no more of them are read
FILE_PREFIXES = {"train": ("train",), "test": ("t10k", "test")}  # of a part's files; the first is MNIST's own
FILE_NAME = re.compile(r"(?:(.+)-)?(train|t10k|test)-(?:images[-.]idx3|labels[-.]idx1)-ubyte(\.(?i:gz))?")

# EMNIST (Cohen et al. 2017, arXiv:1702.05373) names its files emnist-letters-train-images-idx3-ubyte.gz and so on, and stores its images
# column by column, so that they lie on their sides. Its sets -> the classes of the labels from 0; of the letters, from 1.
EMNIST = "emnist"
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
EMNIST_CLASSES = {
    "balanced": dict(enumerate(_MERGED)),
    "bymerge": dict(enumerate(_MERGED)),
    "byclass": dict(enumerate(string.digits + string.ascii_uppercase + string.ascii_lowercase)),
    "letters": dict(enumerate(string.ascii_uppercase, 1)),
    "digits": dict(enumerate(string.digits)),
    "mnist": dict(enumerate(string.digits)),
}

# Of the decompressed files in work/mnist; they are in work/README.md too.
SHIPPED_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzip or not.

    Returns:
        uint8 array with the dimensions the file states.

    Raises:
        InputError: the file is missing, damaged, truncated, too long, not IDX, or holds another type than unsigned bytes.
    """
    return _read(path)


def _read(path: Path, sha256: Optional[str] = None) -> np.ndarray:
    """Read a file as `read_idx` does, and check the SHA-256 of the unpacked file if one is given."""
    with open_bytes(path) as file:
        head, shape = _read_head(file, path)
        size, packed = math.prod(shape), isinstance(file, gzip.GzipFile)
        if size > cache.LARGE and not (packed and size > RATIO * os.path.getsize(path)):  # else it hardly holds what it promises
            return _large(path, file, shape)
        content = read_exactly(file, math.prod(shape))
        after = read_exactly(file, LONGEST_TAIL)
    if sha256 is not None and hashlib.sha256(head + content + after).hexdigest() != sha256:
        raise InputError(f"the SHA-256 of {path} is not the expected one")
    return _parse(shape, content, after, path)


def _large(path: Path, file: BinaryIO, shape: Tuple[int, ...]) -> np.ndarray:
    """Return the values of a large file, which stay in it, or, if they are compressed there, in a file of the cache."""
    size, stat = math.prod(shape), os.stat(path)
    if not isinstance(file, gzip.GzipFile):
        start = file.tell()
        there = stat.st_size - start
        _check_length(size, min(there, size), max(0, there - size), path)
        return np.asarray(np.memmap(path, np.uint8, "r", start, shape))

    def unpacked(allocate: cache.Allocate) -> cache.Arrays:
        values, at = allocate((size,), np.uint8), 0
        while at < size and (piece := file.read(min(size - at, UNPACKED_AT_ONCE))):
            values[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)
        _check_length(size, at, len(read_exactly(file, LONGEST_TAIL)), path)
        return {"values": values}

    of = json.dumps([os.path.abspath(path), stat.st_size, stat.st_mtime_ns]).encode(errors="surrogatepass")
    return cache.kept(f"idx-{hashlib.sha256(of).hexdigest()[:32]}", unpacked)["values"].reshape(shape)


def _read_head(file: BinaryIO, path: Path) -> Tuple[bytes, Tuple[int, ...]]:
    """Return (the header's bytes, the shape that it states)."""
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


def _parse(shape: Tuple[int, ...], content: bytearray, after: bytearray, path: Path) -> np.ndarray:
    _check_length(math.prod(shape), len(content), len(after), path)
    try:
        return np.frombuffer(content, np.uint8).reshape(shape)
    except ValueError:  # more dimensions, or larger ones beside a zero, than NumPy has
        raise InputError(f"{path} states a shape that is none: {len(shape)} dimensions; give the file as it was downloaded") from None


def _check_length(expected: int, there: int, after: int, path: Path) -> None:
    if there < expected:
        raise InputError(f"{path} is truncated: its header promises {expected} bytes, {there} are there; copy or download it again")
    if after:
        more = "or more " if after >= LONGEST_TAIL else ""
        raise InputError(f"{path} has {after} {more}trailing bytes after the {expected} of its header; copy or download it again")


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array as IDX, with gzip if the name ends in .gz, atomically. The same array gives the same bytes.

    Raises:
        ValueError: the array is not uint8, or has no dimension.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise ValueError(f"IDX here holds uint8 arrays of at least one dimension, not {array.dtype} {list(array.shape)}")
    with open_writer(path) as file:
        file.write(struct.pack(f">BBBB{array.ndim}I", 0, 0, UINT8_CODE, array.ndim, *array.shape))
        for piece in in_pieces(array, 10_000):  # an array on the disk may be larger than the memory
            file.write(piece.tobytes())


def idx_file_names(part: str) -> Tuple[str, str]:
    """Return the standard names (images, labels) of a part, `train` or `test`, without .gz."""
    return _file_names(FILE_PREFIXES[part][0])


def _file_names(prefix: str) -> Tuple[str, str]:
    return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"


def _find_file(folder: Path, name: str) -> Optional[Path]:
    """Return the file of a standard name in `folder`, with .gz or not, with a dash or a dot before `idx`; None if there is none."""
    for variant in (name, name.replace("-idx", ".idx")):
        for candidate in (folder / f"{variant}.gz", folder / f"{variant}.GZ", folder / variant):
            # Some unpackers make a folder of this name and put the file inside.
            inside = candidate / variant
            if candidate.is_file():
                return candidate
            if inside.is_file():
                return inside
    return None


def _sets_in(folder: Path) -> List[str]:
    """Return what the names of the IDX files in a folder begin with, such as emnist-letters; "" stands for MNIST's own names."""
    matches = ((entry, FILE_NAME.fullmatch(entry.name)) for entry in folder.iterdir())
    named = [(entry, match) for entry, match in matches if match]
    there = [match for entry, match in named if entry.is_file() or (entry / entry.name.removesuffix(match[3] or "")).is_file()]
    return sorted({match[1] or "" for match in there})


def is_idx_folder(path: Union[str, Path]) -> bool:
    """Return whether a path is a folder with IDX files, or one of the files of a set that has a name of its own, such as EMNIST's."""
    path = Path(path)
    match = FILE_NAME.fullmatch(path.name)
    return bool(_sets_in(path)) if path.is_dir() else bool(match and match[1] and path.is_file())


def _set_of(path: Union[str, Path]) -> Tuple[Path, str]:
    """Return (the folder, what the names of the set's files begin with).

    Raises:
        InputError: the folder holds several sets.
    """
    path = Path(path)
    if path.is_file():
        return path.parent, FILE_NAME.fullmatch(path.name)[1]
    there = _sets_in(path) or [""]
    if len(there) > 1 and "" not in there:
        images = _find_file(path, f"{there[0]}-{_file_names('train')[0]}") or path / f"{there[0]}-..."
        raise InputError(f"{path} holds {len(there)} sets ({', '.join(there)}): name one by its training images, such as {images}")
    return path, there[0]


def read_idx_folder(path: Union[str, Path], part: str) -> Tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of a folder of IDX files under their standard names.

    The MNIST that ships in `work/mnist` is checked against its known SHA-256. EMNIST's images are turned upright.

    Args:
        path: a folder with e.g. train-images-idx3-ubyte.gz. The files may be unpacked, spelled train-images.idx3-ubyte, or have
            the name of the set before it, emnist-letters-train-images-idx3-ubyte.gz. If the folder has several sets, one of the
            files.
        part: `train`, or `test` (the files t10k or test).

    Returns:
        images uint8 [N, 1, H, W] and labels int64 [N].

    Raises:
        InputError: a file is missing or broken or is not what its name says, the numbers of images and labels differ, or the
            folder has several sets.
    """
    folder, name = _set_of(path)
    if not _is_shipped(folder):
        images, labels = _read_pair(folder, name, part, check=False)
        upright = is_emnist(path)
        return (contiguous(images.swapaxes(2, 3)) if upright else images), labels
    try:
        return _read_pair(folder, name, part, check=True)
    except InputError as error:
        raise InputError(
            f"the MNIST data that ships here is damaged: {error}; restore it with: git checkout -- work/mnist (or install the wheel again)"
        ) from None


def _is_shipped(folder: Path) -> bool:
    return folder.resolve() == mnist_folder().resolve()


def _names_of(folder: Path, name: str, part: str) -> Tuple[str, str]:
    """Return the names (images, labels) of a part of a set, without .gz: those that are there, else MNIST's own."""
    choices = [tuple(f"{name}-{file}" if name else file for file in _file_names(prefix)) for prefix in FILE_PREFIXES[part]]
    return next((names for names in choices if any(_find_file(folder, file) for file in names)), choices[-1 if name else 0])


def has_test_files(path: Union[str, Path]) -> bool:
    """Return whether a set of IDX files has any test file, images or labels."""
    folder, name = _set_of(path)
    return any(_find_file(folder, file) for file in _names_of(folder, name, "test"))


def _read_pair(folder: Path, name: str, part: str, check: bool) -> Tuple[np.ndarray, np.ndarray]:
    images, labels = (_read_named(folder, file, check) for file in _names_of(folder, name, part))
    if images.ndim != 3 or 0 in images.shape[1:] or labels.ndim != 1:
        raise InputError(
            f"the {part} files in {folder} hold {list(images.shape)} and {list(labels.shape)}, not images [N, height, width] and "
            "labels [N]: put the right files under these names"
        )
    if len(images) != len(labels):
        raise InputError(f"{folder} has {len(images)} {part} images but {len(labels)} {part} labels: the files do not belong together")
    return images[:, np.newaxis], labels.astype(np.int64)


def _read_named(folder: Path, name: str, check: bool) -> np.ndarray:
    path = _find_file(folder, name)
    if path is None:
        raise InputError(f"no {name}[.gz] in {folder}: put it there, or give another folder")
    return _read(path, SHIPPED_SHA256[name] if check else None)


def is_emnist(path: Union[str, Path]) -> bool:
    """Return whether a set of IDX files is one of EMNIST's, by the names of its files or of the mapping beside them."""
    folder, name = _set_of(path)
    mapping = _mapping_file(folder, name)
    return any(text.lower().startswith(EMNIST) for text in (name, mapping.name if mapping else ""))


def idx_classes(path: Union[str, Path]) -> Dict[int, str]:
    """Return {label: class name} of a set of IDX files.

    The names are those of the set's mapping file (emnist-letters-mapping.txt: a label and the code of its character on each line) or of
    EMNIST. Of other sets they are the numbers from 0 to the largest training label, and at least to 9; without training labels the
    test labels decide. The test files alone could miss a class that training knows.

    Raises:
        InputError: the mapping is damaged, or names a class twice.
    """
    folder, name = _set_of(path)
    mapping = _mapping_file(folder, name)
    if mapping:
        return _read_mapping(mapping)
    known = EMNIST_CLASSES.get(name.lower().removeprefix(f"{EMNIST}-"))
    if known and is_emnist(path):
        return known
    labels = (_find_file(folder, _names_of(folder, name, part)[1]) for part in FILE_PREFIXES)
    labels_file = next((file for file in labels if file), None)
    return {i: str(i) for i in range(max(10, int(read_idx(labels_file).max(initial=0)) + 1 if labels_file else 0))}


def open_idx(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a folder with IDX files, which has no validation part of its own; see `readers.Reader.open`."""

    def read_part(part: str) -> Optional[LabelledImages]:
        if part not in ("train", "test") or (part == "test" and not has_test_files(path)):
            return None
        kind = f"{'test' if part == 'test' else 'training'} files"
        images, labels = read_idx_folder(path, part)
        classes = idx_classes(path)
        unknown = sorted(set(np.unique(labels).tolist()) - set(classes))
        if unknown:
            raise InputError(
                f"{path}: the {kind.partition(' ')[0]} labels go to {labels.max()}, those of its classes from "
                f"{min(classes)} to {max(classes)}: label {unknown[0]} belongs to no class; put files that belong together there"
            )
        index = np.zeros(max(classes) + 1, np.int64)
        index[sorted(classes)] = np.arange(len(classes))
        if is_emnist(path):
            kind += ", turned upright"
            notice_once(f"{spec}: EMNIST stores its images on their sides: they are turned upright; {len(classes)} classes")
        pixels = as_pixels(images, f"{path}, {kind}", _window(path, spec, part, images))
        return LabelledImages(pixels, index[labels], tuple(classes[label] for label in sorted(classes)), f"{spec}, {kind}")

    return read_part


def _window(path: Path, spec: DataSpec, part: str, images: np.ndarray) -> Optional[Tuple[float, float]]:
    """Return the (black, white) of a part; None = the values decide it.

    If the test images are dark, the training images decide whether they are masks of zeros and ones.
    """
    if spec.window or part == "train" or images.max(initial=0) >= DARKEST_WHITE:
        return spec.window
    try:
        training = read_idx_folder(path, "train")[0]
        return range_of(look(training, str(path)), str(path)) if len(training) else None
    except InputError:  # there are no training files
        return None


def _mapping_file(folder: Path, name: str) -> Optional[Path]:
    """Return the mapping file of a set; beside files of MNIST's own names any one."""
    mappings = sorted(folder.glob((f"{name}-mapping" if name else "*mapping") + ".[tT][xX][tT]"))
    return mappings[0] if len(mappings) == 1 else None


def _read_mapping(path: Path) -> Dict[int, str]:
    try:
        rows = [line.split() for line in regular(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        classes = {int(row[0]): chr(int(row[1])) for row in rows}
        bytes(classes)  # the labels of IDX files are bytes
        "".join(classes.values()).encode()
    except (OSError, ValueError, IndexError, OverflowError):
        raise InputError(f"{path} is no mapping: a label and the code of its character on each line, such as 1 65") from None
    if not classes or len(set(classes.values())) != len(rows):
        raise InputError(f"{path} names {'no class' if not classes else 'a label or a class twice'}: mend it, or remove it")
    return classes
