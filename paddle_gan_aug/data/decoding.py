"""Decode picture files into one array. Files that cannot be read, or could be read in more than one way, are listed.

A file is refused if it is damaged or no picture, or if its conversion to 8-bit grey or RGB needs a decision of the user:
transparency (over which ground?), several frames (which?), more than 8 bits a channel (what is white?). `data.background` and
`data.window` decide the first and the last. A palette, one bit a pixel, CMYK, a camera's rotation mark and a fully opaque alpha
channel have one meaning and are converted. Masks, pictures of zeros and ones alone, are read as black and white.
"""

import contextlib
import math
import os
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import InputError
from . import cache
from .fitting import grey, one_depth, one_size, to_array
from .looks import Look, Looks, summed
from .notices import notice_once
from .values import to_pixels

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
FIRST_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")
OUTSIDE_PROGRAMS = ("EPS",)  # formats that Pillow hands to another program, which a picture must not start
NAMED_IN_A_MESSAGE = 3
HALF_A_NAME = 100  # characters of a name from either end, since a damaged list has endless names
TRANSPARENT, DEEP = "transparent in places", "more than 8 bits a channel"
CURES = {  # a reason -> the setting that decides how such pictures are read
    TRANSPARENT: "choose what they lie on: data.background=white, black or a grey from 0 to 255",
    DEEP: "say which values are black and white: data.window=[0,65535], with 12 bits [0,4095]",
}


class _Unusable(Exception):
    """A file cannot be used; the message says why in a few words."""


@dataclass
class Decoded:
    """The images of a list of files.

    Attributes:
        images: uint8 [M, C, H, W], of the usable files in their order.
        kept: int64 [M], their places in the list.
        bad: [(name, why)] of the others.
        others: ((width, height), channels) -> how many pictures of this kind were resized, cropped, or changed in depth.
    """

    images: np.ndarray
    kept: np.ndarray
    bad: List[Tuple[str, str]] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)


@dataclass(frozen=True)
class Reading:
    """How pictures are read that could be read in more than one way.

    Attributes:
        image_size, fit: see `fitting.to_array`; None = as they are.
        channels: 1 or 3.
        window: (black, white), which become 0 and 255; None = 8 bits as they are.
        background: what transparent pictures lie on; None = they are refused.
    """

    image_size: Optional[int] = None
    channels: int = 3
    window: Optional[tuple] = None
    background: Union[str, int, None] = None
    fit: str = "crop"


def decode(
    files: Sequence[Path],
    where: str,
    image_size: Optional[int] = None,
    channels: Optional[int] = None,
    skip_bad: bool = False,
    names: Optional[Sequence[str]] = None,
    window: Optional[Tuple[float, float]] = None,
    background: Union[str, int, None] = None,
    fit: str = "crop",
    masks: Optional[bool] = None,
    allocate: cache.Allocate = cache.empty,
) -> Decoded:
    """Read picture files.

    Args:
        files: their paths.
        where: what holds them, for messages.
        image_size: resize and crop to this, see `fitting`; None = as they are, if all are of one size and square.
        channels: 1 or 3; None = what all of them have.
        skip_bad: leave unusable files out.
        names: what messages call the files; None = their own names.
        window, background, fit: see `Reading`. Without a window, pictures of zeros and ones alone are read as black and white.
        masks: whether the pictures hold zeros and ones alone; None = they decide it, see `are_masks`.
        allocate: gives the array of the images, see `cache.Allocate`.

    Raises:
        InputError: files cannot be used (without `skip_bad`, or all of them), are of several sizes without `image_size`, or both
            grey and colour without `channels`.
    """
    names = names or [file.name for file in files]
    looks, bad = _look_at(files, window, background, skip_bad)
    _check_bad(bad, names, where, skip_bad)
    counts = looks.counts()
    count = sum(counts.values())
    depth = channels or one_depth(summed(counts, lambda look: look[1]), where)
    if image_size is None:
        one_size(summed(counts, lambda look: look[0]), where, lambda size: names[looks.first(lambda look: look[0] == size)])
    side = image_size or next(iter(counts))[0][0]
    if window is None and (are_masks((files[i] for i in looks.usable()), background) if masks is None else masks):
        window = (0, 1)
    reading = Reading(image_size, depth, window, background, fit)
    try:
        images = allocate((count, depth, side, side), np.uint8)
    except MemoryError:
        many = f"{count} images of {side} x {side} pixels"
        raise InputError(f"{where}: {many} do not fit into memory: choose a smaller data.image_size, such as 32") from None
    at = 0
    for i in looks.usable():
        try:
            images[at] = _pixels(files[i], reading)
            at += 1
        except _Unusable as error:
            bad[i] = str(error)
            looks.codes[i] = -1
    _check_bad(bad, names, where, skip_bad)
    others = Counter({look: count for look, count in looks.counts().items() if look != ((side, side), depth)})
    listed = [(names[i], why) for i, why in sorted(bad.items())]
    return Decoded(images[:at], looks.usable(), listed, others)


