"""The forms in which a set can lie on the disk. Each is a row of `FORMATS`; images go in piece by piece, in the order of each class.

A folder's pictures are written as they come. The other forms want counts and mixed classes from the first byte on: their images wait
in the spool, and are copied from there when all are made.
"""

import concurrent.futures
import io
import zipfile
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
from PIL import Image

from ..data import idx_file_names, write_idx, write_mnist_json
from ..errors import InputError
from ..files import atomic_write
from .quotas import interleaved

PNG_LEVEL = 1  # larger by a tenth than level 6, in half the time
OLDEST = (1980, 1, 1, 0, 0, 0)  # of a zip file: the same content is to give the same bytes


class PictureWriter:
    """Writes uint8 [C, H, W] images as PNG files; a few threads, since most of the time is the system's.

    A file may be written twice, with the same content; it counts once the spool says so, and needs no atomic writing.
    """

    def __init__(self, folder, threads=2):
        self.folder = folder
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)

    def write(self, names, images):
        """Write images under names relative to the folder, whose folders exist."""
        size = -(-len(images) // 8) or 1
        starts = range(0, len(images), size)
        for done in [self._pool.submit(self._write, names[i : i + size], images[i : i + size]) for i in starts]:
            done.result()

    def _write(self, names, images):
        for name, image in zip(names, images):
            with open(self.folder / name, "wb") as file:
                file.write(png_bytes(image))

    def close(self):
        self._pool.shutdown()


def png_bytes(image):
    """A uint8 [C, H, W] image, C = 1 or 3, as the bytes of a PNG file."""
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def mixed_file(path, arrays):
    """Copy the arrays of all classes, uint8 [N_c, C, H, W] each, into one file in mixed order; returns it as uint8 [N, C, H, W]."""
    with open(path, "wb") as file:
        for c, number in interleaved([len(array) for array in arrays]):
            file.write(arrays[c][number].tobytes())
    return np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, *arrays[0].shape[1:])


def write_npz(to, images, labels, class_names):
    """`images.npz`: images uint8 [N, C, H, W], labels int64 [N], class_names, layout."""
    arrays = {"images": images, "labels": labels, "class_names": np.array(class_names), "layout": np.array("NCHW")}
    with atomic_write(to / "images.npz") as raw, zipfile.ZipFile(raw, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", OLDEST)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # in slices: it holds no second copy


def write_idx_files(to, images, labels, class_names):
    """The pair of training files of a folder of IDX files."""
    for name, array in zip(idx_file_names("train"), (images[:, 0], labels.astype(np.uint8))):
        write_idx(to / f"{name}.gz", array)


def write_json_file(to, images, labels, class_names):
    """`mnist.json.gz`, with all images in its training part."""
    write_mnist_json(to / "mnist.json.gz", {"train": (images, labels)})


def _grey(shape, class_names):
    if shape[0] != 1:
        return "holds grey images alone, and these have colour"
    return f"holds at most 256 classes, and these are {len(class_names)}" if len(class_names) > 256 else None


def _digits(shape, class_names):
    return None if shape == (1, 28, 28) and len(class_names) <= 10 else "holds grey images of 28 x 28 pixels of at most ten classes"


@dataclass(frozen=True)
class Format:
    """One form: its file (None = a PNG file for each image), how to write it, and why it cannot hold some data (None = it can)."""

    file: Optional[str] = None
    write: Optional[Callable] = None
    refuses: Callable = lambda shape, class_names: None


FORMATS = {
    "folder": Format(),
    "npz": Format("images.npz", write_npz),
    "idx": Format(f"{idx_file_names('train')[0]}.gz", write_idx_files, _grey),
    "mnist.json.gz": Format("mnist.json.gz", write_json_file, _digits),
}


def check_format(name, shape, class_names, labelled):
    """The row of `FORMATS`, if it can hold such images.

    Raises:
        InputError: no such format; it cannot; images without labels in a form that has them.
    """
    if name not in FORMATS:
        raise InputError(f"--format {name}: choose one of {', '.join(FORMATS)}")
    row = FORMATS[name]
    reason = row.refuses(tuple(shape), class_names)
    if row.file and not labelled:
        reason = "wants a label for each image, and this run makes images without"
    if reason:
        raise InputError(f"--format {name} {reason}: use --format folder" + (" or npz" if labelled else ""))
    return row
