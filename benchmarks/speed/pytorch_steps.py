"""The same networks and steps in PyTorch, written as PyTorch's users write them.

Everything that is a matter of the step, not of a framework, is as in this project: fakes made once and detached, no bias
before BatchNorm, no weight gradients of D in G's step, fused Adam.
"""

from __future__ import annotations

import time
from typing import Any, Dict

import torch
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from benchmarks.speed.inputs import ClassicInputs, MLPInputs
from paddle_gan_aug import runtime

ACTIVATIONS = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh()}


def process() -> Dict[str, Any]:
    """What the peer's process is like."""
    return {"pytorch": torch.__version__, "threads": torch.get_num_threads()}


def linear(weight: Any, bias: bool = True) -> Any:
    """A Linear layer as large as one of Paddle's weights, [in, out]."""
    return nn.Linear(*weight.shape, bias=bias)


class Generator(nn.Module):
    """G of the classic GAN, as large as the weights `w`."""

    def __init__(self, config: Any, w: Any) -> None:
        super().__init__()
        self.variant, self.activation = config.variant, ACTIVATIONS[config.activation]
        self.fc1, self.bn1 = linear(w["fc1.weight"], bias=False), nn.BatchNorm1d(w["fc1.weight"].shape[1])
        self.fc2, self.bn2 = linear(w["fc2.weight"], bias=False), nn.BatchNorm1d(w["fc2.weight"].shape[1])
        self.maps = w["fc2.weight"].shape[1] // 49
        half = w["bn3.weight"].shape[0]
        self.bn3 = nn.BatchNorm2d(half)
        if config.variant == "transpose":
            self.conv1 = nn.ConvTranspose2d(self.maps, half, 4, 2, 1, bias=False)
            self.conv2 = nn.ConvTranspose2d(half, 1, 4, 2, 1)
        else:
            self.conv1 = nn.Conv2d(self.maps, half, 5, padding=2, bias=False)
            self.conv2 = nn.Conv2d(half, 1, 5, padding=2)

    def forward(self, latents: Any) -> Any:
        h = self.activation(self.bn1(self.fc1(latents)))
        h = self.activation(self.bn2(self.fc2(h))).reshape(-1, self.maps, 7, 7)
        h = self.activation(self.bn3(self.conv1(self.enlarge(h))))
        return torch.tanh(self.conv2(self.enlarge(h)))

    def enlarge(self, h: Any) -> Any:
        return h if self.variant == "transpose" else F.interpolate(h, scale_factor=2, mode="bilinear")


class ConvPool(nn.Module):
    """Convolution, activation and max-pool."""

    def __init__(self, weight: Any, activation: Any, pool: Any) -> None:
        super().__init__()
        self.conv, self.activation, self.pool = nn.Conv2d(weight.shape[1], weight.shape[0], 3), activation, pool

    def forward(self, x: Any) -> Any:
        return self.pool(self.activation(self.conv(x)))


class Discriminator(nn.Module):
    """D of the classic GAN without normalisation, as large as the weights `w`."""

    def __init__(self, config: Any, w: Any) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.block1 = ConvPool(w["block1.conv.weight"], self.activation, nn.MaxPool2d(2))
        self.block2 = ConvPool(w["block2.conv.weight"], self.activation, nn.MaxPool2d(3 if config.see_edges else 2, 2))
        self.fc1, self.fc2 = linear(w["fc1.weight"]), linear(w["fc2.weight"])

    def forward(self, images: Any) -> Any:
        return self.fc2(self.activation(self.fc1(self.block2(self.block1(images)).flatten(1))))


def read_paddle(path: str, network: Any) -> Any:
    """The arrays of one of Paddle's networks in a weights file."""
    return {key[len(network) + 1 :]: array for key, array in load_file(path).items() if key.startswith(network + "/")}


def load_paddle(network: Any, arrays: Dict[str, Any]) -> None:
    """Give `network` Paddle's weights: Linear is [in, out] there, and a few names differ."""
    names = {
        "_mean": "running_mean",
        "_variance": "running_var",
        "weight_g": "parametrizations.weight.original0",
        "weight_v": "parametrizations.weight.original1",
    }
    state = {}
    for key, array in arrays.items():
        owner, _, last = key.rpartition(".")
        if owner.startswith("block") and last == "bias":
            owner += ".conv"
        array = array[:, None] if last == "weight_g" else array.T if array.ndim == 2 else array
        state[f"{owner}.{names.get(last, last)}"] = torch.from_numpy(array.copy())
    missing, superfluous = network.load_state_dict(state, strict=False)
    assert not superfluous and all(key.endswith("num_batches_tracked") for key in missing), (missing, superfluous)


