"""The classic step as one writes it from Paddle's own layers, with nothing set before the import: where the speed-up counts from.

A bias in every layer, both passes of fakes made anew and not detached, D's gradients computed in G's step.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict

import paddle
from paddle import nn
from paddle.nn import functional as F

from benchmarks.speed.inputs import PresetInputs
from paddle_gan_aug import runtime
from paddle_gan_aug.networks.generators import scaled
from paddle_gan_aug.networks.layers import ACTIVATIONS


class OriginalClassic:
    """Steps of the original; settings of D's normalisation and of the average are not followed."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = PresetInputs(job)
        config = self.inputs.config
        runtime.seed_paddle(0, "initial weights")
        self.g, self.d = plain_generator(config.generator), plain_discriminator(config.discriminator)
        beta1 = config.optimizer.beta1
        self.real_d = paddle.optimizer.Adam(config.optimizer.discriminator_lr, beta1=beta1, parameters=self.d.parameters())
        self.fake_d = paddle.optimizer.Adam(config.optimizer.discriminator_lr, beta1=beta1, parameters=self.d.parameters())
        self.learn_g = paddle.optimizer.Adam(config.optimizer.generator_lr, beta1=beta1, parameters=self.g.parameters())

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images and latents of `number`: {"ms", "losses"}."""
        began = time.perf_counter()
        real, _, latents = map(paddle.to_tensor, self.inputs.step(number))
        losses = [
            self._learn(self.real_d, self.d(real), 1.0),
            self._learn(self.fake_d, self.d(self.g(latents)), 0.0),
            self._learn(self.learn_g, self.d(self.g(latents)), 1.0),
        ]
        return {"ms": 1000 * (time.perf_counter() - began), "losses": [float(loss) for loss in losses]}

    def _learn(self, optimizer: Any, logits: Any, label: float) -> Any:
        loss = F.binary_cross_entropy_with_logits(logits, paddle.full_like(logits, label))
        loss.backward()
        optimizer.step()
        self.g.clear_gradients()
        self.d.clear_gradients()
        return loss.detach()


class Apply(nn.Layer):
    """A function as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def plain_generator(config: Any) -> nn.Sequential:
    features, maps, half = scaled(1024, config.width), scaled(128, config.width), scaled(64, config.width)
    act = Apply(ACTIVATIONS[config.activation or "leaky_relu"])
    layers = [nn.Linear(config.latent_dim, features), nn.BatchNorm1D(features), act]
    layers += [nn.Linear(features, maps * 49), nn.BatchNorm1D(maps * 49), act, Apply(lambda x: x.reshape([-1, maps, 7, 7]))]
    if config.variant == "transpose":
        layers += [nn.Conv2DTranspose(maps, half, 4, 2, 1), nn.BatchNorm2D(half), act, nn.Conv2DTranspose(half, 1, 4, 2, 1)]
    else:
        enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
        layers += [enlarge, nn.Conv2D(maps, half, 5, padding=2), nn.BatchNorm2D(half), act, enlarge, nn.Conv2D(half, 1, 5, padding=2)]
    return nn.Sequential(*layers, nn.Tanh())


def plain_discriminator(config: Any) -> nn.Sequential:
    features, maps, half = scaled(1024, config.width), scaled(128, config.width), scaled(64, config.width)
    act = Apply(ACTIVATIONS[config.activation])
    return nn.Sequential(
        *[nn.Conv2D(1, half, 3), act, nn.MaxPool2D(2, 2), nn.Conv2D(half, maps, 3), act, nn.MaxPool2D(2, 2)],
        *[nn.Flatten(), nn.Linear(maps * 25, features), act, nn.Linear(features, 1)],
    )
