"""Generated images as others left them: a folder of picture files, or an npz file."""

import json
import zipfile

import numpy as np

from ..errors import InputError
from ..files import find_path

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
MANIFEST = "manifest.jsonl"
IMAGES, LABELS = "images", "labels"  # the arrays of an npz file


def read_images(path):
    """Read a set of images of one size.

    Args:
        path: a folder with picture files, in class folders or not (with a manifest.jsonl the files that it names, and so no
            grid.png), or an .npz file with an array `images` and perhaps `labels`. Images in an npz are [N, H, W], [N, H, W, C] or
            [N, C, H, W], uint8, or numbers in [-1, 1], [0, 1] or 0 to 255.

    Returns:
        (images uint8 [N, C, H, W], labels int64 [N] or None, class names or None). Labels come from class folders.

    Raises:
        InputError: nothing there, no image in it, files of several sizes or of grey and colour mixed, a file that is no image,
            values that are not finite, an npz without the array `images`.
    """
    path = find_path(path)
    if path.is_dir():
        return _read_folder(path)
    if path.is_file() and path.suffix == ".npz":
        return _read_npz(path)
    problem = "is neither a folder nor an .npz file" if path.exists() else "does not exist"
    raise InputError(f"{path} {problem}: give a run, a folder of images, or an .npz file with an array named {IMAGES}")


def _read_folder(folder):
    files = _named_in_manifest(folder) if (folder / MANIFEST).is_file() else _picture_files(folder)
    if not files:
        raise InputError(f"there is no image in {folder}: looked for {', '.join(SUFFIXES)} there and one folder below")
    below = [file.parent != folder for file in files]
    if any(below) and not all(below):
        raise InputError(f"{folder} holds images beside class folders: {files[below.index(False)].name} belongs to no class")
    images, first = [], None
    for file in files:
        image = _read_file(file)
        first = first or (file, image.shape)
        if image.shape != first[1]:
            raise InputError(f"{file} is {_words(image.shape)}, but {first[0].name} is {_words(first[1])}: all images must be alike")
        images.append(image)
    if not all(below):
        return np.stack(images), None, None
    names = sorted({file.parent.name for file in files})
    return np.stack(images), np.array([names.index(file.parent.name) for file in files], dtype=np.int64), tuple(names)


def _named_in_manifest(folder):
    try:
        names = [json.loads(line)["file"] for line in (folder / MANIFEST).read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is damaged: {error}") from None
    files = [folder / name for name in names]
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{folder / MANIFEST} names {file}, which lies outside the folder")
        if not file.is_file():
            raise InputError(f"{file} is missing: {MANIFEST} names it")
    return files


def _picture_files(folder):
    files = [*folder.iterdir(), *(file for below in folder.iterdir() if below.is_dir() for file in below.iterdir())]
    return sorted(file for file in files if file.is_file() and file.suffix.lower() in SUFFIXES)


def _read_file(path):
    from PIL import Image

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _words(shape):
    return f"{shape[2]} x {shape[1]} pixels in {'grey' if shape[0] == 1 else 'colour'}"


def _read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if IMAGES not in arrays:
                raise InputError(f"{path} has no array named {IMAGES}; it has {', '.join(arrays.files) or 'none'}")
            images, labels = arrays[IMAGES], arrays.get(LABELS)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as an .npz file: {error}") from None
    images = _channels_first(_as_uint8(images, path), path)
    if labels is None:
        return images, None, None
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        raise InputError(f"{path}: {LABELS} must be {len(images)} whole numbers from 0, got {labels.dtype} {list(labels.shape)}")
    return images, labels.astype(np.int64), tuple(str(i) for i in range(labels.max(initial=0) + 1))


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


def _channels_first(images, path):
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    raise InputError(f"{path}: {IMAGES} must be [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], got {list(images.shape)}")
