"""The forms in which a set can lie on the disk. Each is a row of `FORMATS`.

The pictures of a folder are written as they come. The other forms need all counts, and mix the classes, from the first
byte on: their images wait in the partial set, and are copied from there when all are made.
"""

import concurrent.futures
import io
import itertools
import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Sequence, Tuple, Union

import numpy as np
from PIL import Image

from ..data import idx_file_names, write_idx, write_mnist_json
from ..data.listing import natural
from ..data.written_set import CLASS_LIST, OWN_FILES, TABLE
from ..errors import InputError
from ..files import atomic_write
from .quotas import interleaved

LISTED = {"train": "train", "valid": "val", "test": "test"}  # the split of an image -> what its list is called
PNG_LEVEL = 1  # larger by a tenth than level 6, in half the time
OLDEST = (1980, 1, 1, 0, 0, 0)  # of a zip file: the same content is to give the same bytes

ListRow = Tuple[str, str, str, bool]  # (path below the folder of the set, class name, split, whether it is generated)
Shape = Tuple[int, int, int]  # (C, H, W)


class PictureWriter:
    """Writes images as PNG files in a few threads, since most of the time is the system's; a context manager.

    A file counts once the partial set says so, and needs no atomic writing.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.folder = folder
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)

    def __enter__(self) -> "PictureWriter":
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown()

    def write(self, names: Sequence[str], images: Union[np.ndarray, Sequence[bytes]]) -> None:
        """Write uint8 images [N, C, H, W], or PNG files, under names relative to the folder, whose folders exist."""
        size = -(-len(images) // 8) or 1
        starts = range(0, len(images), size)
        for done in [self._pool.submit(self._write, names[i : i + size], images[i : i + size]) for i in starts]:
            done.result()

    def _write(self, names: Sequence[str], images: Union[np.ndarray, Sequence[bytes]]) -> None:
        for name, image in zip(names, images):
            with open(self.folder / name, "wb") as file:
                file.write(image if isinstance(image, bytes) else png_bytes(image))


def png_bytes(image: np.ndarray) -> bytes:
    """A uint8 [C, H, W] image, C = 1 or 3, as the bytes of a PNG file."""
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def json_line(row: dict) -> str:
    """A dict as a line of a .jsonl file. A file name that is no UTF-8 is escaped, and reads back as it was."""
    text = json.dumps(row, ensure_ascii=False)
    return (text if _is_utf8(text) else json.dumps(row)) + "\n"


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_lists(to: Path, rows: Callable[[], Iterable[ListRow]], splits: Sequence[str] = ("train",)) -> None:
    """Write lists for other programs beside a set: train_list.txt, val_list.txt and test_list.txt (a path below the
    set's folder, a blank, and the number of a class), label_list.txt (a number, a blank, a class), as PaddleClas reads
    them; and images.csv with the columns file, label (a class by name), split and generated (0 or 1).

    PaddleClas divides a line at every blank. Where a path has one, all paths and numbers have a tab between them, and
    a line on standard error says so.

    Classes are numbered as a reader of the set numbers them: in the natural order of their names.

    Args:
        rows: returns the rows each time it is called.
        splits: the splits of the rows, of "train", "valid" and "test".
    """
    classes = sorted({name for _, name, _, _ in rows()}, key=natural)
    number = {name: i for i, name in enumerate(classes)}
    _write_text(to / CLASS_LIST, (f"{i} {name}\n" for name, i in number.items()))
    sign = "\t" if any(" " in file for file, _, _, _ in rows()) else " "
    for split in splits:
        lines = (f"{file}{sign}{number[name]}\n" for file, name, part, _ in rows() if part == split)
        _write_text(to / f"{LISTED[split]}_list.txt", lines)
    table = (f"{','.join(map(_cell, (file, name, part)))},{int(made)}\n" for file, name, part, made in rows())
    _write_text(to / TABLE, itertools.chain(["file,label,split,generated\n"], table))
    broken = sum(len(file.splitlines()) != 1 or "\t" in file for file, _, _, _ in rows())
    if sign == "\t":
        print('paths have blanks: the lists have tabs after them; set delimiter: "\\t" in the data set of PaddleClas', file=sys.stderr)
    if broken:
        print(f"{broken} files have a line break or a tab in their names: only {TABLE} lists them rightly", file=sys.stderr)


def _write_text(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as file:
        for line in lines:
            file.write(line.encode("utf-8", "surrogateescape"))  # a name that is no UTF-8 stays what it is on the disk


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text


def mixed_file(path: Path, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Copy the images of all classes, uint8 [N_c, C, H, W] each, into one file in mixed order. Returns it as uint8 [N,
    C, H, W].
    """
    with open(path, "wb") as file:
        for c, number in interleaved([len(array) for array in arrays]):
            file.write(arrays[c][number].tobytes())
    return np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, *arrays[0].shape[1:])


