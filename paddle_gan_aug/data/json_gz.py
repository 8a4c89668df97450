"""Files in the format of mnist.json.gz, the MNIST of Paddle's course and of AI Studio, which most Paddle users have.

The format: JSON `[train, valid, test]`, each `[images, labels]`, an image being a list of 784 numbers (28 rows of 28) and a
label an integer from 0 to 9. Copies differ in their pixel scale, so it is detected.

A full set is 55 million numbers; as one Python object they would take gigabytes. They are read image by image once (seconds and
0.35 GB, see `read_mnist_json`). Later reads come from a binary cache. A JSON library such as msgspec needs the unpacked file in
memory (0.6 GB for the set with six decimals, 0.37 GB of it text, and more with sixteen) and refuses NaN without naming the image,
so a small scanner finds the lists instead.
"""

import functools
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, NamedTuple, NoReturn, Optional, TextIO, Tuple

import numpy as np

from ..errors import InputError
from ..files import cache_folder as default_cache
from ..files import sha256
from . import cache
from .compressed import open_bytes, open_writer
from .images import LabelledImages
from .notices import notice_once
from .spec import DataSpec
from .values import Extent, look, range_of, scale_of, to_pixels

PARTS = ("train", "valid", "test")
SIZE = 28
PIXELS = SIZE * SIZE
DIGITS = tuple("0123456789")
CLASSES = len(DIGITS)
FORMAT = "the format is [train, valid, test], each part [images, labels], each image 784 numbers"
CACHE_VERSION = 4
Parts = Dict[str, Tuple[np.ndarray, np.ndarray]]  # part -> (images, labels)
READ_CHARACTERS = 1 << 20
LONGEST_LIST = 1 << 24  # characters of the labels
LONGEST_IMAGE = 1 << 20


class Scale(NamedTuple):
    """How a pixel 0..255 is written as a number, and which numbers are black and white."""

    encode: Callable[[int], float]
    window: Tuple[float, float]


# Six decimals tell 256 levels apart with ease and halve the file.
SCALES = {
    "[-1,1]": Scale(lambda pixel: round(pixel / 127.5 - 1, 6), (-1, 1)),
    "[0,1]": Scale(lambda pixel: round(pixel / 255, 6), (0, 1)),
    "0-255": Scale(lambda pixel: pixel, (0, 255)),
}


# Reading


def is_json(path: Path) -> bool:
    """Whether the name of a file is that of a JSON file."""
    return path.is_file() and path.name.lower().endswith((".json", ".json.gz"))


