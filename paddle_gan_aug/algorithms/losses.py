"""Adversarial losses as pure functions of logits. The table of all losses is `registry.LOSSES`.

Most losses are functions (logits, real) -> loss, which D sums over reals and fakes. Training G "non-saturating" (Goodfellow et al. 2014,
section 3) means to take the same loss of its images under the label real. A joint loss is a function (logits, others) -> loss.

Logits go in, never probabilities. Batches of reals and fakes may differ in size.
"""

from __future__ import annotations

import paddle
from paddle import Tensor
from paddle.nn import functional as F


def score(logits: Tensor) -> Tensor:
    """One number for each sample, [N]: its logit, or of two logits the difference "real" (class 1) minus "fake".

    Raises:
        ValueError: logits are not [N], [N, 1] or [N, 2].
    """
    if len(logits.shape) > 2 or (len(logits.shape) == 2 and logits.shape[1] > 2):
        raise ValueError(f"expected logits [N], [N, 1] or [N, 2], got {list(logits.shape)}")
    if len(logits.shape) == 1:
        return logits
    return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


def sigmoid_loss(logits: Tensor, real: bool, target: float = 1.0) -> Tensor:
    """Mean sigmoid cross-entropy of one logit for each sample.

    Args:
        logits: float32 [N, 1].
        real: whether the samples are to be called real.
        target: the label of a real sample; below 1 it is one-sided label smoothing (Salimans et al. 2016). The label of a fake is 0.

    Returns:
        0-D float32 tensor, in nats.
    """
    label = paddle.full_like(logits, target if real else 0.0)
    return F.binary_cross_entropy_with_logits(logits, label)


def saturating_loss(logits: Tensor, real: bool = True) -> Tensor:
    """G's part of the minimax game: E log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1), which is flat where D is sure of the fakes.

    Args:
        logits: float32 [N, 1], of fakes. real: not used.

    Returns:
        0-D float32 tensor, in nats.
    """
    return -sigmoid_loss(logits, False)


def softmax_loss(logits: Tensor, real: bool, target: float = 1.0) -> Tensor:
    """Mean two-class softmax cross-entropy; class 1 is real.

    Args:
        logits: float32 [N, 2].
        real, target: as for `sigmoid_loss`.

    Returns:
        0-D float32 tensor, in nats.
    """
    # The same number as the sigmoid loss of the difference; Paddle's log_softmax stops at -64.
    return sigmoid_loss(logits[:, 1:] - logits[:, :1], real, target)


def squared_loss(logits: Tensor, real: bool, target: float = 1.0) -> Tensor:
    """Half the mean squared distance to the label (Mao et al. 2017, eq. 2 and 9: a = 0, b = c = 1).

    Args:
        logits: float32 [N, 1].
        real, target: as for `sigmoid_loss`.

    Returns:
        0-D float32 tensor.
    """
    return 0.5 * (logits - (target if real else 0.0)).square().mean()


def hinge_loss(logits: Tensor, real: bool) -> Tensor:
    """D's hinge loss: E max(0, 1 - D(x)) for reals, E max(0, 1 + D(G(z))) for fakes (Lim and Ye 2017; Miyato et al. 2018, eq. 16).

    G minimises `critic_loss(logits, real=True)` beside it, which has a slope where the hinge is flat.
    """
    return F.relu(1 - logits if real else 1 + logits).mean()


def critic_loss(logits: Tensor, real: bool) -> Tensor:
    """The critic's part of the Wasserstein distance: -E D(x) for reals, E D(G(z)) for fakes (Arjovsky et al. 2017, eq. 2 and 3)."""
    return -logits.mean() if real else logits.mean()


def relativistic_loss(logits: Tensor, others: Tensor, target: float = 1.0) -> Tensor:
    """Relativistic average (Jolicoeur-Martineau 2018, RaSGAN): `logits` are to exceed the mean of `others`, and the reverse.

    D passes (reals, fakes), G passes (fakes, reals); both are differentiated through both.

    Args:
        logits, others: float32 [N, 1], [M, 1].
        target: the label of `logits`; below 1 it is one-sided label smoothing.

    Returns:
        0-D float32 tensor: the sum of two sigmoid cross-entropies, in nats; 2 ln 2 where reals and fakes score alike.
    """
    return sigmoid_loss(logits - others.mean(), True, target) + sigmoid_loss(others - logits.mean(), False)


def paired_loss(logits: Tensor, others: Tensor) -> Tensor:
    """Relativistic pairing (RpGAN, Jolicoeur-Martineau 2018; Huang et al. 2024, arXiv:2501.05441, eq. 2): a logit exceeds its partner.

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


def clustering_loss(logits: Tensor, moved_logits: Tensor, balance: float = 2.0) -> Tensor:
    """How far images are from being sorted into categories: surely, equally often, and alike after a change that keeps what they show.

    The value is the cross-entropy of the readings of changed images with those of the images as they are, plus the mean entropy of a
    reading, minus `balance` times the entropy of the mean reading: the objective of Hu et al. 2017, arXiv:1702.08720, with λ = 1 and
    μ = `balance`.

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
