"""This project's contenders."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

import paddle
from paddle import nn
from paddle.nn import functional as F
from safetensors.numpy import save_file

from benchmarks.speed.inputs import MLPInputs, PresetInputs
from benchmarks.speed.layers import median_ms
from benchmarks.speed.stopwatch import Stopwatch
from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.algorithms.base import clear_gradients, frozen, trainable
from paddle_gan_aug.networks.conditional import ConditionalBatchNorm
from paddle_gan_aug.networks.layers import Conv2D, UpConv2D, WeightNormLinear, gaussian_noises, leaky_relu
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import Callback


def matrix_rate(size: int = 2048, repeats: int = 7) -> float:
    """GFLOP/s of a large matrix product here and now: what a step of nothing but products would run at."""
    a, seconds = paddle.randn([size, size]), []
    for _ in range(repeats):
        began = time.perf_counter()
        paddle.matmul(a, a)
        seconds.append(time.perf_counter() - began)
    return 2e-9 * size**3 / statistics.median(seconds)


def multiply_adds(network: Any, shape: Sequence[int]) -> int:
    """Multiplications of one sample's forward pass through the products and convolutions of `network`, whose input is [N, *shape]."""
    found = []

    def count(layer: Any, inputs: Any, output: Any) -> None:
        if isinstance(layer, (nn.Linear, WeightNormLinear)):
            found.append(math.prod((layer.weight_v if isinstance(layer, WeightNormLinear) else layer.weight).shape))
        elif isinstance(layer, UpConv2D):
            found.append(math.prod(layer.weight.shape) * math.prod(inputs[0].shape[2:]))
        elif isinstance(layer, Conv2D):
            found.append(math.prod(layer.weight.shape) * math.prod(output.shape[2:]))

    hooks = [layer.register_forward_post_hook(count) for layer in network.sublayers()]
    network(paddle.zeros([2, *shape]))  # few enough that the layers are called one by one
    for hook in hooks:
        hook.remove()
    return sum(found)


STAGES = {  # methods of an algorithm -> the stage that their time counts for
    "learn_real": "D real",
    "learn_fake": "D fake",
    "learn_discriminator": "D",
    "learn_generator": "G",
}