def open_json(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a file in the format of mnist.json.gz; see `readers.Reader.open`. It is read when the first part is asked for."""

    @functools.lru_cache(maxsize=1)
    def read_all() -> Parts:
        return read_mnist_json(path, default_cache(), spec.window)

    def read_part(part: str) -> Optional[LabelledImages]:
        if part not in read_all():
            return None
        return LabelledImages(*read_all()[part], DIGITS, f"{spec}, part {part}")

    return read_part


def read_mnist_json(path: Path, cache_folder: Optional[Path] = None, window: Optional[Tuple[float, float]] = None) -> Parts:
    """Read a file in the format of mnist.json.gz (gzip or plain JSON).

    The pixel scale, [-1, 1], [0, 1] or 0 to 255, is decided by the whole file, see `values.scale_of`. The first read of a full set
    (50,000 + 10,000 + 10,000 images) takes 6 seconds and 0.35 GB (measured with six decimals; 16 seconds and the same memory with
    sixteen), later ones 0.1 seconds.

    Args:
        path: the file.
        cache_folder: where the converted arrays are kept, under the SHA-256 of the file; made when needed, None for no cache.
        window: (black, white), the numbers that become 0 and 255; None = by the scale.

    Returns:
        dict of part (`train`, and `valid` and `test` where the file has them) to
        (images uint8 [N, 1, 28, 28], labels int64 [N]).

    Raises:
        InputError: the file is missing or damaged, is neither gzip nor JSON, or its content is not of this format.
    """
    if cache_folder is None:
        return _convert(path, window)
    stated = "" if window is None else f"-{window[0]:g}-{window[1]:g}"
    try:
        kept = Path(cache_folder) / f"mnist-json-{CACHE_VERSION}-{sha256(path)}{stated}.npz"
    except OSError:
        return _convert(path, window)  # it cannot be read, and _convert says why
    parts = _load_cache(kept)
    if parts is None:
        parts = _convert(path, window)
        _save_cache(kept, parts)
    return parts


def _convert(path: Path, window: Optional[Tuple[float, float]]) -> Parts:
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig") as stream:
        try:
            parts = _read_parts(_Scanner(stream, path))
        except UnicodeDecodeError:
            raise InputError(f"{path} is neither gzip nor JSON: give a file in the format of mnist.json.gz") from None
    if "train" not in parts:
        raise InputError(f"{path} has no training images: {FORMAT}")
    if window is None:
        lows, highs, whole, around_zero = zip(*(look(images, str(path)) for images, _ in parts.values()))
        window = range_of(Extent(min(lows), max(highs), all(whole), all(around_zero)), str(path))
    return {part: (to_pixels(images, window).reshape(-1, 1, SIZE, SIZE), labels) for part, (images, labels) in parts.items()}


def _read_parts(scanner: "_Scanner") -> Parts:
    if scanner.peek() != "[":
        scanner.fail("it is neither gzip nor JSON of this kind")
    scanner.take("[")
    parts = {}
    for part in PARTS:
        if scanner.peek() == "]":
            break
        content = _read_part(scanner, part)
        if content is not None:
            parts[part] = content
        if scanner.peek() != "]" and part != PARTS[-1]:
            scanner.take(",")
    scanner.take("]")
    if scanner.peek():
        scanner.fail("something follows the end")
    return parts


def _read_part(scanner: "_Scanner", part: str) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """Return (float32 images [N, 784], int64 labels [N]), or None if the part is null or empty."""
    if scanner.peek() == "n":
        for letter in "null":
            scanner.take(letter)
        return None
    scanner.take("[")
    if scanner.peek() == "]":
        scanner.take("]")
        return None
    images = _read_images(scanner, part)
    scanner.take(",")
    labels = scanner.flat_list(f"the labels of part {part!r}")
    scanner.take("]")
    if len(images) != len(labels):
        raise InputError(f"{scanner.path}: part {part!r} has {len(images)} images but {len(labels)} labels; {FORMAT}")
    for i, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < CLASSES:
            raise InputError(f"{scanner.path}: label {i} of part {part!r} is {label!r}, not an integer from 0 to 9; correct it")
    return (np.stack(images), np.array(labels, np.int64)) if images else None


def _read_images(scanner: "_Scanner", part: str) -> List[np.ndarray]:
    images = []
    scanner.take("[")
    while scanner.peek() != "]":
        what = f"image {len(images)} of part {part!r}"
        images.append(_to_image(scanner.flat_list(what, LONGEST_IMAGE), what, scanner.path))
        if scanner.peek() != "]":
            scanner.take(",")
    scanner.take("]")
    return images


def _to_image(numbers: List[Any], what: str, path: Path) -> np.ndarray:
    if len(numbers) != PIXELS:
        raise InputError(f"{path}: {what} has {len(numbers)} values, not {PIXELS} (28 x 28); {FORMAT}")
    try:
        image = np.asarray(numbers)
    except (ValueError, OverflowError):  # lists or objects among them, a whole number beyond all floats
        image = np.asarray(None)
    if image.dtype.kind not in "iuf":
        raise InputError(f"{path}: {what} holds values that are not numbers; {FORMAT}")
    with np.errstate(over="ignore"):
        image = image.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError(f"{path}: {what} holds NaN or infinity; remove or repair it")
    return image


class _Scanner:
    """Walks through JSON of any length. It holds no more of it than the list that is being read."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self.path = path
        self._stream = stream
        self._text = ""
        self._at = 0
        self._dropped = 0  # characters that came before _text

    def _more(self) -> bool:
        chunk = self._stream.read(READ_CHARACTERS)
        self._dropped += self._at
        self._text = self._text[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def fail(self, why: str) -> NoReturn:
        raise InputError(f"{self.path} is not a file like mnist.json.gz: {why} (character {self._dropped + self._at}); {FORMAT}")

    def peek(self) -> str:
        """Return the next character that is not a blank, without taking it; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> None:
        """Take the next character that is not a blank, which must be the expected one."""
        sign = self.peek()
        if sign != expected:
            self.fail(f"{expected!r} expected, {repr(sign) if sign else 'the end'} found")
        self._at += 1

    def flat_list(self, what: str, longest: int = LONGEST_LIST) -> List[Any]:
        """Take the list that comes next. Nothing in it may be a list."""
        self.take("[")
        end = self._text.find("]", self._at)
        while end < 0:
            seen = len(self._text) - self._at
            if seen > longest or not self._more():
                self.fail(f"{what}: the list has no end")
            end = self._text.find("]", self._at + seen)
        try:
            values = json.loads(f"[{self._text[self._at : end]}]")
        except (ValueError, RecursionError):
            self.fail(f"{what}: not a list of numbers")
        self._at = end + 1
        return values


# The cache


def _load_cache(path: Path) -> Optional[Parts]:
    arrays = cache.load(path)
    if arrays is None:
        return None
    try:
        names = [part for part in PARTS if f"{part}_images" in arrays]
        parts = {part: (arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in names}
    except KeyError:
        return None
    whole = "train" in parts and all(_is_part(images, labels) for images, labels in parts.values())
    return parts if whole else None


def _is_part(images: np.ndarray, labels: np.ndarray) -> bool:
    return images.dtype == np.uint8 and images.shape == (len(labels), 1, SIZE, SIZE) and labels.dtype == np.int64


def _save_cache(path: Path, parts: Parts) -> None:
    arrays = {f"{part}_images": images for part, (images, _) in parts.items()}
    arrays.update({f"{part}_labels": labels for part, (_, labels) in parts.items()})
    cache.save(path, arrays)


# Writing


def write_mnist_json(path: Path, parts: Parts, scale: str = "[-1,1]") -> None:
    """Write a file in the format of mnist.json.gz, with gzip if the name ends in .gz. Reading it gives the same uint8 images.

    All three parts are written, a missing one as `[[], []]`, so that `train, valid, test = json.load(file)` works.

    Args:
        path: the file, in a folder that exists.
        parts: dict of part (`train`, and `valid` and `test` if there are any) to (images uint8 [N, 1, 28, 28], labels [N]).
        scale: of the pixels in the file: `[-1,1]`, `[0,1]` or `0-255`. Images that a reader would take for another scale (without a
            dark pixel, for example) are written in `[0,1]`, in which all images are read back as they are, and a line says so.

    Raises:
        InputError: an unknown scale or part, no training images, images that are not uint8 28 x 28 grey, labels that do not fit.
    """
    if scale not in SCALES:
        raise InputError(f"unknown pixel scale {scale!r}: choose one of {', '.join(SCALES)}")
    parts = _checked_parts(parts)
    levels = np.unique(np.concatenate([np.unique(images) for images, _ in parts.values()])).tolist()
    encode = SCALES[scale].encode
    if scale_of(look(np.array([encode(level) for level in levels], np.float32), str(path))) != SCALES[scale].window:
        notice_once(f"{path}: pixels from {levels[0]} to {levels[-1]} are written in the scale [0,1]; in {scale} they could be misread")
        encode = SCALES["[0,1]"].encode
    words = [repr(encode(pixel)).encode() for pixel in range(256)]
    with open_writer(path, level=6) as file:  # level 9 takes several times as long for a few percent
        file.write(b"[")
        for i, part in enumerate(PARTS):
            file.write(b", " if i else b"")
            _write_part(file, *parts.get(part, ((), ())), words)
        file.write(b"]")


def _write_part(file: BinaryIO, images: np.ndarray, labels: np.ndarray, words: List[bytes]) -> None:
    file.write(b"[[")
    for i, image in enumerate(images):
        numbers = b", ".join([words[pixel] for pixel in image.tobytes()])
        file.write(b"%s[%s]" % (b", " if i else b"", numbers))
    file.write(b"], [%s]]" % ", ".join(str(int(label)) for label in labels).encode())


def _checked_parts(parts: Parts) -> Parts:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise InputError(f"unknown part {unknown[0]!r}: an mnist.json.gz has {', '.join(PARTS)}")
    checked = {part: (np.asarray(images), np.asarray(labels)) for part, (images, labels) in parts.items()}
    for part, (images, labels) in checked.items():
        if images.dtype != np.uint8 or images.shape != (len(images), 1, SIZE, SIZE):
            raise InputError(f"part {part!r}: an mnist.json.gz holds uint8 [N, 1, 28, 28], not {images.dtype} {list(images.shape)}")
        if labels.shape != (len(images),) or not np.isin(labels, range(CLASSES)).all():
            raise InputError(f"part {part!r}: an mnist.json.gz needs one label from 0 to 9 for each of its {len(images)} images")
    filled = {part: pair for part, pair in checked.items() if len(pair[0])}
    if "train" not in filled:
        raise InputError("an mnist.json.gz needs training images: give the part 'train'")
    return filled
