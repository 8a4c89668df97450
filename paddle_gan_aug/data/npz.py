"""Images in a NumPy .npz file, of our form or as MedMNIST and Keras write them. Nothing in it is unpickled.

Our form has `images`, and perhaps `labels`, `class_names` and `layout`. The others have parts, such as `train_images` and
`train_labels`, or `x_train` and `y_train`. An array is read only after its header was checked, so that no file takes more memory
than it fills.
"""

import functools
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..errors import InputError
from .image_set import ImageSet, numbered
from .images import LabelledImages
from .listing import natural
from .npz_arrays import NpzArrays
from .rows import contiguous
from .spec import DataSpec
from .values import as_pixels, look, range_of
from .written_set import window_of_set

IMAGES, LABELS, CLASS_NAMES, LAYOUT = "images", "labels", "class_names", "layout"
LAYOUTS = {"NHW": None, "NCHW": 1, "NHWC": 3}  # -> where the channels are
PARTS = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}
PAIRS = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))  # of MedMNIST and of Keras; a name's case does not matter
MOST_CLASSES = 100_000  # that labels may number without class_names


def is_npz(path: Path) -> bool:
    """Return whether the name of a file is that of an .npz file."""
    return path.is_file() and path.suffix.lower() == ".npz"


def open_npz(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open an npz file; see `readers.Reader.open`. Without labels all images are of one class `images`."""
    with NpzArrays(path) as arrays:
        parts = _parts_in(arrays.names)
        if IMAGES in arrays.names or not parts:
            parts = {"all": (IMAGES, LABELS)}
        named = CLASS_NAMES in arrays.names

    @functools.lru_cache(maxsize=1)
    def training_window() -> Tuple[float, float]:
        with NpzArrays(path) as arrays:
            values, where = arrays.read(parts["train"][0]), f"{path}: {parts['train'][0]}"
        _check_numbers(values, where)
        return range_of(look(values, where), where)

    @functools.lru_cache(maxsize=1)
    def training_classes() -> Tuple[str, ...]:
        return _read(path, *parts["train"], labels_alone=True)[2]

    def read_part(part: str) -> Optional[LabelledImages]:
        if part not in parts:
            return None
        if part == "all" or (part == "test" and "train" not in parts):
            return _undivided(path, spec, named)
        if "train" not in parts:
            return None
        window = spec.window or training_window()
        images, labels, names = _read(path, *parts[part], window, None if part == "train" else training_classes())
        if labels is None:
            raise InputError(f"{path} has no array {parts[part][1]} beside {parts[part][0]}: the labels are missing")
        if part == "train" and not named:
            _check_no_gap(path, labels, len(names))
        return LabelledImages(images, labels, names, f"{spec}, {parts[part][0]}")

    return read_part


def read_npz_images(path: Path, spec: DataSpec) -> ImageSet:
    """Read the images of an npz file, with labels or without; see `readers.Reader.images`."""
    images, labels, names = read_npz(path, spec.window or window_of_set(path.parent))
    return ImageSet(images, numbered(path.name, len(images)), labels, names if labels is not None else None)


def _undivided(path: Path, spec: DataSpec, named: bool) -> LabelledImages:
    images, labels, names = read_npz(path, spec.window)
    if labels is None:
        labels, names = np.zeros(len(images), np.int64), names if names and len(names) == 1 else ("images",)
    elif not named:
        _check_no_gap(path, labels, len(names))
    return LabelledImages(images, labels, names, str(spec))


def _check_no_gap(path: Path, labels: np.ndarray, classes: int) -> None:
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(empty):
        raise InputError(f"{path}: class {empty[0]} has no image: number the classes without gaps")


def _parts_in(names: Sequence[str]) -> Dict[str, Tuple[str, str]]:
    """Return {part: (the name of its images' array, the name of its labels' array)} for the names of all arrays."""
    by_lower = {name.lower(): name for name in names}
    parts = {}
    for part, words in PARTS.items():
        for images, labels in ((i.format(word), j.format(word)) for i, j in PAIRS for word in words):
            if images in by_lower:
                parts.setdefault(part, (by_lower[images], by_lower.get(labels, labels)))
    return parts


def read_npz(
    path: Path, window: Optional[Tuple[float, float]] = None
) -> Tuple[np.ndarray, Optional[np.ndarray], Optional[Tuple[str, ...]]]:
    """Read images, and labels if there are any. Of a file in parts these are the test images, or the training images if it has none.

    Args:
        path: a file with `images` [N, H, W], [N, C, H, W] or [N, H, W, C] (C = 1 or 3), uint8, or numbers in [-1, 1], [0, 1] or 0 to
            255; perhaps `labels` (N or [N, 1] whole numbers from 0, N texts, or [N, classes] zeros with a one in each row),
            `class_names` (texts), and `layout` ("NHW", "NCHW" or "NHWC"), which is needed only where the shape leaves it open.
        window: (black, white), the values that become 0 and 255; None = the values decide them, see `values.scale_of`.

    Returns:
        (images uint8 [N, C, H, W], labels int64 [N] or None, class names or None).

    Raises:
        InputError: the file is damaged, has no array `images`, or arrays of another type or shape.
    """
    with NpzArrays(path) as arrays:
        parts = _parts_in(arrays.names)
    pair = (IMAGES, LABELS) if IMAGES in arrays.names else parts.get("test", parts.get("train", (IMAGES, LABELS)))
    return _read(path, *pair, window)


def _read(
    path: Path,
    images_name: str,
    labels_name: str,
    window: Optional[Tuple[float, float]] = None,
    classes: Optional[Tuple[str, ...]] = None,
    labels_alone: bool = False,
) -> Tuple[Optional[np.ndarray], Optional[np.ndarray], Optional[Tuple[str, ...]]]:
    """Read the arrays of these names as `read_npz` does. `classes` are the class names that a part's labels belong to."""
    with NpzArrays(path) as arrays:
        if images_name not in arrays.names:
            raise InputError(f"{path} has no array named {images_name}; it has {', '.join(arrays.names) or 'none'}")
        labels, names, layout = (arrays.read(name) for name in (labels_name, CLASS_NAMES, LAYOUT))
        images = None if labels_alone else arrays.read(images_name)
    if images is not None:
        where = f"{path}: {images_name}"
        _check_numbers(images, where)
        images = _channels_first(as_pixels(images, where, window), where, layout)
    if names is not None:
        names = _class_names(names, path)
    if labels is None:
        return images, None, names
    count, known = None if images is None else len(images), CLASS_NAMES if names else "the training classes"
    labels, names = _as_labels(labels, f"{path}: {labels_name}", names or classes, known, count)
    return images, labels, names


def _check_numbers(values: np.ndarray, where: str) -> None:
    if values.ndim and not len(values):
        raise InputError(f"{where} holds no image")
    if values.dtype.kind not in "fiub" or not values.size:
        raise InputError(f"{where} must be numbers, got {values.dtype} {list(values.shape)}")


# ---- labels ------------------------------------------------------------------------------------------------------------


def _as_labels(
    labels: np.ndarray, where: str, names: Optional[Tuple[str, ...]], known: str, count: Optional[int]
) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """Return (int64 [N], class names) of labels in any of the forms that `read_npz` lists."""
    kind = f"{labels.dtype} {list(labels.shape)}"
    if count is not None and (not labels.ndim or len(labels) != count):
        raise InputError(f"{where} must be {count} whole numbers from 0, got {kind}")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind in "US" and labels.ndim == 1:
        return _of_texts(labels, where, names)
    if labels.dtype.kind == "f":
        if not (np.isfinite(labels).all() and (labels == np.rint(labels)).all() and np.abs(labels).max(initial=0) < 2**53):
            raise InputError(f"{where} must be whole numbers from 0, or texts, got fractions, NaN or infinity ({kind})")
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iub":
        raise InputError(f"{where} must be whole numbers from 0, or texts, got {kind}")
    if labels.ndim == 2 and labels.shape[1]:
        labels = _of_one_hot(labels, where, kind)
    if labels.ndim != 1 or labels.min(initial=0) < 0:
        raise InputError(f"{where} must be {'' if count is None else f'{count} '}whole numbers from 0, got {kind}")
    highest = int(labels.max(initial=0))
    if names is None and highest >= MOST_CLASSES:
        raise InputError(f"{where} go up to {highest}: number the classes from 0 without gaps")
    names = names or tuple(str(i) for i in range(highest + 1))
    if highest >= len(names):
        raise InputError(f"{where} go up to {highest}, but {known} are {len(names)}")
    return labels.astype(np.int64, copy=False), names


def _of_one_hot(labels: np.ndarray, where: str, kind: str) -> np.ndarray:
    ones = labels.sum(1, dtype=np.int64)
    if labels.min(initial=0) < 0 or labels.max(initial=0) > 1:
        raise InputError(f"{where} must be one whole number from 0 for each image, or zeros with a one in each row, got {kind}")
    if (ones != 1).any():
        row = int(np.flatnonzero(ones != 1)[0])
        raise InputError(f"{where} are multi-label: image {row} has {ones[row]} of {labels.shape[1]} classes; give each image one class")
    return labels.argmax(1)


def _of_texts(labels: np.ndarray, where: str, names: Optional[Tuple[str, ...]]) -> Tuple[np.ndarray, Tuple[str, ...]]:
    texts = _texts(labels, where)
    names = names or tuple(sorted(set(texts), key=natural))
    place = {name: i for i, name in enumerate(names)}
    unknown = next((text for text in texts if text not in place), None)
    if unknown is not None:
        raise InputError(f"{where} has a class {unknown[:80]!r}, which is none of the known ones: {', '.join(names[:30])[:800]}")
    return np.array([place[text] for text in texts], np.int64), names


def _texts(array: np.ndarray, where: str) -> List[str]:
    """Return the texts in an array as Python strings.

    Raises:
        InputError: there are bytes that are not UTF-8, or code points that are no characters. The code points that stand for the
            bytes of file names are accepted.
    """
    try:
        texts = [text.decode() if isinstance(text, bytes) else text for text in array.tolist()]
        "".join(texts).encode(errors="surrogateescape")
    except (ValueError, SystemError):  # NumPy's own error for a code point beyond Unicode is a SystemError
        raise InputError(f"{where} hold texts that are not Unicode: store them with dtype=str") from None
    return texts


def _class_names(names: np.ndarray, path: Path) -> Tuple[str, ...]:
    names = tuple(_texts(names, f"{path}: {CLASS_NAMES}")) if names.dtype.kind == "U" and names.ndim == 1 else ()
    if not names or len(set(names)) != len(names):
        raise InputError(f"{path}: {CLASS_NAMES} must be different texts, an array of strings")
    return names


def _channels_first(images: np.ndarray, where: str, layout: Optional[np.ndarray]) -> np.ndarray:
    fitting = [name for name, axis in LAYOUTS.items() if len(name) == images.ndim and (axis is None or images.shape[axis] in (1, 3))]
    if layout is not None:
        layout = "".join(_texts(layout.reshape(-1), f"{where}: {LAYOUT}")) if layout.dtype.kind in "US" else str(layout.dtype)
        if layout not in fitting:
            known = ", ".join(LAYOUTS)
            raise InputError(f"{where} {list(images.shape)}: {LAYOUT} says {layout[:20]}, which they cannot be; known are {known}")
        fitting = [layout]
    if len(fitting) != 1 or not images.size:
        problem = f"must be [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], got {list(images.shape)}"
        if len(fitting) > 1 and images.size:
            problem = f"{list(images.shape)} may be {' or '.join(fitting)}: store an array {LAYOUT} that says which"
        raise InputError(f"{where} {problem}")
    if fitting == ["NHW"]:
        return images[:, None]
    return contiguous(images.transpose(0, 3, 1, 2)) if fitting == ["NHWC"] else images
