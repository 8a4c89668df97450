"""Adversarial losses as pure functions of logits.

Each head of a discriminator has one loss, `loss(logits, real, target)`, and one logit of "real". Training G "non-saturating"
(Goodfellow et al. 2014, section 3) means: the loss of its images under the label real.

`LOSSES` holds every adversarial loss by name. Logits go in, never probabilities: a sigmoid before these losses is one too many.
Batches of reals and fakes may differ in size.
"""

from dataclasses import dataclass
from typing import Callable, Optional

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


def sigmoid_logit(logits):
    """The logit of being real, float32 [N], from one logit a sample."""
    return logits[:, 0]


def softmax_logit(logits):
    """The logit of being real, float32 [N], from two logits a sample."""
    return logits[:, 1] - logits[:, 0]


@dataclass(frozen=True)
class Head:
    """What belongs to one kind of discriminator output."""

    loss: Callable
    logit: Callable

    def score(self, logits):
        """The probability of being real, float32 [N]."""
        return F.sigmoid(self.logit(logits))


HEADS = {"sigmoid": Head(sigmoid_loss, sigmoid_logit), "softmax": Head(softmax_loss, softmax_logit)}


def squared_loss(logits, real, target=1.0):
    """Half the mean squared distance to the label (Mao et al. 2017, eq. 2 and 9: a = 0, b = c = 1).

    Args:
        logits: float32 [N, 1].
        real, target: as for `sigmoid_loss`.

    Returns:
        0-D float32 tensor.
    """
    return 0.5 * (logits - (target if real else 0.0)).square().mean()


def hinge_loss(logits, real):
    """D's hinge loss: E max(0, 1 - D(x)) for reals, E max(0, 1 + D(G(z))) for fakes (Lim and Ye 2017; Miyato et al. 2018, eq. 16).

    It is D's alone: G minimises `critic_loss(logits, real=True)`, which goes on where the hinge is flat.
    """
    return F.relu(1 - logits if real else 1 + logits).mean()


def critic_loss(logits, real):
    """The critic's part of the Wasserstein distance: -E D(x) for reals, E D(G(z)) for fakes (Arjovsky et al. 2017, eq. 2 and 3)."""
    return -logits.mean() if real else logits.mean()


def relativistic_loss(logits, others, target=1.0):
    """Relativistic average (Jolicoeur-Martineau 2018, RaSGAN): `logits` are to exceed the mean of `others`, and the reverse.

    D passes (reals, fakes), G passes (fakes, reals); both are differentiated through both.

    Args:
        logits, others: float32 [N, 1], [M, 1].
        target: the label of `logits`; below 1 it is one-sided label smoothing.

    Returns:
        0-D float32 tensor: the sum of two sigmoid cross-entropies, in nats; 2 ln 2 where reals and fakes score alike.
    """
    return sigmoid_loss(logits - others.mean(), True, target) + sigmoid_loss(others - logits.mean(), False)


def paired_loss(logits, others):
    """Relativistic pairing (RpGAN, Jolicoeur-Martineau 2018; Huang et al. 2024, arXiv:2501.05441, eq. 2): a logit is to exceed its partner.

    D passes (reals, fakes), G passes (fakes, reals). Partners stand at the same place of their batches and show the same class. Without
    penalties on D's gradient at reals and at fakes training need not converge (Huang et al. 2024, section 2).

    Args:
        logits, others: float32 [N, 1], [N, 1].

    Returns:
        0-D float32 tensor: the mean of log(1 + exp(-(logit - other))), in nats; ln 2 where reals and fakes score alike.

    Raises:
        ValueError: the batches differ in size.
    """
    if list(logits.shape) != list(others.shape):
        raise ValueError(f"logits must come in pairs, got {list(logits.shape)} and {list(others.shape)}")
    return F.softplus(others - logits).mean()


@dataclass(frozen=True)
class Loss:
    """One adversarial loss, to be minimised by D and by G.

    Attributes:
        d_loss: (real_logits, fake_logits) -> 0-D tensor; with `smooths` also (…, target), the label of reals.
        g_loss: (real_logits, fake_logits) -> 0-D tensor; real_logits is read only if `joint`, and may be None otherwise.
        logits: how many logits a sample D must give.
        d_part: (logits, real[, target]) -> 0-D tensor, whose values for reals and fakes sum to `d_loss`: what D's two optimizers of
            the classic GAN take. None where the two cannot be taken apart (`joint`).
        smooths: whether a label of reals exists, which one-sided label smoothing lowers.
    """

    d_loss: Callable
    g_loss: Callable
    logits: int = 1
    d_part: Optional[Callable] = None
    smooths: bool = False

    @property
    def joint(self):
        """Whether reals and fakes are needed at once, by D and by G."""
        return self.d_part is None


def _separable(d_part, g_part, logits=1, smooths=False):
    """The Loss whose D side is `d_part` of reals plus `d_part` of fakes, and whose G side, `g_part`, is a function of the fakes."""

    def d_loss(real_logits, fake_logits, *target):
        return d_part(real_logits, True, *target) + d_part(fake_logits, False)

    return Loss(d_loss, lambda real_logits, fake_logits: g_part(fake_logits), logits, d_part, smooths)


def _called_real(d_part):
    """G's loss: D's, with the label real."""
    return lambda fake_logits: d_part(fake_logits, True)


LOSSES = {
    "non-saturating": _separable(sigmoid_loss, _called_real(sigmoid_loss), smooths=True),
    # E log(1 - D(G(z))), to be minimised (Goodfellow et al. 2014, eq. 1): flat where D is sure of the fakes
    "saturating": _separable(sigmoid_loss, lambda fake_logits: -sigmoid_loss(fake_logits, False), smooths=True),
    "softmax": _separable(softmax_loss, _called_real(softmax_loss), logits=2, smooths=True),
    "least-squares": _separable(squared_loss, _called_real(squared_loss), smooths=True),
    "hinge": _separable(hinge_loss, _called_real(critic_loss)),
    "wasserstein": _separable(critic_loss, _called_real(critic_loss)),
    "relativistic": Loss(relativistic_loss, lambda real_logits, fake_logits: relativistic_loss(fake_logits, real_logits), smooths=True),
    "paired": Loss(paired_loss, lambda real_logits, fake_logits: paired_loss(fake_logits, real_logits)),
}


def clustering_loss(logits, moved_logits, balance=2.0):
    """How far images are from being sorted into categories: surely, equally often, and alike after a change that keeps what they show.

    Cross-entropy of the readings of changed images with those of the images as they are, plus the mean entropy of a reading, minus
    `balance` times the entropy of the mean reading: the objective of Hu et al. 2017, arXiv:1702.08720, with λ = 1 and μ = `balance`.

    Args:
        logits: float32 [N, K], of images as they are. moved_logits: float32 [N, K], of the same images changed.

    Returns:
        0-D float32 tensor, in nats; at best -balance · log K.
    """
    logs = F.log_softmax(logits, axis=1)
    shares = logs.exp()
    mean = shares.mean(0)
    alike = -(shares.detach() * F.log_softmax(moved_logits, axis=1)).sum(1).mean()
    sure = -(shares * logs).sum(1).mean()
    balanced = (mean * (mean + 1e-8).log()).sum()
    return alike + sure + balance * balanced
