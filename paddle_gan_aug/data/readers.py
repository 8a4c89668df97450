"""The kinds of data that are understood, one row each in `READERS`.

Every command finds the reader of a path here: `load` (labelled images in parts) and `read_image_set` (images without parts, for
`evaluate` and `predict`). A new kind of data is two functions and a row. A row may name functions outside the package:

    READERS.append(Reader("a folder of .raw files", "my_package.raw:is_raw_folder", "my_package.raw:open_raw_folder"))
"""

import contextlib
import errno
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Optional

from ..errors import InputError
from .image_set import ImageSet
from .images import LabelledImages
from .spec import DataSpec

ReadPart = Callable[[str], Optional[LabelledImages]]
REFUSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)  # by the system, because of the path


@dataclass(frozen=True)
class Reader:
    """One kind of data.

    The functions are named as "module:function"; a module that begins with a dot is one of this room. They are imported when they
    are needed.

    Attributes:
        what: the kind in words.
        understands: (path) -> whether the path is of this kind.
        open: (path, `DataSpec`) -> a function from `train`, `valid`, `test` or `all` to `LabelledImages`, or to None if there is
            no such part. `all` is what undivided data has instead of parts; `held out` is `valid` again where the reader itself holds
            it out of the training images. The function reads all classes and images at their
            own size and depth, or at those of the `DataSpec`: `load` does the rest.
        images: (path, `DataSpec`) -> `ImageSet`, if images without labels can be read; None = the images come from `open`.
        mixed: whether the order of the files usually mixes the classes, so that the last images of training can validate.
        beside: whether files beside a path that is a file are read too.
    """

    what: str
    understands: str
    open: str
    images: Optional[str] = None
    mixed: bool = False
    beside: bool = False

    def understands_path(self, path: Path) -> bool:
        """Return whether a path is of this kind."""
        return _function(self.understands)(path)

    def open_path(self, path: Path, spec: DataSpec) -> ReadPart:
        """Return the function that reads the parts of a path."""
        return _function(self.open)(path, spec)

    def read_images(self, path: Path, spec: DataSpec) -> ImageSet:
        """Read images without parts from a path; only if `images` is given."""
        return _function(self.images)(path, spec)


def _function(name: str) -> Callable:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module, __package__), function)


READERS: List[Reader] = [  # the first that understands a path reads it
    Reader("a folder with IDX files (train-images-idx3-ubyte.gz ...)", ".idx:is_idx_folder", ".idx:open_idx", mixed=True, beside=True),
    Reader("a .json.gz or .json file in the format of mnist.json.gz", ".json_gz:is_json", ".json_gz:open_json", mixed=True),
    Reader(
        "a folder with list files (train_list.txt, val_list.txt, test_list.txt)",
        ".list_files:is_list_folder",
        ".list_files:open_list_folder",
    ),
    Reader(
        "a folder with a folder of pictures for each class",
        ".folders:is_image_folder",
        ".folders:open_folder",
        images=".folders:read_folder_images",
    ),
    Reader(
        "an .npz file with an array images (or train_images, x_train ...)", ".npz:is_npz", ".npz:open_npz", images=".npz:read_npz_images"
    ),
    Reader(
        "a list file (.txt, .lst, .csv) with a path and a label on each line",
        ".list_files:is_list_file",
        ".list_files:open_list",
        beside=True,
    ),
]


@contextlib.contextmanager
def refused_paths(data: object) -> Iterator[None]:
    """Turn the error inside the block that a path may not be looked at, or cannot be one, into an InputError that names the data."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        raise InputError(f"cannot read {data}: {error.strerror}: {error.filename}") from None


def reader_of(path: Path, unlabelled: bool = False) -> Optional[Reader]:
    """Return the reader that understands a path, or None.

    Args:
        path: a file or a folder.
        unlabelled: prefer a reader of images without labels.
    """
    fitting = (reader for reader in READERS if reader.understands_path(path))
    if unlabelled:
        fitting = sorted(fitting, key=lambda reader: reader.images is None)
    return next(iter(fitting), None)
