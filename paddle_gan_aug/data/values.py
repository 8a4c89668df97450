"""Which numbers are black and which are white: one rule for every reader.

Pixels come as 0 to 255, 0 to 1 or -1 to 1, and a resize or one rounding takes some of them a little beyond. What fits none of these is
refused, since guessing would darken or bleach the data in silence; `data.window` says it then. What was read is looked at too: data
that use a small part of the greys alone were perhaps meant in another range.
"""

import sys

import numpy as np

from ..errors import InputError

SCALES = ((0, 1), (-1, 1), (0, 255))  # (black, white), in the order in which they are tried
OVERSHOOT = 0.05  # of a scale's span, on both sides: what a bicubic resize of sharp edges leaves
NEAR = 0.1  # of the distance between two bytes: what rounding to 3 decimals, or to 16 bits, leaves is less
DARKEST_WHITE = 25.5  # fractions that go no higher than this are no 0 to 255
LOW_CONTRAST = 140  # grey levels between the darkest and the brightest pixel of a whole set, at or below which a line says so
AT_ONCE = 1 << 20  # values that are converted together, so that no float copy of the whole is made


def look(values, where):
    """(lowest, highest, whether all are whole numbers, whether all are `_bytes_around_zero`) of an array of numbers that is not empty.

    The last is looked at only where nothing lies clearly below 0: elsewhere it decides nothing, and is False.

    Raises:
        InputError: some are not finite.
    """
    if values.dtype.kind in "biu":
        return float(values.min()), float(values.max()), True, False
    lows, highs, whole, around_zero, lost = [], [], True, True, 0
    for piece in _pieces(values):
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
    return min(lows), max(highs), whole, around_zero


def _bytes_around_zero(values):
    """Whether all numbers are bytes written from -1 to 1: byte / 127.5 - 1, which are the odd multiples of 1/255."""
    multiples = values.astype(np.float32) * 255
    return bool((np.abs((multiples - 1) / 2 - np.rint((multiples - 1) / 2)) < NEAR).all())


def scale_of(low, high, whole, around_zero=False):
    """The (black, white) that pixels from `low` to `high` are written in, or None: it fits no known scale.

    Whole numbers outside 0 to 255 are no overshoot but another scale, such as that of a camera with 12 bits. Values a little below 0
    are an overshoot of 0 to 1, but for `around_zero`: bright pictures from -1 to 1, without a value clearly below 0.
    """
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


def range_of(low, high, whole, around_zero, where):
    """As `scale_of`.

    Raises:
        InputError: it fits no known scale; the message says how to state it.
    """
    scale = scale_of(low, high, whole, around_zero)
    if scale is None:
        black = min(low, 0) if low < high or high > 0 else low - 1
        raise InputError(
            f"{where} has pixels from {_plain(low)} to {_plain(high)}; known are 0 to 255, 0 to 1 and -1 to 1: "
            f"say which values are black and white, for example -o data.window=[{_plain(black)},{_plain(high)}]"
        )
    return scale


def _plain(number):
    return str(int(number)) if number == int(number) and abs(number) < 1e9 else f"{number:.4g}"


def to_pixels(values, window):
    """Numbers of any shape as uint8: `window` = (black, white) becomes 0 to 255, and what lies outside is cut off there."""
    black, white = window
    if values.dtype == np.uint8 and (black, white) == (0, 255):
        return values
    exact = np.float64 if values.dtype.itemsize > 4 and values.dtype.kind in "iu" else np.float32
    pixels = np.empty(values.shape, np.uint8)
    flat, target = values.reshape(-1), pixels.reshape(-1)
    for start in range(0, len(flat), AT_ONCE):
        with np.errstate(over="ignore"):
            piece = (flat[start : start + AT_ONCE].astype(exact) - black) * (255 / (white - black))
        target[start : start + AT_ONCE] = np.clip(np.rint(piece), 0, 255)
    return pixels


def as_pixels(values, where, window=None):
    """Numbers of any shape as uint8, by `window` or, without one, by the scale that they are told to be in.

    Raises:
        InputError: values that are not finite, or that fit no known scale.
    """
    if not values.size:
        return values.astype(np.uint8)
    if window is None or values.dtype.kind == "f":
        found = look(values, where)
        window = window or range_of(*found, where)
    return to_pixels(values, window)


def _pieces(values):
    flat = values.reshape(-1)
    return (flat[start : start + AT_ONCE] for start in range(0, len(flat), AT_ONCE))


# ---- what looks wrong --------------------------------------------------------------------------------------------------

_said = set()


def say_what_looks_wrong(images, where, channels_asked=None):
    """A line on standard error, once per process, where images were perhaps not meant as they were read.

    Args:
        images: uint8 [N, C, H, W]. where: what holds them.
        channels_asked: the user's `data.channels`; None = grey images saved in colour are told.
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
            "say which: -o data.window=[low,high]"
        )
    if channels_asked is None and images.shape[1] == 3 and all((image == image[:1]).all() for image in images):
        lines.append("all images are grey, but in three channels; --channels 1 learns them as grey ones, in less time")
    for line in lines:
        text = f"{where}: {line}"
        if text not in _said:
            _said.add(text)
            print(text, file=sys.stderr, flush=True)
