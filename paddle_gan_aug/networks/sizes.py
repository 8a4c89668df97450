"""Which image sizes an architecture can be built for, and how the sides of its maps follow from the size. Nothing here needs Paddle."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Tuple

LARGEST_BASE = 8  # pixels: the largest base that is doubled up to the image's size
LARGEST_MAP, SMALLEST_MAP = 16, 4  # sides of maps of the residual networks; a convolution as a product costs the fourth power of the side
SEARCHED = 64  # pixels around a size that does not fit


class SizeRule(NamedTuple):
    """The sizes that an architecture takes: in words, and as a function of a size."""

    words: str
    fits: Callable[[int], bool]


def base_and_doublings(image_size: int) -> Tuple[int, int]:
    """(the side of the smallest maps, how often it is doubled): 28 -> (7, 2), 32 -> (8, 2), 64 -> (8, 3).

    Raises:
        ValueError: the size is not a base of 4 to 8 pixels, doubled at least once.
    """
    check_size("dcgan", image_size)
    base, doublings = image_size, 0
    while base > LARGEST_BASE:
        base, doublings = base // 2, doublings + 1
    return base, doublings


def patch_and_sides(image_size: int) -> Tuple[int, List[int]]:
    """(the patch's side, the maps' sides from the largest to the smallest): 28 -> (2, [14, 7, 4]), 64 -> (4, [16, 8, 4]).

    Raises:
        ValueError: image_size is not an even number of such patches, or too small.
    """
    check_size("residual", image_size)
    patch = _patch(image_size)
    sides = [image_size // patch, image_size // (2 * patch)]
    while sides[-1] > SMALLEST_MAP:
        sides.append((sides[-1] + 1) // 2)
    return patch, sides


def _patch(image_size: int) -> int:
    patch = 2
    while image_size > LARGEST_MAP * patch:
        patch *= 2
    return patch


def _is_doubled(image_size: int) -> bool:
    base = image_size
    while base > LARGEST_BASE and base % 2 == 0:
        base //= 2
    return base < image_size and base <= LARGEST_BASE


def _is_patched(image_size: int) -> bool:
    patch = _patch(image_size)
    return image_size % (2 * patch) == 0 and image_size >= 4 * patch


_DOUBLED = SizeRule("4 to 8 pixels doubled", _is_doubled)
SIZE_RULES: Dict[str, SizeRule] = {  # architecture of G or D -> what it takes
    "classic": SizeRule("a multiple of 4 pixels", lambda size: size % 4 == 0),
    "augmentor": _DOUBLED,
    "folder": _DOUBLED,
    "dcgan": _DOUBLED,
    "residual": SizeRule("an even number of patches of 2 pixels (of 4 above 32 pixels, of 8 above 64)", _is_patched),
}


def check_size(architecture: str, image_size: int) -> None:
    """Refuse a size that an architecture cannot be built for.

    Raises:
        ValueError: it cannot; the text names the nearest sizes that it takes, and the architectures that take this one.
    """
    rule = SIZE_RULES[architecture]
    if rule.fits(image_size):
        return
    below = [size for size in range(max(1, image_size - SEARCHED), image_size) if rule.fits(size)]
    above = [size for size in range(image_size, image_size + SEARCHED) if rule.fits(size)]
    nearest = " or ".join(map(str, below[-1:] + above[:1]))
    others = [name for name, other in SIZE_RULES.items() if other.fits(image_size)]
    take = f"; {image_size} fits the architecture {' or '.join(others)}" if others else ""
    raise ValueError(
        f"image_size must be {rule.words} for the architecture {architecture}, got {image_size}: set data.image_size to {nearest}{take}"
    )
