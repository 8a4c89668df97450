"""One size and one number of channels for images that come in many.

The shorter side is resized and the longer one cropped about the centre: nothing is squeezed, and what a picture shows is mostly in
its middle. Where its ends count too, pictures are padded or stretched instead. Without a chosen size nothing is resampled, since that
is never free of loss and should be asked for.
"""

from collections import Counter
from typing import TYPE_CHECKING, Callable, Optional, Tuple, Union

import numpy as np

from ..errors import InputError
from . import cache

if TYPE_CHECKING:
    from PIL import Image

SIZES_SHOWN = 5
GREYS = {"black": 0, "white": 255}


def fit(
    images: np.ndarray,
    image_size: Optional[int] = None,
    channels: Optional[int] = None,
    how: str = "crop",
    background: Union[str, int, None] = None,
) -> np.ndarray:
    """Images of one shape at another size or number of channels.

    Args:
        images: uint8 [N, C, H, W], C = 1 or 3.
        image_size: the height and width of the result; None = as they are.
        channels: 1 (grey, by the luma weights of ITU-R 601-2) or 3; None = as they are.
        how, background: what becomes of images that are not square, see `to_array`.

    Returns:
        uint8 [N, channels, image_size, image_size]; `images` itself where nothing is to be done.
    """
    shape = images.shape[1:]
    if (image_size is None or shape[1:] == (image_size, image_size)) and channels in (None, shape[0]):
        return images
    size = image_size or shape[1:]
    fitted = cache.empty((len(images), channels or shape[0], *np.broadcast_to(size, 2)), np.uint8)
    for i, image in enumerate(images):
        fitted[i] = to_array(to_picture(image), image_size, channels or shape[0], how, background)
    return fitted


def to_picture(image: np.ndarray) -> "Image.Image":
    """Return uint8 [C, H, W], C = 1 or 3, as a Pillow image."""
    from PIL import Image

    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def to_array(
    picture: "Image.Image", image_size: Optional[int], channels: int, how: str = "crop", background: Union[str, int, None] = None
) -> np.ndarray:
    """A Pillow image -> uint8 [channels, H, W]; square when `image_size` is not None.

    Args:
        how: "crop" cuts off the ends of the longer side, "pad" fills up the shorter one, "stretch" squeezes the longer one.
        background: what "pad" fills with: "white", "black" or a grey from 0 to 255; None = each pixel of the edge is drawn out.
    """
    from PIL import Image

    picture = picture.convert("L" if channels == 1 else "RGB")
    if image_size is not None and how == "pad" and picture.width != picture.height:
        return _padded(picture, image_size, background)
    if image_size is not None and picture.size != (image_size, image_size):
        width, height = picture.size
        short = min(width, height)
        left, top = (width - short) / 2, (height - short) / 2
        # one step for both: the box is cut and resized; bicubic in Pillow widens with the reduction, so it does not alias
        box = None if how == "stretch" else (left, top, left + short, top + short)
        picture = picture.resize((image_size, image_size), Image.BICUBIC, box=box)
    return _channels_first(picture)


def _channels_first(picture: "Image.Image") -> np.ndarray:
    pixels = np.asarray(picture)
    return pixels[None] if picture.mode == "L" else pixels.transpose(2, 0, 1)


def _padded(picture: "Image.Image", image_size: int, background: Union[str, int, None]) -> np.ndarray:
    from PIL import Image

    share = image_size / max(picture.size)
    width, height = (max(1, round(side * share)) for side in picture.size)
    pixels = _channels_first(picture.resize((width, height), Image.BICUBIC))
    missing = [image_size - height, image_size - width]
    room = [(0, 0)] + [(side // 2, side - side // 2) for side in missing]
    if background is None:
        return np.pad(pixels, room, mode="edge")
    return np.pad(pixels, room, constant_values=grey(background))


def grey(background: Union[str, int]) -> int:
    """The grey level, 0 to 255, of "white", "black", or a grey level."""
    return GREYS.get(background, background)


def one_size(sizes: Counter, where: str, first: Callable[[Tuple[int, int]], str]) -> None:
    """Check that images need no resizing: all of one size, and square.

    Args:
        sizes: Counter of (width, height).
        where: what holds them, for the message. first: (width, height) -> the name of the first image of this size.

    Raises:
        InputError: they do; the message says the sizes.
    """
    if len(sizes) == 1 and len(set(next(iter(sizes)))) == 1:
        return
    shown = ", ".join(f"{width} x {height} pixels ({count})" for (width, height), count in sizes.most_common(SIZES_SHOWN))
    more = f" and {len(sizes) - SIZES_SHOWN} more sizes" if len(sizes) > SIZES_SHOWN else ""
    rarest = sizes.most_common()[-1][0]
    more += f", such as {first(rarest)} with {rarest[0]} x {rarest[1]}"
    problem = "images of several sizes" if len(sizes) > 1 else "images that are not square"
    advice = "choose one size with data.image_size, such as 32 (data.fit: crop, pad or stretch)"
    raise InputError(f"{where} has {problem}: {shown}{more}; {advice}")


def one_depth(depths: Counter, where: str) -> int:
    """Check that images are all grey or all colour; returns 1 or 3.

    Args:
        depths: Counter of 1 and 3.

    Raises:
        InputError: both are there.
    """
    if len(depths) > 1:
        raise InputError(f"{where} has {depths[1]} grey and {depths[3]} colour images: choose data.channels 1 or 3")
    return next(iter(depths))