def _look_at(
    files: Sequence[Path], window: Optional[Tuple[float, float]], background: Union[str, int, None], skip_bad: bool
) -> Tuple[Looks, Dict[int, str]]:
    """Read the headers of files, which is cheap, before memory is taken for their pixels.

    Returns:
        (the looks, {place: why} of the files that cannot be used). If one cannot be used and unusable files are refused, the pixels are
        read too, so that one message names all files that must be mended.
    """
    kinds: Dict[Look, int] = {}
    codes, bad = np.full(len(files), -1, np.int32), {}
    for i, file in enumerate(files):
        try:
            look = _look(file, window)
            codes[i] = kinds.setdefault(look, len(kinds))
        except _Unusable as error:
            bad[i] = str(error)
    looks = Looks(list(kinds), codes)
    if bad and not skip_bad:
        as_it_is = Reading(window=window, background=background)
        bad.update((i, why) for i in looks.usable().tolist() if (why := _why_unusable(files[i], as_it_is)))
    return looks, bad


def _check_bad(bad: Dict[int, str], names: Sequence[str], where: str, skip_bad: bool) -> None:
    if not bad or (skip_bad and len(bad) < len(names)):
        return
    files = listing([(names[i], why) for i, why in sorted(bad.items())], len(names))
    cures = "".join(f"{cure}; " for why, cure in CURES.items() if why in bad.values())
    end = "no image is left" if skip_bad else "mend or remove them, or leave them out with data.skip_bad"
    raise InputError(f"{where}: {files}; {cures}{end}")


def listing(bad: Sequence[Tuple[str, str]], count: int) -> str:
    """Return unusable files in words: how many of `count` they are, and the first few with the reason."""
    first = ", ".join(f"{_short(name)} ({why})" for name, why in bad[:NAMED_IN_A_MESSAGE])
    more = f" and {len(bad) - NAMED_IN_A_MESSAGE} more" if len(bad) > NAMED_IN_A_MESSAGE else ""
    return f"{len(bad)} of {count} files cannot be used: {first}{more}"


def _short(name: str) -> str:
    return name if len(name) <= 2 * HALF_A_NAME else f"{name[:HALF_A_NAME]}...{name[-HALF_A_NAME:]}"


def say_skipped(bad: Sequence[Tuple[str, str]], count: int, where: str) -> None:
    """Print once on standard error which files were left out."""
    if bad:
        notice_once(f"{where}: {listing(bad, count)}; skipped")


def is_picture(path: Path) -> bool:
    """Return whether a file is a picture by its name, or without a suffix by its first bytes."""
    suffix = path.suffix.lower()
    if suffix or path.name.startswith("."):
        return suffix in SUFFIXES and not path.name.startswith(".") and os.path.isfile(path)
    try:
        stat = os.stat(path)
        if not S_ISREG(stat.st_mode) or not stat.st_size:  # a pipe or a device may keep a reader waiting for ever
            return False
        with open(path, "rb") as file:
            return file.read(4).startswith(FIRST_BYTES)
    except OSError:
        return False


def are_masks(files: Iterable[Path], background: Union[str, int, None] = None) -> bool:
    """Return whether picture files hold nothing but zeros and ones, and at least one of these: masks, whose ones mean white.

    It looks no further than the first picture with a larger value.
    """
    as_it_is, highest = Reading(background=background), 0
    for file in files:
        try:
            highest = max(highest, int(_pixels(file, as_it_is).max(initial=0)))
        except _Unusable:
            continue
        if highest > 1:
            return False
    return highest == 1


