"""Terms that unlabelled images give a classifier: its reading stays the same under noise, nearby, or as an average of it reads."""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .base import frozen

PROBE = 1e-2  # the distance at which the direction of the steepest change is looked for, in pixels from -1 to 1


def pi_loss(first: Tensor, second: Tensor) -> Tensor:
    """The Π-model (Laine and Aila 2017, arXiv:1610.02242): the mean square difference of two noisy readings of the same images.

    Args:
        first, second: logits float32 [N, K]. Gradients go through both.

    Returns:
        0-D tensor.
    """
    return (F.softmax(first, axis=1) - F.softmax(second, axis=1)).square().mean()


def conditional_entropy(logits: Tensor) -> Tensor:
    """The mean entropy of softmax(logits) in nats, 0-D tensor; logits float32 [N, K]."""
    return -(F.softmax(logits, axis=1) * F.log_softmax(logits, axis=1)).sum(1).mean()


def class_imbalance(logits: Tensor) -> Tensor:
    """How far the mean of softmax(logits) is from equally frequent classes: log K minus its entropy, in nats, >= 0; 0-D tensor.

    With the conditional entropy it makes the mutual information of images and classes (Hu et al. 2017, arXiv:1702.08720, equation 7).

    Args:
        logits: float32 [N, K], of images of which equally many are to be of each class.
    """
    mean = F.softmax(logits, axis=1).mean(0)
    return (mean * (mean.clip(1e-12) * len(mean)).log()).sum()


def divergence(constant: Tensor, logits: Tensor) -> Tensor:
    """The mean of KL(softmax(constant) || softmax(logits)) in nats, 0-D tensor; no gradient goes through `constant`."""
    constant = constant.detach()
    log_p = F.log_softmax(constant, axis=1)
    return (log_p.exp() * (log_p - F.log_softmax(logits, axis=1))).sum(1).mean()


def teacher_loss(probabilities: Tensor, logits: Tensor, confidence: float) -> Tensor:
    """The cross-entropy of the classes that a teacher reads with confidence, as in FixMatch (Sohn et al. 2020, arXiv:2001.07685).

    Args:
        probabilities: the teacher's, float32 [N, K]; no gradient goes through them.
        logits: the learner's, float32 [N, K].
        confidence: images of which the teacher gives no class this probability count nothing.

    Returns:
        0-D tensor, the sum over the images that count, divided by N.
    """
    counts = (probabilities.max(1) >= confidence).astype(logits.dtype)
    losses = F.cross_entropy(logits, probabilities.argmax(1), reduction="none").reshape([-1])
    return (losses * counts).mean()


def virtual_adversarial_loss(network: nn.Layer, images: Tensor, radius: float, rng: np.random.Generator) -> Tensor:
    """How much the reading changes in the direction in which it changes most (Miyato et al. 2018, arXiv:1704.03976).

    The direction is found with one power iteration.

    Args:
        network: images -> logits; if it is noisy, all its passes here are made with the same noise.
        images: float32 [N, C, H, W].
        radius: length of the step, the Euclidean norm over an image.
        rng: gives the direction that the search begins with.

    Returns:
        0-D tensor, the mean divergence in nats; gradients go to the network's weights alone.
    """
    seed = int(rng.integers(2**31))

    def read(x: Tensor) -> Tensor:
        paddle.seed(seed)
        return network(x)

    with paddle.no_grad():
        reading = read(images)
    direction = _unit(paddle.to_tensor(rng.standard_normal(images.shape, dtype="float32")))
    direction.stop_gradient = False
    with frozen(network):
        (steepest,) = paddle.grad(divergence(reading, read(images + PROBE * direction)), direction)
    return divergence(reading, read(images + radius * _unit(steepest.detach())))


def _unit(x: Tensor) -> Tensor:
    """Scale every image of `x` to a Euclidean norm of 1."""
    flat = x.reshape([x.shape[0], -1])
    flat = flat / (flat.abs().max(axis=1, keepdim=True) + 1e-12)  # tiny gradients would vanish when squared
    return (flat / (flat.square().sum(1, keepdim=True).sqrt() + 1e-12)).reshape(x.shape)
