"""The same steps in PyTorch, written as PyTorch's users write them.

Everything that is a matter of the step, not of a framework, is as in this project: fakes made once and detached, no bias
before BatchNorm, no weight gradients of D in G's step, fused Adam.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.speed.inputs import MLPInputs, PresetInputs
from benchmarks.speed.layers import median_ms
from benchmarks.speed.pytorch_networks import (
    CLASSIFIERS,
    ClassicDiscriminator,
    ClassicGenerator,
    ConditionalBatchNorm,
    DoublingGenerator,
    FlatG,
    HeadedDiscriminator,
    SemiSupervisedD,
    load_paddle,
    read_paddle,
)
from benchmarks.speed.pytorch_residual import ResidualGenerator
from paddle_gan_aug import runtime

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def process() -> Dict[str, Any]:
    """What the peer's process is like."""
    return {"pytorch": torch.__version__, "threads": torch.get_num_threads()}


class GAN:
    """What the steps of all GANs have in common.

    Args:
        job: {"config": a configuration's tree, "layout": a name in `LAYOUTS`, "compiled": whether torch.compile makes the networks faster,
            "weights": the other contender's file}.
    """

    generator: Any
    discriminator: Any

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = PresetInputs(job)
        config = self.config = self.inputs.config
        self.layout = LAYOUTS[job["layout"]]
        g_weights, d_weights = read_paddle(job["weights"], "generator"), read_paddle(job["weights"], "discriminator")
        made = [self.generator(config.generator, g_weights), self.generator(config.generator, g_weights)]
        made.append(self.discriminator(config.discriminator, d_weights))
        for network, weights in zip(made, (g_weights, g_weights, d_weights)):
            load_paddle(network, weights)
        self.g, self.average, self.d = (network.to(memory_format=self.layout) for network in made)
        self.average.eval().requires_grad_(False)
        self.add_optimizers({"betas": (config.optimizer.beta1, config.optimizer.beta2), "fused": True})
        self.make, self.judge = (torch.compile(self.g), torch.compile(self.d)) if job.get("compiled") else (self.g, self.d)

    def add_optimizers(self, options: Dict[str, Any]) -> None:
        """One for each loss."""
        raise NotImplementedError

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images, labels and latents of `number`: {"ms", "losses"}."""
        began = time.perf_counter()
        images, labels, latents = map(torch.from_numpy, self.inputs.step(number))
        losses = self.learn(images.to(memory_format=self.layout), labels, latents)
        self._move_average(number)
        losses = [loss.item() for loss in losses]
        return {"ms": 1000 * (time.perf_counter() - began), "losses": losses}

    def learn(self, real: Any, labels: Any, latents: Any) -> Any:
        """The losses of one step of D and one of G."""
        raise NotImplementedError

    @torch.no_grad()
    def _move_average(self, step: int) -> None:
        decay = min(self.config.generator.ema, (1 + step) / (10 + step))
        averaged = [value for value in self.average.state_dict().values() if value.is_floating_point()]
        current = [value for value in self.g.state_dict().values() if value.is_floating_point()]
        torch._foreach_lerp_(averaged, current, 1 - decay)


class Classic(GAN):
    """Steps and images of the classic GAN."""

    generator, discriminator = ClassicGenerator, ClassicDiscriminator

    def add_optimizers(self, options: Dict[str, Any]) -> None:
        rates = self.config.optimizer
        self.real_d = torch.optim.Adam(self.d.parameters(), rates.discriminator_lr, **options)
        self.fake_d = torch.optim.Adam(self.d.parameters(), rates.discriminator_lr, **options)
        self.learn_g = torch.optim.Adam(self.g.parameters(), rates.generator_lr, **options)

    def learn(self, real: Any, labels: Any, latents: Any) -> Any:
        real_loss, real_logits = self._learn(self.real_d, real, 1.0)
        fake = self.make(latents)
        fake_loss, fake_logits = self._learn(self.fake_d, fake.detach(), 0.0)
        self.d.requires_grad_(False)
        g_loss, _ = self._learn(self.learn_g, fake, 1.0)
        self.d.requires_grad_(True)
        _scores = torch.sigmoid(real_logits.detach()).mean(), torch.sigmoid(fake_logits.detach()).mean()
        return real_loss, fake_loss, g_loss

    def _learn(self, optimizer: Any, images: Any, label: float) -> Any:
        optimizer.zero_grad(set_to_none=True)
        logits = self.judge(images)
        loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        loss.backward()
        optimizer.step()
        return loss.detach(), logits

    @torch.inference_mode()
    def generate(self, count: int, batch_size: int = 500) -> None:
        """Make `count` images in memory."""
        latents = torch.from_numpy(self.inputs.latents(count, runtime.rng(0, "generation")))
        for batch in latents.split(batch_size):
            self.average(batch).numpy()


class Adversarial(GAN):
    """GANs with one optimizer for D and one for G."""

    def add_optimizers(self, options: Dict[str, Any]) -> None:
        rates = self.config.optimizer
        self.learn_d = torch.optim.Adam(self.d.parameters(), rates.discriminator_lr, **options)
        self.learn_g = torch.optim.Adam(self.g.parameters(), rates.generator_lr, **options)


class Projection(Adversarial):
    """Steps of `sngan-projection`: hinge loss, both networks told the class."""

    generator, discriminator = DoublingGenerator, HeadedDiscriminator

    def learn(self, real: Any, labels: Any, latents: Any) -> Any:
        fake = self.make(latents, labels)
        self.learn_d.zero_grad(set_to_none=True)
        real_logits = self.judge(real, labels)
        real_loss = F.relu(1 - real_logits).mean()
        real_loss.backward()  # before the next pass, which changes the vectors of spectral normalisation in place
        fake_logits = self.judge(fake.detach(), labels)
        fake_loss = F.relu(1 + fake_logits).mean()
        fake_loss.backward()
        self.learn_d.step()
        _scores = real_logits.detach().mean(), fake_logits.detach().mean()
        self.d.requires_grad_(False)
        self.learn_g.zero_grad(set_to_none=True)
        g_loss = -self.judge(fake, labels).mean()
        g_loss.backward()
        self.learn_g.step()
        self.d.requires_grad_(True)
        return real_loss, fake_loss, g_loss


class Paired(Adversarial):
    """Steps of `r3gan` and `r3gan-projection`: the paired relativistic loss, and a penalty on D's gradient at reals and fakes.

    Where there are labels, the partner of a real shows its class. torch.compile does not differentiate twice: D's step stays as it is.
    """

    generator, discriminator = ResidualGenerator, HeadedDiscriminator

    def learn(self, real: Any, labels: Any, latents: Any) -> Any:
        fake = self.make(latents, labels)
        self.learn_d.zero_grad(set_to_none=True)
        images = torch.cat([real, fake.detach()]).requires_grad_()
        real_logits, fake_logits = (logits := self.d(images, torch.cat([labels, labels]))).chunk(2)
        d_loss = F.softplus(fake_logits - real_logits).mean()
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        penalty = gradient.square().sum() / len(images)  # ½ · the mean at reals + ½ · the mean at fakes
        (d_loss + self.config.regularizer.weight * penalty).backward()
        self.learn_d.step()
        _scores = real_logits.detach().mean(), fake_logits.detach().mean()
        self.d.requires_grad_(False)
        self.learn_g.zero_grad(set_to_none=True)
        g_loss = F.softplus(self.judge(real, labels) - self.judge(fake, labels)).mean()
        g_loss.backward()
        self.learn_g.step()
        self.d.requires_grad_(True)
        return d_loss, g_loss


class Classifier:
    """Steps of a classifier; `job` as for `GAN`."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = PresetInputs(job)
        config, self.layout = self.inputs.config, LAYOUTS[job["layout"]]
        weights = read_paddle(job["weights"], "classifier")
        network = CLASSIFIERS[config.classifier.architecture](weights)
        load_paddle(network, weights)
        network = network.to(memory_format=self.layout)
        betas = config.optimizer.beta1, config.optimizer.beta2
        self.optimizer = torch.optim.Adam(network.parameters(), config.optimizer.classifier_lr, betas=betas, fused=True)
        self.read = torch.compile(network) if job.get("compiled") else network

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images of `number`: {"ms", "losses"}."""
        began = time.perf_counter()
        images, labels, _ = map(torch.from_numpy, self.inputs.step(number))
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.read(images.to(memory_format=self.layout))
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        self.optimizer.step()
        _accuracy = (logits.argmax(1) == labels).float().mean()
        losses = [loss.item()]
        return {"ms": 1000 * (time.perf_counter() - began), "losses": losses}


class SemiSupervisedMLP:
    """See the contender of the same name in Paddle."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = MLPInputs()
        self.d, self.g = SemiSupervisedD(), FlatG()
        load_paddle(self.d, read_paddle(job["weights"], "d"))
        load_paddle(self.g, read_paddle(job["weights"], "g"))
        self.optimizers = {}
        for network in (self.d, self.g):
            learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
            self.optimizers[network] = torch.optim.Adam(learning, 0.003, betas=(0.5, 0.999), fused=True)

    def set_noise(self, on: bool) -> None:
        self.d.train(on)

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images and latents of `number`: {"ms", "losses"}."""
        began = time.perf_counter()
        labelled, labels, unlabelled, unlabelled2, latents, latents2 = map(torch.from_numpy, self.inputs.step(number))
        with torch.no_grad():
            fake = self.g(latents)
        logits = self.d(torch.cat([labelled, unlabelled, fake]))
        evidence = torch.logsumexp(logits, 1)
        on_labelled = F.cross_entropy(logits[:100], labels)
        on_unlabelled = (F.softplus(evidence[100:200]) - evidence[100:200] + F.softplus(evidence[200:])).mean() / 2
        self._learn(self.d, on_labelled + on_unlabelled)
        with torch.no_grad():
            real_features = self.d.features(unlabelled2).mean(0)
        learning = [parameter for parameter in self.d.parameters() if parameter.requires_grad]
        for parameter in learning:
            parameter.requires_grad_(False)
        matching = (self.d.features(self.g(latents2)).mean(0) - real_features).square().mean()
        self._learn(self.g, matching)
        for parameter in learning:
            parameter.requires_grad_(True)
        losses = [loss.item() for loss in (on_labelled, on_unlabelled, matching)]
        return {"ms": 1000 * (time.perf_counter() - began), "losses": losses}

    def _learn(self, network: Any, loss: Any) -> Any:
        self.optimizers[network].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[network].step()


class Layers:
    """See the contender of the same name in Paddle; `job` has a layout."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.layout = LAYOUTS[job["layout"]]

    def time(self, kind: str, arguments: List[int], shape: List[int], wanted: bool) -> Dict[str, float]:
        layer = getattr(self, kind)(shape[0], *arguments)
        form = {"memory_format": self.layout} if len(shape) == 4 else {}
        if isinstance(layer, nn.Module):
            layer = layer.to(**form) if form else layer
        x = torch.randn(shape).to(**form) if form else torch.randn(shape)
        x.requires_grad_(wanted)
        gradient = torch.randn_like(layer(x))

        def both() -> None:
            layer(x).backward(gradient)
            x.grad = None

        return {"forward": median_ms(lambda: layer(x)), "both": median_ms(both)}

    def linear(self, batch: int, inputs: int, outputs: int) -> Any:
        return nn.Linear(inputs, outputs, bias=False)

    def conv(self, batch: int, inputs: int, outputs: int, size: int, stride: int) -> Any:
        return nn.Conv2d(inputs, outputs, size, stride, 1)

    def up(self, batch: int, inputs: int, outputs: int) -> Any:
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)

    def leaky_relu(self, batch: int) -> Any:
        return lambda x: F.leaky_relu(x, 0.2)

    def conditional_norm(self, batch: int, features: int) -> Any:
        labels = torch.arange(batch) % 10
        tables = {f"norm.{name}.weight": np.ones((10, features), np.float32) for name in ("scale", "shift")}
        norms = {axes: ConditionalBatchNorm(tables, "norm", kind) for axes, kind in ((2, nn.BatchNorm1d), (4, nn.BatchNorm2d))}
        return lambda x: norms[x.ndim](x, labels)
