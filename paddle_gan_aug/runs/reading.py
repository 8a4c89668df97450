"""How a trained classifier reads images: once, or averaged over views of each (test-time augmentation)."""

import numpy as np

from ..augment.policies import averaged, views_at_test_time
from ..data import to_network

READ_AT_ONCE = 500  # images; in views, nine or ten times as many pass through


def read_probabilities(run, images):
    """Class probabilities float32 [N, classes] of uint8 images [N, C, H, W]; of all views where the run's configuration says so."""
    algorithm = run.algorithm
    pieces = []
    for start in range(0, len(images), READ_AT_ONCE):
        piece = images[start : start + READ_AT_ONCE]
        if run.config.classifier.test_views:
            views = views_at_test_time(piece, algorithm.policy)
            pieces.append(averaged(np.stack([algorithm.read(to_network(view))[0] for view in views])))
        else:
            pieces.append(algorithm.read(to_network(piece))[0])
    return np.concatenate(pieces)
