"""The measured networks in PyTorch, written as PyTorch's users write them, each as large as Paddle's weights `w` that it is given.

Attributes have the names of this project's networks, so that `load_paddle` finds their weights.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import torch
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm  # which iterates in Paddle's order, unlike the one of torch.nn.utils.parametrizations
from torch.nn.utils.parametrizations import weight_norm

Arrays = Dict[str, Any]
ACTIVATIONS = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh()}
STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}
WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
PRODUCTS = {"kernel": "weight", "scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}  # residual layers
TOLD = {"scale": "scale.weight", "shift": "shift.weight", "mean": "norm.running_mean", "variance": "norm.running_var"}  # the class, too


def read_paddle(path: str, network: str) -> Arrays:
    """The arrays of one of Paddle's networks in a weights file."""
    return {key[len(network) + 1 :]: array for key, array in load_file(path).items() if key.startswith(network + "/")}


def load_paddle(network: nn.Module, arrays: Arrays) -> None:
    """Give `network` Paddle's weights: a Linear's is [in, out] there, kernels that are products have fewer axes, a few names differ."""
    layers, own, state = dict(network.named_modules()), network.state_dict(), {}
    for key, array in arrays.items():
        owner, _, last = key.rpartition(".")
        if isinstance(layers[owner], ConvPool):
            owner += ".conv"
        layer = layers[owner]
        names = {**STATISTICS, **(TOLD if isinstance(layer, ConditionalBatchNorm) else PRODUCTS)}
        names.update(WEIGHT_NORM if hasattr(layer, "parametrizations") else {})
        if array.ndim == 2 and isinstance(layer, nn.Linear):
            array = array.T
        elif last == "kernel" and isinstance(layer, nn.ConvTranspose2d):
            array = array.reshape(*layer.kernel_size, layer.out_channels, -1).transpose(3, 2, 0, 1)
        name = f"{owner}.{names.get(last, last)}" if owner else last
        state[name] = torch.from_numpy(array.copy()).reshape(own[name].shape)
    missing, superfluous = network.load_state_dict(state, strict=False)
    assert not superfluous and all(key.endswith("num_batches_tracked") for key in missing), (missing, superfluous)


def shape_of(w: Arrays, layer: str) -> Sequence[int]:
    """The shape of a layer's weight, with spectral normalisation or without; of the residual networks', whatever it is called."""
    return next(w[name].shape for name in (f"{layer}.weight_orig", f"{layer}.weight", f"{layer}.kernel", layer) if name in w)


def linear(w: Arrays, layer: str) -> nn.Module:
    """The Linear layer `layer`, whose weight is [in, out]."""
    return _normed(w, layer, nn.Linear(*shape_of(w, layer), bias=f"{layer}.bias" in w))


def conv(w: Arrays, layer: str, stride: int = 1, padding: int = 0, bias: Optional[bool] = None) -> nn.Module:
    """The convolution `layer`, whose weight is [out, in, k, k]."""
    outputs, inputs, size, _ = shape_of(w, layer)
    return _normed(w, layer, nn.Conv2d(inputs, outputs, size, stride, padding, bias=f"{layer}.bias" in w if bias is None else bias))


def _normed(w: Arrays, layer: str, made: nn.Module) -> nn.Module:
    return spectral_norm(made) if f"{layer}.weight_orig" in w else made


def batch_norm2d(w: Arrays, layer: str) -> nn.Module:
    """The BatchNorm `layer` of maps."""
    return nn.BatchNorm2d(len(w[f"{layer}.weight"]))


# ---- the classic GAN ---------------------------------------------------------------------------------------------------


class ClassicGenerator(nn.Module):
    """G of the classic GAN."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        self.variant, self.activation = (
            config.variant,
            ACTIVATIONS[config.activation or {"transpose": "leaky_relu"}.get(config.variant, "tanh")],
        )
        self.fc1, self.bn1 = linear(w, "fc1"), nn.BatchNorm1d(shape_of(w, "fc1")[1])
        self.fc2, self.bn2 = linear(w, "fc2"), nn.BatchNorm1d(shape_of(w, "fc2")[1])
        self.maps = shape_of(w, "fc2")[1] // 49
        self.bn3 = batch_norm2d(w, "bn3")
        half = len(w["bn3.weight"])
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

    def __init__(self, w: Arrays, layer: str, activation: Any, pool: Any) -> None:
        super().__init__()
        self.conv, self.activation, self.pool = conv(w, f"{layer}.conv", bias=True), activation, pool

    def forward(self, x: Any) -> Any:
        return self.pool(self.activation(self.conv(x)))


class ClassicDiscriminator(nn.Module):
    """D of the classic GAN, without batch normalisation."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        self.activation, self.minibatch_std = ACTIVATIONS[config.activation], config.minibatch_std
        self.block1 = ConvPool(w, "block1", self.activation, nn.MaxPool2d(2))
        self.block2 = ConvPool(w, "block2", self.activation, nn.MaxPool2d(3 if config.see_edges else 2, 2))
        self.fc1, self.fc2 = linear(w, "fc1"), linear(w, "fc2")

    def forward(self, images: Any) -> Any:
        h = self.block2(self.block1(images))
        if self.minibatch_std:
            deviation = (h.var(0, unbiased=False) + 1e-8).sqrt().mean()
            h = torch.cat([h, deviation.reshape(1, 1, 1, 1).expand(len(h), 1, *h.shape[2:])], 1)
        return self.fc2(self.activation(self.fc1(h.flatten(1))))


# ---- DCGAN networks with a class ---------------------------------------------------------------------------------------


