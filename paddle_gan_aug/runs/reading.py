"""Class probabilities of images: read once, or averaged over several views of each image (test-time augmentation)."""

import numpy as np

from ..augment.policies import averaged, views_at_test_time
from ..data import to_network
from .opened import Run

READ_AT_ONCE = 500  # images; with views, nine or ten times as many pass through the network


def read_probabilities(run: Run, images: np.ndarray) -> np.ndarray:
    """The class probabilities that a classifier gives.

    Args:
        run: A run whose algorithm reads images. Its setting `classifier.test_views` says whether views are averaged.
        images: uint8 [N, C, H, W].

    Returns:
        float32 [N, classes].
    """
    algorithm = run.algorithm
    chunks = []
    for start in range(0, len(images), READ_AT_ONCE):
        chunk = images[start : start + READ_AT_ONCE]
        if run.config.classifier.test_views:
            views = views_at_test_time(chunk, algorithm.policy)
            chunks.append(averaged(np.stack([algorithm.read(to_network(view))[0] for view in views])))
        else:
            chunks.append(algorithm.read(to_network(chunk))[0])
    return np.concatenate(chunks)
