"""Whether a generator repeats its training images: they are then closer to them than unseen real images are.

After C_T of Meehan, Chaudhuri & Dasgupta 2020 (arXiv:2004.05675): distances to the nearest training image, of generated and of
held-out real images, compared by a Mann-Whitney test. C_T compares within cells of the feature space; here the cells are
classes, and each class has a scale of its own instead of a test of its own.
"""

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.neighbors import NearestNeighbors

from .checks import checked_images, checked_pair
from .diversity import image_bytes

SMALLEST_CELL = 50  # held-out images that a class must have for a scale of its own
NEAR = 0.001  # closer than this share of the held-out images is: a near duplicate


def nearest_distances(features, training):
    """The distance of each row of `features` to the nearest row of `training`, float64 [N].

    Args:
        features, training: float [N, width] and [M, width].

    Raises:
        ValueError: an empty set; not finite; widths that differ.
    """
    training, features = checked_pair(training, features)
    distances, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training).kneighbors(features)
    return distances[:, 0]


def closeness_to_training(fake, held_out, fake_classes=None, held_out_classes=None):
    """Compare the distances to the nearest training image of generated and of held-out real images.

    With classes, distances are divided by the median held-out one of their class: images of a class that lies close
    together (MNIST's 1) are near training images without being copies, and a set may hold more of them.

    Args:
        fake, held_out: float [N] and [M], from `nearest_distances`.
        fake_classes, held_out_classes: int [N] and [M], or None.

    Returns:
        A dict. closer: the share of pairs (generated, held-out) in which the generated image is closer to training: 0.5 when
        there is no difference, 1 for copies. p_value: one-sided, small when the generated images are closer. near_duplicates: the
        share of generated images closer than all but 0.1 % of the held-out ones.

    Raises:
        ValueError: an empty set; not finite; distances and classes of different counts.
    """
    fake, held_out = _checked_distances("generated", fake, fake_classes), _checked_distances("held-out", held_out, held_out_classes)
    if fake_classes is not None and held_out_classes is not None:
        scale = _class_scales(held_out, np.asarray(held_out_classes), max(np.max(fake_classes), np.max(held_out_classes)) + 1)
        fake, held_out = fake / scale[fake_classes], held_out / scale[held_out_classes]
    test = mannwhitneyu(fake, held_out, alternative="less", method="asymptotic")
    return {
        "closer": float(1 - test.statistic / (len(fake) * len(held_out))),
        "p_value": float(test.pvalue),
        "near_duplicates": float((fake < np.quantile(held_out, NEAR)).mean()),
    }


def _checked_distances(name, distances, classes):
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 1 or not len(distances) or not np.isfinite(distances).all():
        raise ValueError(f"{name} distances: expected a row of finite numbers, got shape {list(distances.shape)}")
    if classes is not None and len(classes) != len(distances):
        raise ValueError(f"{len(distances)} {name} distances but {len(classes)} classes")
    return distances


def _class_scales(held_out, classes, count):
    """The median held-out distance of each class, that of all where a class has few images; 1 in place of 0."""
    scales = np.full(count, np.median(held_out))
    for index in range(count):
        mine = held_out[classes == index]
        if len(mine) >= SMALLEST_CELL:
            scales[index] = np.median(mine)
    scales[scales == 0] = 1
    return scales


def duplicate_share(images, training):
    """The share of images that are pixel for pixel a training image, 0 to 1.

    Args:
        images, training: uint8 [N, ...] and [M, ...], one shape of image.

    Raises:
        ValueError: not uint8 images, none at all, or of different shapes.
    """
    images, training = checked_images("images", images), checked_images("training images", training)
    if not len(images) or images.shape[1:] != training.shape[1:]:
        raise ValueError(f"images of shape {list(images.shape)} cannot be looked for among {list(training.shape)}")
    known = set(image_bytes(training))
    return float(np.mean([image in known for image in image_bytes(images)]))
