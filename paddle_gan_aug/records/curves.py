"""The counts behind precision-recall and ROC curves. VisualDL's own functions for them fail with NumPy 1.24 and later."""

from __future__ import annotations

from typing import Dict, List, Tuple

import numpy as np

THRESHOLDS = 127  # VisualDL's page draws no more


def curve_points(labels: np.ndarray, scores: np.ndarray) -> Tuple[Dict[str, List[float]], Dict[str, List[float]]]:
    """The points of both curves at `THRESHOLDS` thresholds, evenly spaced from 0 to 1.

    Args:
        labels: bool or 0 and 1 [N], what is true.
        scores: float [N] in [0, 1]; a score at or above the threshold says 1.

    Returns:
        (points of the precision-recall curve, points of the ROC curve): {name: list}, with tp, fp, tn and fn in both, precision and
        recall in the first, tpr and fpr in the second. The precision of no positive answers is 1, a rate of no examples 0.
    """
    labels = np.asarray(labels).astype(bool)
    thresholds = np.linspace(0, 1, THRESHOLDS)
    tp, fp = (_at_least(np.asarray(scores)[truth], thresholds) for truth in (labels, ~labels))
    fn, tn = labels.sum() - tp, (~labels).sum() - fp
    counts = {"tp": tp.tolist(), "fp": fp.tolist(), "tn": tn.tolist(), "fn": fn.tolist()}
    recall, rate = _share(tp, labels.sum()), _share(fp, (~labels).sum())
    precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 1.0)
    return (
        {**counts, "precision": precision.tolist(), "recall": recall.tolist()},
        {**counts, "tpr": recall.tolist(), "fpr": rate.tolist()},
    )


def _at_least(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many scores are at or above each threshold, int64."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")


def _share(part: np.ndarray, whole: int) -> np.ndarray:
    return part / whole if whole else np.zeros(len(part))
