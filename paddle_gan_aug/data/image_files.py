"""Generated images as others left them: a folder of picture files, or an npz file. They need no labels and no parts."""

import numpy as np

from ..errors import InputError
from ..files import find_path
from .decoding import decode, say_skipped
from .fitting import fit
from .folders import MANIFEST, file_of_set, list_folder
from .npz import IMAGES, is_npz, read_npz


def read_images(path, image_size=None, channels=None, skip_bad=False):
    """Read a set of images of one size.

    Args:
        path: a folder with picture files, in class folders or not (with a manifest.jsonl the files that it names, and so no
            grid.png), or an .npz file, see `npz.read_npz`, or the folder of a set in one.
        image_size, channels, skip_bad: as for `decoding.decode`.

    Returns:
        (images uint8 [N, C, H, W], labels int64 [N] or None, class names or None). Labels come from class folders.

    Raises:
        InputError: nothing there, no image in it, files of several sizes or of grey and colour mixed, a file that is no image,
            values that are not finite, an npz without the array `images`.
    """
    path = file_of_set(find_path(path))
    if path.is_dir():
        return _read_folder(path, image_size, channels, skip_bad)
    if is_npz(path):
        images, labels, names = read_npz(path, _window_of(path.parent))
        return fit(images, image_size, channels), labels, names if labels is not None else None
    problem = "is neither a folder nor an .npz file" if path.exists() else "does not exist"
    raise InputError(f"{path} {problem}: give a run, a folder of images, or an .npz file with an array named {IMAGES}")


def _window_of(folder):
    """The (black, white) of a set that was written here, and so is not told from its values: a collapsed GAN draws black images too."""
    return (0, 255) if (folder / MANIFEST).is_file() else None


def _read_folder(folder, image_size, channels, skip_bad):
    listing = list_folder(folder)
    decoded = decode(listing.files, str(folder), image_size, channels, skip_bad, listing.names, _window_of(folder))
    say_skipped(decoded.bad, len(listing.files), str(folder))
    if listing.files[0].parent == folder:
        return decoded.images, None, None
    return decoded.images, np.array(listing.labels, np.int64)[decoded.kept], listing.class_names
