"""What a classifier's readings say: of the classifier on labelled images, and of generated images without labels."""

import numpy as np


def confusion_matrix(labels, predicted, classes):
    """Counts int64 [classes, classes]; row = true class, column = predicted class.

    Args:
        labels, predicted: int64 [N], values in 0 … classes - 1.
    """
    cells = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    flat = np.bincount(cells, minlength=classes**2)
    return flat.reshape(classes, classes)


def accuracy(matrix):
    """The share of a confusion matrix on its diagonal, 0 to 1."""
    return float(np.trace(matrix) / matrix.sum())


def class_shares(probabilities):
    """The share of images read as each class, float64 [classes], summing to 1.

    Args:
        probabilities: float [N, classes].
    """
    return np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)


def confident_share(probabilities, threshold=0.9):
    """The share of images whose largest class probability is at least `threshold`, 0 to 1."""
    return float((probabilities.max(1) >= threshold).mean())
