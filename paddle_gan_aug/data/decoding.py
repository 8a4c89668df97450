"""Picture files in, one array out; what cannot be read, or could be read in more than one way, is listed and never guessed.

A file is refused when it is damaged or no picture, and where making 8-bit grey or RGB of it would need a decision that is not ours:
transparency (over which ground?), several frames (which?), more than 8 bits a channel (what is white?). A palette, one bit a pixel,
CMYK, a camera's rotation mark and a fully opaque alpha channel have one meaning, and are converted.
"""

import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from .fitting import one_depth, one_size, to_array

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes of more than 8 bits
NAMED_IN_A_MESSAGE = 3


class _Odd(Exception):
    """Why a file cannot be used, in a few words."""


@dataclass
class Decoded:
    """What became of a list of files.

    Attributes:
        images: uint8 [M, C, H, W], of the files that could be used, in their order.
        kept: int64 [M], their places in the list.
        bad: [(name, why)] of the others.
        fitted: how many of the images were resized, cropped, or changed in depth.
        others: what these were: ((width, height), channels) -> how many.
    """

    images: np.ndarray
    kept: np.ndarray
    bad: list = field(default_factory=list)
    fitted: int = 0
    others: Counter = field(default_factory=Counter)


def decode(files, where, image_size=None, channels=None, skip_bad=False, names=None):
    """Read picture files.

    Args:
        files: their paths. where: what holds them, for messages. names: what to call them there; None = their own names.
        image_size: resize and crop to this, see `fitting`; None = as they are, if all are of one size and square.
        channels: 1 or 3; None = what all of them have.
        skip_bad: leave unusable files out, and say which on standard error.

    Returns:
        A `Decoded`.

    Raises:
        InputError: files that cannot be used (without `skip_bad`, or all of them), of several sizes without `image_size`, of grey
            and colour without `channels`.
    """
    names = names or [file.name for file in files]
    looks, bad = {}, {}
    for i, file in enumerate(files):  # the headers first: they are cheap, and tell how large the array will be
        try:
            looks[i] = _look(file)
        except _Odd as odd:
            bad[i] = str(odd)
    if bad and not skip_bad:  # all that is wrong, in one message
        bad.update((i, odd) for i in looks if (odd := _oddity(files[i])))
    _check_bad(bad, names, where, skip_bad)
    wanted = channels or one_depth(Counter(depth for _, depth in looks.values()), where)
    if image_size is None:
        one_size(Counter(size for size, _ in looks.values()), where)
    side = image_size or next(iter(looks.values()))[0][0]
    images = np.empty((len(looks), wanted, side, side), np.uint8)
    kept = []
    for i in looks:
        try:
            images[len(kept)] = _pixels(files[i], image_size, wanted)
            kept.append(i)
        except _Odd as odd:
            bad[i] = str(odd)
    _check_bad(bad, names, where, skip_bad)
    others = Counter(looks[i] for i in kept if looks[i] != ((side, side), wanted))
    bad = [(names[i], why) for i, why in sorted(bad.items())]
    return Decoded(images[: len(kept)], np.array(kept, np.int64), bad, sum(others.values()), others)


def _check_bad(bad, names, where, skip_bad):
    if bad and not skip_bad:
        listed = listing([(names[i], why) for i, why in sorted(bad.items())], len(names))
        raise InputError(f"{where}: {listed}; mend or remove them, or leave them out with --skip-bad")
    if len(bad) == len(names):
        raise InputError(f"{where}: {listing([(names[i], why) for i, why in sorted(bad.items())], len(names))}; no image is left")


def listing(bad, count):
    """Unusable files in words: how many of `count`, and the first few with the reason."""
    first = ", ".join(f"{name} ({why})" for name, why in bad[:NAMED_IN_A_MESSAGE])
    more = f" and {len(bad) - NAMED_IN_A_MESSAGE} more" if len(bad) > NAMED_IN_A_MESSAGE else ""
    return f"{len(bad)} of {count} files cannot be used: {first}{more}"


_said = set()


def say_skipped(bad, count, where):
    """Tell which files were left out, on standard error, once per process."""
    text = f"{where}: {listing(bad, count)}; skipped"
    if bad and text not in _said:
        _said.add(text)
        print(text, file=sys.stderr, flush=True)


def is_picture(path):
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _opened(file):
    from PIL import Image

    if file.suffix.lower() not in SUFFIXES:
        raise _Odd("not a picture by its name")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file)
    except FileNotFoundError:
        raise _Odd("does not exist") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _Odd("too large") from None
    except (OSError, ValueError, SyntaxError):
        raise _Odd("not an image") from None


def _look(file):
    """((width, height), channels) of a file, from its header."""
    with _opened(file) as picture:
        if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":  # a telephone's JPEG with a preview behind it
            raise _Odd(f"{picture.n_frames} frames")
        if picture.mode in DEEP:
            raise _Odd("more than 8 bits a channel")
        grey = picture.mode in ("1", "L", "LA", "La") or (picture.mode == "P" and _grey_palette(picture))
        return picture.size, 1 if grey else 3


def _grey_palette(picture):
    colours = np.array(picture.getpalette() or [0, 0, 0]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _pixels(file, image_size, channels):
    from PIL import ImageOps

    with _opened(file) as picture:
        try:
            picture.load()
            picture = ImageOps.exif_transpose(picture)
        except (OSError, ValueError, SyntaxError, EOFError):
            raise _Odd("truncated or damaged") from None
        if _see_through(picture):
            raise _Odd("transparent in places")
        return to_array(picture, image_size, channels)


def _oddity(file):
    """Why the pixels of a file cannot be used, or None."""
    try:
        _pixels(file, None, 3)
    except _Odd as odd:
        return str(odd)
    return None


def _see_through(picture):
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return picture.getchannel("A").getextrema()[0] < 255
    return "transparency" in picture.info and picture.convert("RGBA").getchannel("A").getextrema()[0] < 255
