"""Adversarial losses as pure functions of logits.

Each head of a discriminator has one loss, `loss(logits, real, target)`, and one score. Training G "non-saturating"
(Goodfellow et al. 2014, section 3) means: the loss of its images under the label real.
"""

from dataclasses import dataclass
from typing import Callable

import paddle
from paddle.nn import functional as F


def sigmoid_loss(logits, real, target=1.0):
    """Mean sigmoid cross-entropy of one logit a sample.

    Args:
        logits: float32 [N, 1].
        real: whether the samples are to be called real.
        target: the label of a real sample; below 1 it is one-sided label smoothing (Salimans et al. 2016). Fakes are 0.

    Returns:
        0-D float32 tensor, in nats.
    """
    label = paddle.full_like(logits, target if real else 0.0)
    return F.binary_cross_entropy_with_logits(logits, label)


def softmax_loss(logits, real, target=1.0):
    """Mean two-class softmax cross-entropy; class 1 is real.

    Args:
        logits: float32 [N, 2].
        real, target: as for `sigmoid_loss`.

    Returns:
        0-D float32 tensor, in nats.
    """
    # The same number as the sigmoid loss of the difference; Paddle's log_softmax stops at -64.
    return sigmoid_loss(logits[:, 1:] - logits[:, :1], real, target)


def sigmoid_score(logits):
    """The probability of being real, float32 [N], from one logit a sample."""
    return F.sigmoid(logits)[:, 0]


def softmax_score(logits):
    """The probability of being real, float32 [N], from two logits a sample."""
    return F.softmax(logits, axis=1)[:, 1]


@dataclass(frozen=True)
class Head:
    """What belongs to one kind of discriminator output."""

    loss: Callable
    score: Callable


HEADS = {"sigmoid": Head(sigmoid_loss, sigmoid_score), "softmax": Head(softmax_loss, softmax_score)}