class Classic:
    """Steps and images of the classic GAN.

    Args:
        job: {"config": a configuration's tree, "layout": "contiguous" or "channels_last", "weights": the other contender's file}.
    """

    def __init__(self, job: Dict[str, Any]) -> None:
        self.inputs = ClassicInputs(job)
        config = self.inputs.config
        self.layout = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[job["layout"]]
        g_weights, d_weights = read_paddle(job["weights"], "generator"), read_paddle(job["weights"], "discriminator")
        self.g, self.average = (Generator(config.generator, g_weights).to(memory_format=self.layout) for _ in range(2))
        self.d = Discriminator(config.discriminator, d_weights).to(memory_format=self.layout)
        for network, weights in ((self.g, g_weights), (self.average, g_weights), (self.d, d_weights)):
            load_paddle(network, weights)
        self.average.eval().requires_grad_(False)
        options = {"betas": (config.optimizer.beta1, config.optimizer.beta2), "fused": True}
        self.real_d = torch.optim.Adam(self.d.parameters(), config.optimizer.discriminator_lr, **options)
        self.fake_d = torch.optim.Adam(self.d.parameters(), config.optimizer.discriminator_lr, **options)
        self.learn_g = torch.optim.Adam(self.g.parameters(), config.optimizer.generator_lr, **options)

    def step(self, number: int) -> Dict[str, Any]:
        """One step on the images and latents of `number`: {"ms", "losses"}."""
        began = time.perf_counter()
        real, latents = map(torch.from_numpy, self.inputs.step(number))
        real = real.to(memory_format=self.layout)
        real_loss, real_logits = self._learn(self.real_d, real, 1.0)
        fake = self.g(latents)
        fake_loss, fake_logits = self._learn(self.fake_d, fake.detach(), 0.0)
        self.d.requires_grad_(False)
        g_loss, _ = self._learn(self.learn_g, fake, 1.0)
        self.d.requires_grad_(True)
        self._move_average(number)
        _scores = torch.sigmoid(real_logits.detach()).mean(), torch.sigmoid(fake_logits.detach()).mean()
        losses = [loss.item() for loss in (real_loss, fake_loss, g_loss)]
        return {"ms": 1000 * (time.perf_counter() - began), "losses": losses}

    def _learn(self, optimizer: Any, images: Any, label: float) -> Any:
        optimizer.zero_grad(set_to_none=True)
        logits = self.d(images)
        loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        loss.backward()
        optimizer.step()
        return loss.detach(), logits

    @torch.no_grad()
    def _move_average(self, step: int) -> None:
        decay = min(self.inputs.config.generator.ema, (1 + step) / (10 + step))
        averaged = [value for value in self.average.state_dict().values() if value.is_floating_point()]
        current = [value for value in self.g.state_dict().values() if value.is_floating_point()]
        torch._foreach_lerp_(averaged, current, 1 - decay)

    @torch.inference_mode()
    def generate(self, count: int, batch_size: int = 500) -> None:
        """Make `count` images in memory."""
        latents = torch.from_numpy(self.inputs.latents(count, runtime.rng(0, "generation")))
        for batch in latents.split(batch_size):
            self.average(batch).numpy()


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


class Noise(nn.Module):
    """Gaussian noise in training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Any) -> Any:
        return x + torch.randn_like(x) * self.std if self.training else x


class SemiSupervisedD(nn.Module):
    """784-1000-500-250-250-250-10, weight-normalised, with Gaussian noise before each layer."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [784, 1000, 500, 250, 250, 250, 10]
        self.layers = nn.ModuleList([weight_norm(nn.Linear(a, b)) for a, b in zip(sizes, sizes[1:])])
        for layer in self.layers[:-1]:
            layer.parametrizations.weight.original0.requires_grad_(False)
        self.noises = nn.ModuleList([Noise(0.3), *[Noise(0.5) for _ in sizes[2:]]])

    def features(self, x: Any) -> Any:
        for noise, layer in zip(self.noises[:-1], self.layers[:-1]):
            x = F.relu(layer(noise(x)))
        return x

    def forward(self, x: Any) -> Any:
        return self.layers[-1](self.noises[-1](self.features(x)))


class FlatG(nn.Module):
    """100-500-500-784 with BatchNorm and softplus, sigmoid output."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(100, 500, bias=False), nn.BatchNorm1d(500)
        self.fc2, self.bn2 = nn.Linear(500, 500, bias=False), nn.BatchNorm1d(500)
        self.fc3 = weight_norm(nn.Linear(500, 784))
        self.fc3.parametrizations.weight.original0.requires_grad_(False)

    def forward(self, latents: Any) -> Any:
        h = F.softplus(self.bn1(self.fc1(latents)))
        return torch.sigmoid(self.fc3(F.softplus(self.bn2(self.fc2(h)))))
