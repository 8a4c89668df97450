"""Regularizers, which keep a discriminator smooth: weight clipping, gradient penalties and LeCam.

A penalty is a function (discriminator, real, fake, rng) -> 0-D tensor, to be multiplied by its weight and added to D's loss.
`discriminator` is any callable from images [N, C, H, W] to logits [N, 1], [N] or [N, 2] (of two, class 1 = real: the difference
counts). No gradient reaches the images that were passed in, hence none reaches G. The table of all penalties is `registry.PENALTIES`.

A penalty applied only every k-th step ("lazy", Karras et al. 2020, appendix B) must be multiplied by k (`lazy_factor`).

D must be twice differentiable (`double_grad.check_double_grad`). A batch normalisation in D is, but ties the samples of a batch
together, so that a sample's own gradient norm loses its meaning: take none, instance or spectral normalisation (Gulrajani et al. 2017,
section 4).
"""

from __future__ import annotations

from typing import Callable, Dict, Optional, Sequence

import numpy as np
import paddle
from paddle import Tensor, nn

from .. import processes
from .base import trainable
from .losses import score

TINY = 1e-12  # under a square root, whose derivative at 0 is infinite
Critic = Callable[[Tensor], Tensor]  # images [N, C, H, W] -> logits


@paddle.no_grad()
def clip_weights(network: nn.Layer, limit: float) -> None:
    """Set every trainable parameter to its nearest value in [-limit, limit], in place (Arjovsky et al. 2017: 0.01, after each D step)."""
    if limit <= 0:
        raise ValueError(f"the limit of the weights must be above 0, got {limit}")
    for parameter in trainable(network):
        parameter.clip_(-limit, limit)


def squared_gradient_norms(discriminator: Critic, images: Tensor) -> Tensor:
    """||d score / d image||² of each sample, over all its channels and pixels, [N]; differentiable by D's parameters."""
    images = leaf(images)
    return squared_norms_of(discriminator(images), images)


def leaf(images: Tensor) -> Tensor:
    """Return the images cut off from where they come from, for D's gradient with respect to them."""
    images = images.detach()
    images.stop_gradient = False
    return images


def squared_norms_of(logits: Tensor, images: Tensor) -> Tensor:
    """`squared_gradient_norms` of a pass that was made: `logits` are D's of the `leaf` images, [N, …]."""
    (gradient,) = paddle.grad(score(logits).sum(), [images], create_graph=True)
    return gradient.square().reshape([gradient.shape[0], -1]).sum(1)


def _distance_from_one(discriminator: Critic, images: Tensor) -> Tensor:
    return ((squared_gradient_norms(discriminator, images) + TINY).sqrt() - 1).square().mean()


def gradient_penalty(discriminator: Critic, real: Tensor, fake: Tensor, rng: np.random.Generator) -> Tensor:
    """E (||grad D(x)|| - 1)² at points between reals and fakes, one uniform share a pair (Gulrajani et al. 2017, eq. 3; weight 10).

    Raises:
        ValueError: real and fake differ in shape.
    """
    if list(real.shape) != list(fake.shape):
        raise ValueError(f"real and fake images must pair up, got {list(real.shape)} and {list(fake.shape)}")
    share = _uniform(rng, [real.shape[0], 1, 1, 1], real)
    return _distance_from_one(discriminator, real.detach() * share + fake.detach() * (1 - share))


def r1(discriminator: Critic, real: Tensor, fake: Optional[Tensor] = None, rng: Optional[np.random.Generator] = None) -> Tensor:
    """½ E ||grad D(x)||² at the reals (Mescheder et al. 2018, eq. 9; weight 10). `fake` and `rng` are not used."""
    return 0.5 * squared_gradient_norms(discriminator, real).mean()


def r1_r2(discriminator: Critic, real: Tensor, fake: Tensor, rng: Optional[np.random.Generator] = None) -> Tensor:
    """½ E ||grad D(x)||² at the reals plus the same at the fakes (Huang et al. 2024, eq. 3 and 4; weight γ). `rng` is not used.

    Its recipe differentiates by the images as they are before augmentation, through it, at every step of D: `discriminator` is then D
    behind the augmentation (`Penalty.before_view`).
    """
    return r1(discriminator, real) + r1(discriminator, fake)


def dragan(discriminator: Critic, real: Tensor, fake: Tensor, rng: np.random.Generator) -> Tensor:
    """E (||grad D(x)|| - 1)² around the reals (Kodali et al. 2017; weight 10). `fake` is not used.

    Around: x + a·u·½ std(reals), with a ~ U[0, 1) for each sample and u ~ U[0, 1) for each pixel.
    """
    real = real.detach()
    shift = _uniform(rng, real.shape, real) * _uniform(rng, [real.shape[0], 1, 1, 1], real)
    return _distance_from_one(discriminator, real + shift * (0.5 * real.std(unbiased=False)))


def _uniform(rng: np.random.Generator, shape: Sequence[int], like: Tensor) -> Tensor:
    return paddle.to_tensor(rng.random(shape), dtype=like.dtype)


def lazy_factor(step: int, interval: int) -> int:
    """The factor on a penalty at `step` (1 for the first): `interval` at the first of every `interval` steps, else 0 (skip it)."""
    return interval if (step - 1) % interval == 0 else 0


class LeCam:
    """LeCam regularisation for small data sets (Tseng et al. 2021): E (D(x) - a_fake)² + E (D(G(z)) - a_real)².

    a_real and a_fake are moving averages of D's mean score of reals and fakes; they begin at the first batch's.

    Args:
        decay: of the averages, in [0, 1).
    """

    def __init__(self, decay: float = 0.99) -> None:
        self.decay = decay
        self.real: Optional[float] = None
        self.fake: Optional[float] = None

    def update(self, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Take one step's logits into the averages."""
        for name, logits in (("real", real_logits), ("fake", fake_logits)):
            means = processes.together(np.array([float(score(logits.detach()).mean())]))
            mean, average = float(means.mean()), getattr(self, name)
            setattr(self, name, mean if average is None else self.decay * average + (1 - self.decay) * mean)

    def penalty(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The penalty, 0-D tensor, differentiable by the logits.

        Raises:
            ValueError: there was no `update` yet.
        """
        if self.real is None:
            raise ValueError("LeCam's averages are empty: call update first")
        return (score(real_logits) - self.fake).square().mean() + (score(fake_logits) - self.real).square().mean()

    def state(self) -> Dict[str, Optional[float]]:
        """The averages, as plain JSON."""
        return {"real": self.real, "fake": self.fake}

    def load_state(self, state: Dict[str, Optional[float]]) -> None:
        """Set what `state` returned."""
        self.real, self.fake = state["real"], state["fake"]
