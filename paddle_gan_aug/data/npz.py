"""Images in a NumPy .npz file: `images`, and perhaps `labels`, `class_names` and `layout`. Nothing in it is unpickled."""

import zipfile

import numpy as np

from ..errors import InputError
from .images import LabelledImages

IMAGES, LABELS, CLASS_NAMES, LAYOUT = "images", "labels", "class_names", "layout"
LAYOUTS = {"NHW": None, "NCHW": 1, "NHWC": 3}  # -> where the channels are


def is_npz(path):
    """Whether a path is an .npz file by its name."""
    return path.is_file() and path.suffix == ".npz"


def open_npz(path, source):
    """The undivided set of an npz file, see `folders.open_folder`; without labels all images are of one class `images`."""

    def read_part(part):
        if part != "all":
            return None
        images, labels, names = read_npz(path)
        if labels is None:
            labels, names = np.zeros(len(images), np.int64), names if names and len(names) == 1 else ("images",)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(names)) == 0)
        if len(empty) and not _names_its_classes(path):
            raise InputError(f"{path}: class {names[empty[0]]} has no image: number the classes without gaps")
        return LabelledImages(images, labels, names, str(source))

    return read_part


def _names_its_classes(path):
    with np.load(path, allow_pickle=False) as arrays:
        return CLASS_NAMES in arrays.files


def read_npz(path):
    """Read images, and labels where there are any.

    Args:
        path: a file with `images` [N, H, W], [N, C, H, W] or [N, H, W, C] (C = 1 or 3), uint8, or numbers in [-1, 1], [0, 1] or 0 to
            255; perhaps `labels` (N whole numbers from 0), `class_names` (texts), and `layout` ("NHW", "NCHW" or "NHWC"), which is
            needed only where the shape leaves it open.

    Returns:
        (images uint8 [N, C, H, W], labels int64 [N] or None, class names or None).

    Raises:
        InputError: the file is damaged, has no array `images`, or arrays of another type or shape.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if IMAGES not in arrays:
                raise InputError(f"{path} has no array named {IMAGES}; it has {', '.join(arrays.files) or 'none'}")
            images, labels, names, layout = (arrays.get(name) for name in (IMAGES, LABELS, CLASS_NAMES, LAYOUT))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as an .npz file: {error}") from None
    images = _channels_first(_as_uint8(images, path), path, layout)
    if names is not None:
        names = _class_names(names, path)
    if labels is None:
        return images, None, names
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        raise InputError(f"{path}: {LABELS} must be {len(images)} whole numbers from 0, got {labels.dtype} {list(labels.shape)}")
    names = names or tuple(str(i) for i in range(labels.max(initial=0) + 1))
    if labels.max(initial=0) >= len(names):
        raise InputError(f"{path}: {LABELS} go up to {labels.max()}, but {CLASS_NAMES} are {len(names)}")
    return images, labels.astype(np.int64), names


def _class_names(names, path):
    names = tuple(map(str, names)) if names.dtype.kind == "U" and names.ndim == 1 else ()
    if not names or len(set(names)) != len(names):
        raise InputError(f"{path}: {CLASS_NAMES} must be different texts, an array of strings")
    return names


def _as_uint8(values, path):
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fiub" or not values.size:
        raise InputError(f"{path}: {IMAGES} must be numbers, got {values.dtype} {list(values.shape)}")
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {IMAGES} has {np.count_nonzero(~np.isfinite(values))} values that are not finite")
    low, high = values.min(), values.max()
    if low < -1.01 or high > 255:
        raise InputError(f"{path}: {IMAGES} goes from {low:.4g} to {high:.4g}; known are -1 to 1, 0 to 1, and 0 to 255")
    scaled = (values + 1) * 127.5 if low < 0 else values * 255 if high <= 1 else values
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _channels_first(images, path, layout):
    fitting = [name for name, axis in LAYOUTS.items() if len(name) == images.ndim and (axis is None or images.shape[axis] in (1, 3))]
    if layout is not None:
        if str(layout) not in fitting:
            known = ", ".join(LAYOUTS)
            raise InputError(f"{path}: {LAYOUT} says {layout}, which {IMAGES} of {list(images.shape)} cannot be; known are {known}")
        fitting = [str(layout)]
    if len(fitting) != 1 or not images.size:
        problem = f"must be [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], got {list(images.shape)}"
        told = f"{list(images.shape)} may be {' or '.join(fitting)}: store an array {LAYOUT} that says which"
        raise InputError(f"{path}: {IMAGES} {told if len(fitting) > 1 and images.size else problem}")
    if fitting == ["NHW"]:
        return images[:, None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if fitting == ["NHWC"] else images
