"""What a classifier is asked of images without labels: the same reading under noise, or near by, or a decided one."""

import paddle
from paddle.nn import functional as F

from .base import frozen

PROBE = 1e-2  # how far the direction of the steepest change is looked for, in pixels from -1 to 1


def pi_loss(first, second):
    """The Π-model's (Laine & Aila 2017, arXiv:1610.02242): the mean square difference of two noisy readings.

    Args:
        first, second: logits float32 [N, K] of the same images. Gradients go through both.
    """
    return (F.softmax(first, axis=1) - F.softmax(second, axis=1)).square().mean()


def conditional_entropy(logits):
    """The mean entropy of softmax(logits), in nats; logits float32 [N, K]."""
    return -(F.softmax(logits, axis=1) * F.log_softmax(logits, axis=1)).sum(1).mean()


def divergence(constant, logits):
    """The mean of KL(softmax(constant) || softmax(logits)), in nats; no gradient goes through `constant`."""
    constant = constant.detach()
    log_p = F.log_softmax(constant, axis=1)
    return (log_p.exp() * (log_p - F.log_softmax(logits, axis=1))).sum(1).mean()


def virtual_adversarial_loss(network, images, radius, rng):
    """How much the reading changes in the direction in which it changes most (Miyato et al. 2018, arXiv:1704.03976), one power iteration.

    Args:
        network: images -> logits; where it is noisy, all its passes here are made with one and the same noise.
        images: float32 [N, C, H, W]. radius: length of the step, the Euclidean norm over an image.
        rng: the numpy Generator of the direction that the search begins with.

    Returns:
        0-D tensor, the mean divergence in nats; gradients go to the network's weights alone.
    """
    seed = int(rng.integers(2**31))

    def read(x):
        paddle.seed(seed)
        return network(x)

    with paddle.no_grad():
        reading = read(images)
    direction = _unit(paddle.to_tensor(rng.standard_normal(images.shape, dtype="float32")))
    direction.stop_gradient = False
    with frozen(network):
        (steepest,) = paddle.grad(divergence(reading, read(images + PROBE * direction)), direction)
    return divergence(reading, read(images + radius * _unit(steepest.detach())))


def _unit(x):
    flat = x.reshape([x.shape[0], -1])
    flat = flat / (flat.abs().max(axis=1, keepdim=True) + 1e-12)  # tiny gradients would vanish when squared
    return (flat / (flat.square().sum(1, keepdim=True).sqrt() + 1e-12)).reshape(x.shape)
