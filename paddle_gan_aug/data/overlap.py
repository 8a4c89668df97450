"""Check that test images are not training images.

A test on images that were learnt by heart says nothing, and a copied folder or a split that was drawn twice is easily overlooked.
"""

import hashlib
import math

import numpy as np

from ..errors import InputError
from ..runtime import rng
from .images import LabelledImages
from .notices import warn
from .pieces import in_pieces
from .rows import rows

BITS, TABLES = 28, 2  # of a signature, and signatures of an image: one may miss a pair, but seldom both
COMPARED = 4  # training images of one signature that a test image is compared with, at most
NEAR = 0.15  # the distance of two images over the contrast of one, up to which they are near
COARSE = 8  # signatures see the images in so many squares a side
SEEN = 14  # the least number of pixels of each side that are compared
NUMBERS_AT_ONCE = 4_000_000
HASHED_AT_ONCE = 1000  # images


def repeated(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return bool [N]: which of uint8 `images` [N, C, H, W] are among `others`, pixel for pixel. It takes about 2 µs for a digit."""
    mine = hashes(images)
    order = np.argsort(mine, kind="stable")
    ordered, found = mine[order], np.zeros(len(mine), bool)
    for piece in in_pieces(others, HASHED_AT_ONCE) if len(mine) else ():
        theirs = hashes(piece)
        place = np.minimum(np.searchsorted(ordered, theirs), len(ordered) - 1)
        found[place[ordered[place] == theirs]] = True  # of equal images the first
    is_repeated = np.zeros(len(mine), bool)
    is_repeated[order] = found[np.searchsorted(ordered, ordered)]
    return is_repeated


def copies(images: np.ndarray) -> np.ndarray:
    """Return int64 [N]: for each of uint8 `images` [N, C, H, W] the index of the first one that equals it, pixel for pixel."""
    _, first, which = np.unique(hashes(images), return_index=True, return_inverse=True)
    return first[which]


def hashes(images: np.ndarray) -> np.ndarray:
    """Return a hash of each of uint8 images [N, ...], bytes of length 16 [N]: equal for equal pixels, and in practice for no others."""
    each = (hashlib.blake2b(image, digest_size=16).digest() for piece in in_pieces(images, HASHED_AT_ONCE) for image in _rows_of(piece))
    return np.fromiter(each, "S16", len(images))


def _rows_of(piece: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(piece).reshape(len(piece), -1)


def near(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return bool [N]: which of `images` are nearly among `others`: the same picture at another quality, brightness or contrast.

    Candidates have the same signature, the signs of 28 random smooth patterns in the image. An image is near a candidate if their
    difference is at most 0.15 of its contrast; none of MNIST's test images is. Some near pairs are missed, and images without any
    contrast are never near.
    """
    cut = max(1, min(images.shape[2:]) // SEEN)
    is_near = np.zeros(len(images), bool)
    signatures, of_others = _signatures(images, cut), _signatures(others, cut)
    for table in range(TABLES):
        order = np.argsort(of_others[table], kind="stable")
        ordered = of_others[table][order]
        first = np.searchsorted(ordered, signatures[table])
        for step in range(COMPARED):
            place = np.minimum(first + step, len(ordered) - 1)
            candidates = np.flatnonzero((ordered[place] == signatures[table]) & (first + step < len(ordered)) & ~is_near)
            at_once = max(1, NUMBERS_AT_ONCE // images[0].size)
            for mine in in_pieces(candidates, at_once):
                theirs = others[order[place[mine]]]  # most are not near, and fewer pixels show it
                mine = mine[_are_near(images[mine][:, :, ::cut, ::cut], theirs[:, :, ::cut, ::cut], 2 * NEAR)]
                is_near[mine] = _are_near(images[mine], others[order[place[mine]]], NEAR)
    return is_near


def _signatures(images: np.ndarray, cut: int) -> np.ndarray:
    """Return int32 [TABLES, N], the signatures of images, of which every `cut`-th pixel is looked at."""
    coarse = rng(0, "overlap").standard_normal((TABLES * BITS, images.shape[1], COARSE, COARSE))
    high, wide = (np.arange(-(-side // cut)) * COARSE // -(-side // cut) for side in images.shape[2:])
    patterns = coarse[:, :, high][:, :, :, wide].reshape(TABLES * BITS, -1)
    patterns -= patterns.mean(1, keepdims=True)  # blind to brightness
    patterns, found = patterns.astype(np.float32).T, []
    for piece in in_pieces(images, 5000):
        small = np.ascontiguousarray(piece[:, :, ::cut, ::cut])
        signs = small.reshape(len(small), -1).astype(np.float32) @ patterns > 0
        found.append((signs.reshape(-1, TABLES, BITS) @ (1 << np.arange(BITS))).T.astype(np.int32))
    return np.concatenate(found, axis=1)


def _are_near(images: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    one, other = (part.reshape(len(part), math.prod(part.shape[1:])).astype(np.float32) for part in (images, others))
    one, other = (part - part.mean(1, keepdims=True) for part in (one, other))
    sizes = [np.linalg.norm(part, axis=1, keepdims=True) for part in (one, other)]
    visible = (sizes[0][:, 0] > 0) & (sizes[1][:, 0] > 0)
    one, other = one / np.maximum(sizes[0], 1e-6), other / np.maximum(sizes[1], 1e-6)
    return visible & (np.linalg.norm(one - other, axis=1) <= limit)


def check_overlap(training: LabelledImages, test: LabelledImages, allow: bool = False, what: str = "training images") -> None:
    """Check that test images are not training images. Those that nearly are get counted on standard error.

    Args:
        training: the images that were learnt, or validation images that decide something.
        test: the test images.
        allow: print a warning about equal images instead of refusing them.
        what: the first images in words.

    Raises:
        InputError: test images are among the training images, pixel for pixel.
    """
    if training.shape != test.shape or not len(training) or not len(test):
        return
    same = repeated(test.images, training.images)
    count = int(same.sum())
    message = f"{count} of the {len(test)} test images ({test.source}) are {what} ({training.source}), pixel for pixel"
    if count and not allow:
        raise InputError(f"{message}: a test on them says nothing; take them out of one of the two, or set data.allow_overlap")
    if count:
        warn(message)
    close = int(near(rows(test.images, ~same), training.images).sum()) if count < len(test) else 0
    if close:
        warn(f"{close} of the {len(test)} test images ({test.source}) nearly are {what} ({training.source}): is that meant?")


def report_repeated_validation(training: LabelledImages, valid: LabelledImages) -> None:
    """Count on standard error, once per process and data, the validation images that are training images, pixel for pixel."""
    known = (training.source, valid.source, len(training), len(valid))
    if known not in _compared and training.shape == valid.shape:
        _compared.add(known)
        count = int(repeated(valid.images, training.images).sum())
        if count:
            warn(f"{count} of the {len(valid)} validation images ({valid.source}) are training images: do not trust choices by them")


_compared = set()
