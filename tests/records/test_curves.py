"""The points of precision-recall and ROC curves, by hand and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from paddle_gan_aug.records.curves import THRESHOLDS, curve_points


def test_a_perfect_reading():
    precision_recall, roc = curve_points([1, 1, 0, 0], np.array([0.9, 0.8, 0.2, 0.1]))
    middle = THRESHOLDS // 2  # the threshold .5
    assert [precision_recall[name][middle] for name in ("tp", "fp", "tn", "fn", "precision", "recall")] == [2, 0, 2, 0, 1, 1]
    assert (roc["tpr"][0], roc["fpr"][0]) == (1, 1)  # the threshold 0: all are positive
    assert (roc["tpr"][-1], roc["fpr"][-1], precision_recall["precision"][-1]) == (0, 0, 1)  # the threshold 1: none is


def test_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(500) < 0.3, rng.random(500)
    precision_recall, roc = curve_points(labels, scores)
    for index in (1, 40, 100):
        said = scores >= np.linspace(0, 1, THRESHOLDS)[index]
        assert precision_recall["precision"][index] == pytest.approx(precision_score(labels, said))
        assert precision_recall["recall"][index] == roc["tpr"][index] == pytest.approx(recall_score(labels, said))
        assert roc["fpr"][index] == pytest.approx(1 - recall_score(~labels, ~said))


def test_one_kind_alone_has_no_rate():
    _, roc = curve_points([1, 1], np.array([0.3, 0.6]))
    assert set(roc["fpr"]) == {0.0} and roc["tpr"][0] == 1
