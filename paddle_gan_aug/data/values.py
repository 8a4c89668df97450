"""Which numbers are black and which are white: one rule for every reader.

Pixels come as 0 to 255, 0 to 1 or -1 to 1, and a resize or a rounding takes some of them a little beyond. Values that fit none of
these scales are refused, since a guess would darken or bleach the data in silence; `data.window` states the scale then. A notice
is printed about images that use only a small part of the greys, since they were perhaps meant in another scale.
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np

from ..errors import InputError
from . import cache
from .notices import notice_once
from .pieces import in_pieces

SCALES = ((0, 1), (-1, 1), (0, 255))  # (black, white), in the order in which they are tried
OVERSHOOT = 0.05  # as a share of the scale, on both sides: what a bicubic resize of sharp edges leaves
NEAR = 0.1  # of the distance between two bytes: what rounding to 3 decimals, or to 16 bits, leaves is less
DARKEST_WHITE = 25.5  # fractions that go no higher than this are no 0 to 255
LOW_CONTRAST = 140  # grey levels between the darkest and the brightest pixel of a whole set, at or below which a line says so
AT_ONCE = 1 << 20  # values that are converted together, so that no float copy of the whole is made


class Extent(NamedTuple):
    """What decides the scale of an array of numbers.

    Attributes:
        low, high: the lowest and the highest value.
        whole: whether all are whole numbers.
        around_zero: whether all are bytes written from -1 to 1, see `_bytes_around_zero`. It is False if a value lies clearly
            below 0, since it decides nothing then.
    """

    low: float
    high: float
    whole: bool
    around_zero: bool = False


def look(values: np.ndarray, where: str) -> Extent:
    """Return the `Extent` of an array of numbers that is not empty.

    Raises:
        InputError: some values are not finite.
    """
    if values.dtype.kind in "biu":
        return Extent(float(values.min()), float(values.max()), True)
    lows, highs, whole, around_zero, lost = [], [], True, True, 0
    for piece in in_pieces(values.reshape(-1), AT_ONCE):
        finite = np.isfinite(piece)
        if not finite.all():
            lost += np.count_nonzero(~finite)
            continue
        lows.append(float(piece.min()))
        highs.append(float(piece.max()))
        whole = whole and bool((piece == np.rint(piece)).all())
        around_zero = around_zero and lows[-1] >= -OVERSHOOT and _bytes_around_zero(piece)
    if lost:
        raise InputError(f"{where} has {lost} values that are not finite: remove or repair them")
    return Extent(min(lows), max(highs), whole, around_zero)


def _bytes_around_zero(values: np.ndarray) -> bool:
    """Return whether all numbers are bytes written from -1 to 1: byte / 127.5 - 1, which are the odd multiples of 1/255."""
    multiples = values.astype(np.float32) * 255
    return bool((np.abs((multiples - 1) / 2 - np.rint((multiples - 1) / 2)) < NEAR).all())


def scale_of(extent: Extent) -> Optional[Tuple[float, float]]:
    """Return the (black, white) that pixels are written in; None if they fit no known scale.

    Whole numbers outside 0 to 255 are no overshoot but another scale, such as that of a camera with 12 bits. Values a little below
    0 are an overshoot of 0 to 1, except with `around_zero`: these are bright pictures from -1 to 1, without a value clearly below 0.
    """
    low, high, whole, around_zero = extent
    if around_zero and -OVERSHOOT <= low < 0 and high <= 1:
        return -1, 1
    for black, white in SCALES[:2]:
        room = OVERSHOOT * (white - black)
        if black - room <= low and high <= white + room:
            return black, white
    if whole:
        return (0, 255) if low >= 0 and high <= 255 else None
    room = OVERSHOOT * 255
    overshoots = low >= 0 or high > 127  # data with a mean of 0 go below it as well, but not far above
    return (0, 255) if overshoots and low >= -room and DARKEST_WHITE < high <= 255 + room else None


def range_of(extent: Extent, where: str) -> Tuple[float, float]:
    """Return the (black, white) that pixels are written in, see `scale_of`.

    Raises:
        InputError: they fit no known scale. The message says how to state it.
    """
    scale = scale_of(extent)
    if scale is None:
        low, high = extent.low, extent.high
        black = min(low, 0) if low < high or high > 0 else low - 1
        raise InputError(
            f"{where} has pixels from {_plain(low)} to {_plain(high)}; known are 0 to 255, 0 to 1 and -1 to 1: "
            f"say which values are black and white, for example data.window=[{_plain(black)},{_plain(high)}]"
        )
    return scale


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e9 else f"{number:.4g}"


def to_pixels(values: np.ndarray, window: Tuple[float, float]) -> np.ndarray:
    """Convert numbers of any shape to uint8: `window` = (black, white) becomes 0 to 255, and values outside are clipped."""
    black, white = window
    if values.dtype == np.uint8 and (black, white) == (0, 255):
        return values
    exact = np.float64 if values.dtype.itemsize > 4 and values.dtype.kind in "iu" else np.float32
    pixels = cache.empty(values.shape, np.uint8)
    for piece, target in zip(in_pieces(values.reshape(-1), AT_ONCE), in_pieces(pixels.reshape(-1), AT_ONCE)):
        with np.errstate(over="ignore"):
            scaled = (piece.astype(exact) - black) * (255 / (white - black))
        target[:] = np.clip(np.rint(scaled), 0, 255)
    return pixels


def as_pixels(values: np.ndarray, where: str, window: Optional[Tuple[float, float]] = None) -> np.ndarray:
    """Convert numbers of any shape to uint8, by `window` = (black, white) or, if it is None, by the scale that fits them.

    Raises:
        InputError: values are not finite, or fit no known scale.
    """
    if not values.size:
        return values.astype(np.uint8)
    if window is None or values.dtype.kind == "f":
        extent = look(values, where)  # which refuses values that are not finite
        window = window or range_of(extent, where)
    return to_pixels(values, window)


def report_odd_images(images: np.ndarray, where: str, channels: Optional[int] = None) -> None:
    """Print a notice, once per process, about images that were perhaps not meant as they were read.

    Args:
        images: uint8 [N, C, H, W].
        where: what holds them.
        channels: the user's `data.channels`; None = grey images that are stored in colour are reported too.
    """
    if not len(images):
        return
    low, high = int(images.min()), int(images.max())
    lines = []
    if len(images) > 1 and all((image == images[0]).all() for image in images[1:]):
        lines.append(f"all {len(images)} images are equal")
    elif high - low <= LOW_CONTRAST:
        lines.append(
            f"all pixels lie between {low} and {high}, where 0 is black and 255 white; if other values are black and white in the files, "
            "say which: data.window=[low,high]"
        )
    if channels is None and images.shape[1] == 3 and all((image == image[:1]).all() for image in images):
        lines.append("all images are grey, but in three channels; data.channels 1 learns them as grey ones, in less time")
    for line in lines:
        notice_once(f"{where}: {line}")