class ConditionalBatchNorm(nn.Module):
    """BatchNorm whose scale and shift belong to the class."""

    def __init__(self, w: Arrays, layer: str, kind: Any) -> None:
        super().__init__()
        classes, features = shape_of(w, f"{layer}.scale")
        self.norm = kind(features, affine=False)
        self.scale, self.shift = nn.Embedding(classes, features), nn.Embedding(classes, features)

    def forward(self, x: Any, labels: Any) -> Any:
        shape = (len(x), -1, *[1] * (x.ndim - 2))
        return self.norm(x) * self.scale(labels).view(shape) + self.shift(labels).view(shape)


class DoublingGenerator(nn.Module):
    """G of DCGAN with conditional BatchNorm: a Linear layer, transposed convolutions of stride 2, a convolution at full size."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation or "leaky_relu"]
        self.dense = nn.ModuleList([linear(w, "dense.0")])
        self.dense_norms = nn.ModuleList([ConditionalBatchNorm(w, "dense_norms.0", nn.BatchNorm1d)])
        doublings = sum(key.startswith("norms.") and key.endswith("scale.weight") for key in w)
        self.norms = nn.ModuleList([ConditionalBatchNorm(w, f"norms.{i}", nn.BatchNorm2d) for i in range(doublings)])
        ups = [nn.ConvTranspose2d(*shape_of(w, f"convs.{i}")[:2], 4, 2, 1, bias=False) for i in range(doublings)]
        self.convs = nn.ModuleList([*ups, conv(w, f"convs.{doublings}", padding=1)])
        self.maps = ups[0].in_channels

    def forward(self, latents: Any, labels: Any) -> Any:
        h = self.activation(self.dense_norms[0](self.dense[0](latents), labels))
        side = int((h.shape[1] // self.maps) ** 0.5)
        h = h.view(-1, self.maps, side, side)
        for up, norm in zip(self.convs, self.norms):
            h = self.activation(norm(up(h), labels))
        return torch.tanh(self.convs[-1](h))


class HalvingDiscriminator(nn.Module):
    """D of DCGAN: convolutions of stride 2, one of stride 1, features of the whole maps."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        count = sum(key.startswith("convs.") and key.endswith(".bias") for key in w)
        self.convs = nn.ModuleList([conv(w, f"convs.{i}", 2 if i < count - 1 else 1, 1) for i in range(count)])
        self.fc = linear(w, "fc")

    def features(self, images: Any) -> Any:
        h = images
        for layer in self.convs:
            h = self.activation(layer(h))
        return h.flatten(1)


class HeadedDiscriminator(nn.Module):
    """D whose logit has a part that belongs to the class (Miyato and Koyama 2018), if it is told the class."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        self.body = HalvingDiscriminator(config, {key[5:]: array for key, array in w.items() if key.startswith("body.")})
        table = nn.Embedding(*shape_of(w, "projection")) if config.conditioning == "projection" else None
        self.projection = spectral_norm(table, dim=1) if "projection.weight_orig" in w else table

    def forward(self, images: Any, labels: Any) -> Any:
        features = self.body.features(images)
        logits = self.body.fc(features)
        return logits if self.projection is None else logits + (features * self.projection(labels)).sum(1, keepdim=True)


# ---- classifiers -------------------------------------------------------------------------------------------------------


class LeNet(nn.Module):
    """Two convolutions with BatchNorm and max-pool, two Linear layers."""

    def __init__(self, w: Arrays) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(w, "conv1"), batch_norm2d(w, "bn1")
        self.conv2, self.bn2 = conv(w, "conv2"), batch_norm2d(w, "bn2")
        self.fc1, self.fc2 = linear(w, "fc1"), linear(w, "fc2")

    def forward(self, images: Any) -> Any:
        h = F.relu(self.pooled(self.bn1, self.conv1(images)))
        h = F.relu(self.pooled(self.bn2, self.conv2(h)))
        return self.fc2(F.relu(self.fc1(h.flatten(1))))

    def pooled(self, norm: Any, maps: Any) -> Any:
        return F.max_pool2d(norm(maps), 2)


class PooledLeNet(LeNet):
    """The same, pooled before BatchNorm."""

    def pooled(self, norm: Any, maps: Any) -> Any:
        return norm(F.max_pool2d(maps, 2))


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut."""

    def __init__(self, w: Arrays, layer: str, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(w, f"{layer}.conv1", stride, 1), batch_norm2d(w, f"{layer}.bn1")
        self.conv2, self.bn2 = conv(w, f"{layer}.conv2", 1, 1), batch_norm2d(w, f"{layer}.bn2")
        self.shortcut = None
        if f"{layer}.shortcut.0.weight" in w:
            self.shortcut = nn.Sequential(conv(w, f"{layer}.shortcut.0", stride), batch_norm2d(w, f"{layer}.shortcut.1"))

    def forward(self, x: Any) -> Any:
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    """Three stages of two residual blocks."""

    def __init__(self, w: Arrays) -> None:
        super().__init__()
        self.conv, self.bn = conv(w, "conv", padding=1), batch_norm2d(w, "bn")
        stages = [nn.Sequential(Residual(w, f"stages.{n}.0", 1 if n == 0 else 2), Residual(w, f"stages.{n}.1", 1)) for n in range(3)]
        self.stages, self.fc = nn.Sequential(*stages), linear(w, "fc")

    def forward(self, images: Any) -> Any:
        return self.fc(self.stages(F.relu(self.bn(self.conv(images)))).mean((2, 3)))


CLASSIFIERS = {"lenet": LeNet, "lenet-pooled": PooledLeNet, "resnet": ResNet}  # by `classifier.architecture`


# ---- the semi-supervised MLP -------------------------------------------------------------------------------------------


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