class Preset:
    """Steps and images of a preset as `train` makes them.

    Args:
        job: {"config": a configuration's tree}.
    """

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = PresetInputs(job)
        runtime.seed_paddle(0, "initial weights")
        images = self.inputs.images
        self.algorithm = build(self.inputs.config, images.images.shape[1:], images.class_names)
        self.watch = Stopwatch()
        self.watch.wrap(self.inputs.batches, "batch", "data")
        for method, stage in STAGES.items():
            if hasattr(self.algorithm, method):
                self.watch.wrap(self.algorithm, method, stage)
        if self.algorithm.makes_images:
            self.watch.wrap(self.algorithm.generator, "forward", "G")
        for optimizer in self.algorithm.optimizers.values():
            self.watch.wrap(optimizer, "step", "optimizers")
        if getattr(self.algorithm, "average", None):
            self.watch.wrap(self.algorithm.average, "update", "average")

    def save_weights(self, to: str) -> None:
        save_file(self.algorithm.weights(), to)

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images and latents of `number`: {"ms", "stages", "losses"}."""
        with self.watch.stage("rest"):
            self.algorithm.begin_step(number, 1000)
            runtime.seed_paddle(0, "inside paddle", number)
            batch = self.inputs.batches.batch(number - 1)
            values = self.algorithm.step([batch], runtime.rng(0, "step", number))
        stages = self.watch.read()
        return {"ms": sum(stages.values()), "stages": stages, "losses": [float(values[name]) for name in self.algorithm.losses]}

    def generate(self, count: int) -> None:
        """Make `count` images in memory."""
        self.algorithm.sample(count, runtime.rng(0, "generation"))

    def limit(self) -> Dict[str, float]:
        """{"gflop": of a step of the classic GAN, "gflops": of a large product}.

        D runs forward three times, G once; gradients by weights and by inputs take as much again each, but for D's weights in G's step.
        """
        images = self.inputs.images.images.shape[1:]
        d = multiply_adds(self.algorithm.discriminator, images)
        g = multiply_adds(self.algorithm.generator, [self.algorithm.latent_dim])
        batch = self.inputs.config.train.batch_size
        return {"gflop": 2e-9 * batch * (8 * d + 3 * g), "gflops": matrix_rate()}


class SemiSupervisedMLP:
    """The step of the feature-matching GAN on MNIST (Salimans et al. 2016), D with weight normalisation and noise, batch 3×100 + 2×100."""

    def __init__(self, job: Dict[str, Any]) -> None:
        runtime.seed_paddle(0, "initial weights")
        self.inputs = MLPInputs()
        self.d, self.g = SemiSupervisedD(), FlatG()
        self.optimizers = {network: paddle.optimizer.Adam(0.003, beta1=0.5, parameters=trainable(network)) for network in (self.d, self.g)}
        self.watch = Stopwatch()
        self.watch.wrap(self.inputs, "step", "data")
        self.watch.wrap(self.d, "noises", "noise")
        self.watch.wrap(self.d, "features", "D forward")
        self.watch.wrap(self.g, "forward", "G forward")
        for optimizer in self.optimizers.values():
            self.watch.wrap(optimizer, "step", "optimizers")
        self.watch.wrap(self, "_learn", "backward")

    def save_weights(self, to: str) -> None:
        networks = {"d": self.d, "g": self.g}
        save_file({f"{name}/{key}": value.numpy() for name, net in networks.items() for key, value in net.state_dict().items()}, to)

    def set_noise(self, on: bool) -> None:
        """Without noise the two frameworks can be held against each other."""
        self.d.train() if on else self.d.eval()

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images and latents of `number`: {"ms", "stages", "losses"}."""
        with self.watch.stage("rest"):
            losses = self._step(number)
        stages = self.watch.read()
        return {"ms": sum(stages.values()), "stages": stages, "losses": losses}

    def _step(self, number: int) -> Any:
        arrays = self.inputs.step(number)
        labelled, labels, unlabelled, unlabelled2, latents, latents2 = map(paddle.to_tensor, arrays)
        with paddle.no_grad():
            fake = self.g(latents)
        logits = self.d(paddle.concat([labelled, unlabelled, fake]))
        evidence = paddle.logsumexp(logits, axis=1)
        on_labelled = F.cross_entropy(logits[:100], labels)
        on_unlabelled = (F.softplus(evidence[100:200]) - evidence[100:200] + F.softplus(evidence[200:])).mean() / 2
        self._learn(self.d, on_labelled + on_unlabelled)
        with paddle.no_grad():
            real_features = self.d.features(unlabelled2).mean(0)
        with frozen(self.d):
            matching = (self.d.features(self.g(latents2)).mean(0) - real_features).square().mean()
            self._learn(self.g, matching)
        return [float(on_labelled), float(on_unlabelled), float(matching)]

    def limit(self) -> Dict[str, float]:
        """See `Preset.limit`: D learns from 300 samples and reads 200 more, G makes 200 and learns from 100."""
        d, g = multiply_adds(self.d, [784]), multiply_adds(self.g, [100])
        return {"gflop": 2e-9 * (d * (3 * 300 + 2 * 100 + 100) + g * (200 + 2 * 100)), "gflops": matrix_rate()}

    def _learn(self, network: Any, loss: Any) -> Any:
        loss.backward()
        self.optimizers[network].step()
        clear_gradients(network)