def write_npz(to: Path, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> None:
    """Write `images.npz`: images uint8 [N, C, H, W], labels int64 [N], class_names, layout."""
    arrays = {"images": images, "labels": labels, "class_names": np.array(class_names), "layout": np.array("NCHW")}
    with atomic_write(to / "images.npz") as raw, zipfile.ZipFile(raw, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", OLDEST)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # in slices: it holds no second copy


def write_idx_files(to: Path, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> None:
    """Write the pair of training files of a folder of IDX files."""
    for name, array in zip(idx_file_names("train"), (images[:, 0], labels.astype(np.uint8))):
        write_idx(to / f"{name}.gz", array)


def write_json_file(to: Path, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> None:
    """Write `mnist.json.gz`, with all images in its training part."""
    write_mnist_json(to / "mnist.json.gz", {"train": (images, labels)})


def _grey(shape: Shape, class_names: Sequence[str]) -> Optional[str]:
    if shape[0] != 1:
        return "holds grey images alone, and these have colour"
    return f"holds at most 256 classes, and these are {len(class_names)}" if len(class_names) > 256 else None


def _digits(shape: Shape, class_names: Sequence[str]) -> Optional[str]:
    return None if shape == (1, 28, 28) and len(class_names) <= 10 else "holds grey images of 28 x 28 pixels of at most ten classes"


@dataclass(frozen=True)
class Format:
    """One form.

    Attributes:
        file: its file; None = a PNG file for each image.
        write: writes a set: (folder, images, labels, class names) -> None.
        refuses: why it cannot hold some data: ((C, H, W), class names) -> a reason; None = it can.
    """

    file: Optional[str] = None
    write: Optional[Callable[..., None]] = None
    refuses: Callable[[Shape, Sequence[str]], Optional[str]] = lambda shape, class_names: None


FORMATS = {
    "folder": Format(),
    "npz": Format("images.npz", write_npz),
    "idx": Format(f"{idx_file_names('train')[0]}.gz", write_idx_files, _grey),
    "mnist.json.gz": Format("mnist.json.gz", write_json_file, _digits),
}

WRITTEN = (*OWN_FILES, "images.npz", "mnist.json.gz", *(f"{name}.gz" for name in idx_file_names("train")))  # in a set's own folder


def check_form(name: str, shape: Shape, class_names: Sequence[str], labelled: bool) -> None:
    """Check that a form can hold such images.

    Raises:
        InputError: there is no such form; it cannot hold them; images without labels in a form that has them.
    """
    if name not in FORMATS:
        raise InputError(f"form {name}: there is none of this name; choose one of {', '.join(FORMATS)}")
    row = FORMATS[name]
    reason = row.refuses(tuple(shape), class_names)
    if row.file and not labelled:
        reason = "needs a label for each image, and this run makes images without"
    if reason:
        raise InputError(f"form {name}: it {reason}; choose folder" + (" or npz" if labelled else ""))
