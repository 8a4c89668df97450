"""One size and one number of channels for images that come in many.

The shorter side is resized and the longer one cropped about the centre: nothing is squeezed, and what a picture shows is mostly in
its middle. Without a wanted size nothing is resampled, since that is never free of loss and should be asked for.
"""

import numpy as np

from ..errors import InputError

SIZES_SHOWN = 5


def fit(images, image_size=None, channels=None):
    """Images of one shape at another size or number of channels.

    Args:
        images: uint8 [N, C, H, W], C = 1 or 3.
        image_size: the height and width wanted; None = as they are.
        channels: 1 (grey, by the luma weights of ITU-R 601-2) or 3; None = as they are.

    Returns:
        uint8 [N, channels, image_size, image_size]; `images` itself where nothing is to be done.
    """
    shape = images.shape[1:]
    if (image_size is None or shape[1:] == (image_size, image_size)) and channels in (None, shape[0]):
        return images
    from PIL import Image

    size = image_size or shape[1:]
    fitted = np.empty((len(images), channels or shape[0], *np.broadcast_to(size, 2)), np.uint8)
    for i, image in enumerate(images):
        picture = Image.fromarray(image[0] if shape[0] == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        fitted[i] = to_array(picture, image_size, channels or shape[0])
    return fitted


def to_array(picture, image_size, channels):
    """A Pillow image -> uint8 [channels, H, W]; square, by the rule above, when `image_size` is not None."""
    from PIL import Image

    picture = picture.convert("L" if channels == 1 else "RGB")
    if image_size is not None and picture.size != (image_size, image_size):
        width, height = picture.size
        short = min(width, height)
        left, top = (width - short) / 2, (height - short) / 2
        # one step for both: the box is cut and resized; bicubic in Pillow widens with the reduction, so it does not alias
        picture = picture.resize((image_size, image_size), Image.BICUBIC, box=(left, top, left + short, top + short))
    pixels = np.asarray(picture)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def one_size(sizes, where):
    """Check that images need no resizing: all of one size, and square.

    Args:
        sizes: Counter of (width, height).
        where: what holds them, for the message.

    Raises:
        InputError: they do; the message says the sizes.
    """
    if len(sizes) == 1 and len(set(next(iter(sizes)))) == 1:
        return
    shown = ", ".join(f"{width} x {height} pixels ({count})" for (width, height), count in sizes.most_common(SIZES_SHOWN))
    more = f" and {len(sizes) - SIZES_SHOWN} more sizes" if len(sizes) > SIZES_SHOWN else ""
    problem = "images of several sizes" if len(sizes) > 1 else "images that are not square"
    raise InputError(f"{where} has {problem}: {shown}{more}; say which to make of them: data.image_size, --image-size 32 for example")


def one_depth(depths, where):
    """Check that images are all grey or all colour; returns 1 or 3.

    Args:
        depths: Counter of 1 and 3.

    Raises:
        InputError: both are there.
    """
    if len(depths) > 1:
        raise InputError(f"{where} has {depths[1]} grey and {depths[3]} colour images: say which to make of them, --channels 1 or 3")
    return next(iter(depths))