class SemiSupervisedD(nn.Layer):
    """784-1000-500-250-250-250-10, weight-normalised, with Gaussian noise before each layer."""

    SIZES = (784, 1000, 500, 250, 250, 250, 10)
    STDS = (0.3, 0.5, 0.5, 0.5, 0.5, 0.5)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LayerList([WeightNormLinear(a, b, train_scale=b == 10) for a, b in zip(self.SIZES, self.SIZES[1:])])

    def noises(self, count: int, layers: Any) -> Any:
        """What the first `layers` layers' inputs of `count` samples get."""
        return gaussian_noises(self.STDS[:layers], [[count, size] for size in self.SIZES[:layers]]) if self.training else [0.0] * layers

    def features(self, x: Any, noises: Any = None) -> Any:
        for layer, noise in zip(self.layers[:-1], noises or self.noises(len(x), len(self.layers) - 1)):
            x = F.relu(layer(x + noise))
        return x

    def forward(self, x: Any) -> Any:
        noises = self.noises(len(x), len(self.layers))
        return self.layers[-1](self.features(x, noises) + noises[-1])


class FlatG(nn.Layer):
    """100-500-500-784 with BatchNorm and softplus, sigmoid output."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(100, 500, bias_attr=False), nn.BatchNorm1D(500)
        self.fc2, self.bn2 = nn.Linear(500, 500, bias_attr=False), nn.BatchNorm1D(500)
        self.fc3 = WeightNormLinear(500, 784, train_scale=False)

    def forward(self, latents: Any) -> Any:
        h = F.softplus(self.bn1(self.fc1(latents)))
        return F.sigmoid(self.fc3(F.softplus(self.bn2(self.fc2(h)))))


class WholeRun(Callback):
    """A run as `train` makes it, records and grids and all: when its first step is done, and what the callbacks take."""

    def __init__(self, job: Dict[str, Any]) -> None:
        self.job = job

    def train(self, steps: int) -> Dict[str, Any]:
        """{"first_step_seconds" since the process was asked for, "step_ms", "shares": of the training time by callback}."""
        with tempfile.TemporaryDirectory() as folder:
            places = {"output": Path(folder, "output"), "log": Path(folder, "log")}
            train(self.job["config"]["preset"], **places, overrides={**self.job["overrides"], "train.steps": steps}, callbacks=[self])
        total = time.perf_counter() - self.progress.started
        return {
            "first_step_seconds": self.first_step - self.job["launched"],
            "step_ms": 1000 * total / steps,
            "shares": {name: seconds / total for name, seconds in self.progress.spent.items()},
        }

    def on_step(self, progress: Any) -> None:
        if progress.step == 1:
            self.first_step, self.progress = time.time(), progress


class Layers:
    """Single layers, as this project's networks have them."""

    def __init__(self, job: Dict[str, Any]) -> None:
        runtime.seed_paddle(0, "layers")

    def time(self, kind: str, arguments: List[int], shape: List[int], wanted: bool) -> Dict[str, float]:
        """{"forward", "both"}: milliseconds of a pass, and of a pass with its gradients (of x too, if `wanted`)."""
        layer = getattr(self, kind)(shape[0], *arguments)
        x = paddle.randn(shape)
        x.stop_gradient = not wanted
        gradient = paddle.randn(layer(x).shape)

        def both() -> None:
            layer(x).backward(gradient)
            x.clear_gradient()

        return {"forward": median_ms(lambda: layer(x)), "both": median_ms(both)}

    def linear(self, batch: int, inputs: int, outputs: int) -> Any:
        return nn.Linear(inputs, outputs, bias_attr=False)

    def conv(self, batch: int, inputs: int, outputs: int, size: int, stride: int) -> Any:
        return Conv2D(inputs, outputs, size, 1, stride=stride)

    def up(self, batch: int, inputs: int, outputs: int) -> Any:
        return UpConv2D(inputs, outputs, bias=False)

    def leaky_relu(self, batch: int) -> Any:
        return leaky_relu

    def conditional_norm(self, batch: int, features: int) -> Any:
        labels = paddle.arange(batch) % 10
        norms = {axes: ConditionalBatchNorm(features, 10, axes) for axes in (2, 4)}
        return lambda x: norms[x.ndim](x, labels)