@contextlib.contextmanager
def _opened(file: Path) -> Iterator["Image.Image"]:
    """Open a file with Pillow. Whatever goes wrong inside the block means that the picture is damaged."""
    from PIL import Image

    if file.suffix and file.suffix.lower() not in SUFFIXES:
        raise _Unusable("not a picture by its name")
    if os.path.exists(file) and not os.path.isfile(file):  # opening a pipe would wait for ever
        raise _Unusable("not a file")
    Image.init()
    formats = [name for name in Image.OPEN if name not in OUTSIDE_PROGRAMS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd in a file is either refused here or does not matter
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(file, formats=formats)
        except FileNotFoundError:
            raise _Unusable("does not exist") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _Unusable("too large") from None
        except Exception:  # noqa: BLE001 - Pillow's readers raise anything on hostile bytes
            raise _Unusable("not an image") from None
        try:
            with picture:
                yield picture
        except _Unusable:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
            raise _Unusable("too large") from None
        except Exception:  # noqa: BLE001 - as above
            raise _Unusable("truncated or damaged") from None


def _look(file: Path, window: Optional[Tuple[float, float]]) -> Tuple[Tuple[int, int], int]:
    """Return ((width, height), channels) of a file, from its header."""
    with _opened(file) as picture:
        if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":  # a telephone's JPEG with a preview behind it
            raise _Unusable(f"{picture.n_frames} frames")
        if _is_deep(picture) and (window is None or not _deep_can_be_read(picture)):
            raise _Unusable(DEEP)
        grey_alone = picture.mode in ("1", "L", "LA", "La", *DEEP_GREY) or (picture.mode == "P" and _grey_palette(picture))
        return picture.size, 1 if grey_alone else 3


def _grey_palette(picture: "Image.Image") -> bool:
    colours = np.array(picture.getpalette() or [0, 0, 0]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _pixels(file: Path, reading: Reading) -> np.ndarray:
    """Return uint8 [channels, H, W], the pixels of a file."""
    from PIL import Image, ImageOps

    with _opened(file) as picture:
        if _is_deep(picture):
            values = _deep_values(picture)
            picture = _turned(Image.fromarray(to_pixels(values, reading.window)), picture)
        else:
            picture.load()
            picture = ImageOps.exif_transpose(picture)
            if _see_through(picture):
                if reading.background is None:
                    raise _Unusable(TRANSPARENT)
                picture = _laid_on(picture, grey(reading.background))
            if reading.window is not None:
                colours = picture.convert("L" if reading.channels == 1 else "RGB")
                picture = Image.fromarray(to_pixels(np.asarray(colours), reading.window))
        return to_array(picture, reading.image_size, reading.channels, reading.fit, reading.background)


def _why_unusable(file: Path, reading: Reading) -> Optional[str]:
    """Return why the pixels of a file cannot be used, or None."""
    try:
        _pixels(file, reading)
    except _Unusable as error:
        return str(error)
    return None


def _see_through(picture: "Image.Image") -> bool:
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return picture.getchannel("A").getextrema()[0] < 255
    return "transparency" in picture.info and picture.convert("RGBA").getchannel("A").getextrema()[0] < 255


def _laid_on(picture: "Image.Image", level: int) -> "Image.Image":
    """Return a transparent picture on a ground of one grey level. It stays grey or colour."""
    from PIL import Image

    mode = "L" if picture.mode in ("1", "L", "LA", "La") or (picture.mode == "P" and _grey_palette(picture)) else "RGB"
    ground = Image.new("RGBA", picture.size, (level, level, level, 255))
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert(mode)


# ---- more than 8 bits --------------------------------------------------------------------------------------------------

DEEP_GREY = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes for it; colour it cuts to 8 bits
SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def _is_deep(picture: "Image.Image") -> bool:
    """Return whether a file holds more than 8 bits a channel. Of colour pictures Pillow's mode does not say it."""
    if picture.mode in DEEP_GREY:
        return True
    bits = getattr(picture, "tag_v2", {}).get(258) or (8,)  # of a TIFF
    return max(bits) > 8 or any(";16" in _raw_mode(tile) or _highest(tile) > 255 for tile in picture.tile)


def _raw_mode(tile: Tuple) -> str:
    """Return how the bytes of a tile lie, in Pillow's words, such as "RGB;16B"; "" if it has none."""
    first = tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]
    return first if isinstance(first, str) and not first.startswith("BGR") else ""  # BGR;16: 5 bits a channel, of a BMP


def _highest(tile: Tuple) -> int:
    return tile[3][1] if tile[0].startswith("ppm") else 255


def _deep_can_be_read(picture: "Image.Image") -> bool:
    if picture.mode in DEEP_GREY and picture.format != "PPM":
        return True
    if picture.format == "PPM":
        return picture.tile[0][0] in ("ppm", "raw")  # not the form in ASCII
    modes = {_raw_mode(tile) for tile in picture.tile}
    return len(modes) == 1 and modes <= {f"RGB;{order}" for order in SWAPPED}


def _deep_values(picture: "Image.Image") -> np.ndarray:
    """Return the values of a picture of more than 8 bits a channel: numbers [H, W], or [H, W, 3]."""
    from PIL import Image

    if picture.format == "PPM":  # Pillow scales them
        shape = (picture.height, picture.width) if picture.mode in DEEP_GREY else (picture.height, picture.width, 3)
        if picture.mode == "F":
            return np.asarray(picture)
        picture.fp.seek(picture.tile[0][2])
        return np.frombuffer(picture.fp.read(2 * math.prod(shape)), ">u2").reshape(shape)
    if picture.mode in DEEP_GREY:
        values = np.asarray(picture)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise _Unusable("values that are not finite")
        return values
    # Of two bytes Pillow takes the higher. In the other order of bytes it takes the lower.
    with Image.open(picture.filename) as again:
        again.tile = [_swapped(tile) for tile in again.tile]
        low = np.asarray(again).astype(np.uint16)
    return np.asarray(picture).astype(np.uint16) * 256 + low


def _swapped(tile: Tuple) -> Tuple:
    order = SWAPPED[_raw_mode(tile).partition(";")[2]]
    arguments = (f"RGB;{order}", *tile[3][1:]) if isinstance(tile[3], tuple) else f"RGB;{order}"
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)  # older Pillow: plain tuples


def _turned(picture: "Image.Image", original: "Image.Image") -> "Image.Image":
    """Return a picture turned as the camera that took the original was held."""
    from PIL import ImageOps

    turn = original.getexif().get(0x0112)
    if turn:
        picture.getexif()[0x0112] = turn
    return ImageOps.exif_transpose(picture)
