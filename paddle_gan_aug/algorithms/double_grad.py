"""The check that a discriminator can be differentiated twice, as the penalties of `regularizers` need."""

from __future__ import annotations

import copy
import re
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn

from ..networks.layers import SplitLayer

Inputs = Dict[str, Tuple[nn.Layer, Tensor]]  # name of a layer -> (layer, its first input)
DROP_INS = {  # part of a layer's class, of an operation or of an error text -> what to take instead
    "pool": "average pooling (nn.AvgPool2D) or a convolution of stride 2",
    "dropout": "networks.layers.MaskDropout",
    "flatten": "x.reshape([x.shape[0], -1])",
    "layernorm": "nn.InstanceNorm2D, spectral normalisation or none",
    "groupnorm": "nn.InstanceNorm2D, spectral normalisation or none",
    "batchnorm": "training mode, or use_global_stats=True",
    "transpose": "networks.layers.upsample_nearest and a convolution",
    "upsamp": "networks.layers.upsample_nearest",
    "interp": "networks.layers.upsample_nearest",
    "pixelshuffle": "reshape and transpose",
    "softmax": "logits",
    "normalize": "x / ((x * x).sum(1, keepdim=True) + 1e-12).sqrt()",
    "split": "the layer with double_grad=True",
    **dict.fromkeys(("gelu", "prelu", "swish", "mish", "selu", "relu6", "hardtanh", "hardswish"), "nn.LeakyReLU"),
}


def check_double_grad(discriminator: nn.Layer, image_shape: Sequence[int], seed: int = 0) -> None:
    """Make sure, before training starts, that penalties can be trained with this D.

    The gradient of Σ ||grad D(x)||² that Paddle gives is compared with one that needs only first derivatives: with v = grad D(x),
    it is 2 d/dt grad_θ D(x + t v) at t = 0, by finite differences in float64. So a layer without a second derivative is found whether
    Paddle refuses it or silently leaves it out. A D that only runs in float32, or through `paddle.jit.to_static`, is judged in float32:
    there only a second derivative that is missing altogether can be told. D, its buffers and Paddle's random state stay as they are.

    Args:
        discriminator: a `paddle.nn.Layer`, in the mode in which it will train.
        image_shape: (channels, height, width).
        seed: of the images that are tried.

    Raises:
        ValueError: it cannot be differentiated twice; the text names the layers at fault and what to take instead.
    """
    rng_state = paddle.get_rng_state()
    try:
        images = np.random.default_rng(seed).uniform(-1, 1, (16, *image_shape))
        inputs, exact = _inputs_in_float64(discriminator, images), True
        if inputs is None:
            inputs, exact = _inputs(discriminator, paddle.to_tensor(images, dtype="float32")), False
        if not any(_splits(layer) for layer, _ in inputs.values()) and not _failure(*inputs[""], exact):
            return  # the whole network is right, so its layers are too
        failures = {name: _failure(layer, x, exact) for name, (layer, x) in inputs.items()}
    finally:
        paddle.set_rng_state(rng_state)
    failures = {name: reason for name, reason in failures.items() if reason}
    innermost = [name for name in failures if not any(other != name and _within(other, name) for other in failures)]
    lines = [_explain(name, inputs[name][0], failures[name]) for name in innermost]
    raise ValueError("the discriminator cannot be differentiated twice, as a gradient penalty needs: " + "; ".join(lines))


def _within(inner: str, outer: str) -> bool:
    return not outer or inner.startswith(outer + ".")


def _inputs_in_float64(discriminator: nn.Layer, images: np.ndarray) -> Optional[Inputs]:
    """`_inputs` of a copy of D in float64; None where such a copy cannot be made or does not run."""
    if any("forward" in vars(layer) for layer in discriminator.sublayers(include_self=True)):
        return None  # paddle.jit.to_static replaced it, and a copy would not have the replacement
    try:
        network = copy.deepcopy(discriminator)
        network.to(dtype="float64")
        return _inputs(network, paddle.to_tensor(images, dtype="float64"))
    except Exception:  # a foreign layer may raise anything; D in float32 can still be judged, but less finely
        return None


def _inputs(network: nn.Layer, images: Tensor) -> Inputs:
    """One pass forward: {name: (layer, its first input)} of the network ("") and of every layer in it that was called."""
    found, hooks = {}, []
    names = {id(layer): name for name, layer in network.named_sublayers(include_self=True)}

    def note(layer: nn.Layer, inputs: Tuple[Tensor, ...]) -> None:
        if inputs and isinstance(inputs[0], paddle.Tensor) and inputs[0].is_floating_point():
            found.setdefault(names[id(layer)], (layer, inputs[0].detach()))

    for layer in network.sublayers(include_self=True):
        hooks.append(layer.register_forward_pre_hook(note))
    kept = _Buffers(network)
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
        kept.restore()
    found.setdefault("", (network, images))
    return found


class _Buffers:
    """What a pass forward may change: running statistics, the vectors of spectral normalisation, Paddle's generator."""

    def __init__(self, layer: nn.Layer) -> None:
        self.values = [(tensor, tensor.clone()) for tensor in layer.state_dict().values() if tensor.stop_gradient]

    def restore(self) -> None:
        for tensor, value in self.values:
            tensor.set_value(value)
        paddle.seed(0)


def _splits(layer: nn.Layer) -> bool:
    """Whether it uses `split_batch`: with one thread it would pass here, and fail on another machine."""
    return isinstance(layer, SplitLayer) and not getattr(layer, "double_grad", False)


def _failure(layer: nn.Layer, x: Tensor, exact: bool) -> Optional[str]:
    """Why `layer` cannot be differentiated twice at x, or None."""
    if _splits(layer):
        return "split: it shares out the batch among threads"
    kept = _Buffers(layer)
    try:
        for attempt in range(3):  # a kink of a ReLU may lie within the step by chance, though not three times
            wrong = _wrong_gradients(layer, x + 0.01 * attempt, kept, exact)
            if not wrong:
                return None
    except Exception as error:  # Paddle's texts and types differ by operation and version
        return str(error)
    finally:
        kept.restore()
    return "no error, but wrong gradients of " + ", ".join(wrong[:3])


def _wrong_gradients(layer: nn.Layer, x: Tensor, kept: _Buffers, exact: bool) -> List[str]:
    """The names of the tensors by which Σ ||grad_x Σ r·layer(x)||² is differentiated wrongly; r are fixed random weights."""
    step = 1e-7 if exact else 1e-2
    kept.restore()
    weights = paddle.to_tensor(np.random.default_rng(1).standard_normal(layer(x).shape), dtype=x.dtype, stop_gradient=False)
    wanted = {"its output": weights, **{name: p for name, p in layer.named_parameters() if not p.stop_gradient}}

    def total(images: Tensor) -> Tensor:
        kept.restore()
        return (layer(images) * weights).sum()

    def at(images: Tensor) -> Tensor:
        images = images.detach()
        images.stop_gradient = False
        return images

    def gradients(images: Tensor) -> List[Optional[Tensor]]:
        images = at(images)
        return paddle.grad(total(images), [images, *wanted.values()], allow_unused=True)

    x = at(x)
    (slope,) = paddle.grad(total(x), [x], create_graph=True)
    found = paddle.grad(slope.square().sum(), [x, *wanted.values()], allow_unused=True)
    largest = float(slope.abs().max()) or 1.0
    direction = slope.detach() * (step / largest)
    ahead, behind = gradients(x + direction), gradients(x - direction)
    expected = [None if a is None else (a - b) * (largest / step) for a, b in zip(ahead, behind)]
    pairs = {name: pair for name, *pair in zip(["its input", *wanted], found, expected) if pair[1] is not None}
    scale = max(_size(value) for _, value in pairs.values())
    if exact:
        return [name for name, pair in pairs.items() if _size(_difference(*pair)) > 1e-3 * _size(pair[1]) + 1e-5 * scale]
    large = {name: pair for name, pair in pairs.items() if _size(pair[1]) > 0.1 * scale}  # kinks of ReLUs blur what is smaller
    return [] if any(value is not None and _size(value) for value, _ in large.values()) else list(large)


def _size(tensor: Tensor) -> float:
    return float(tensor.square().mean().sqrt())


def _difference(found: Optional[Tensor], expected: Tensor) -> Tensor:
    return expected if found is None else expected - found


def _explain(name: str, layer: nn.Layer, reason: str) -> str:
    """One line about one layer: its name and class, the operation at fault if Paddle says which, the drop-in."""
    kind = type(layer).__name__
    operation = re.search(r"The Op (\w+?)_(?:grad|double_grad)\b", reason)
    found = operation.group(1) if operation else reason.strip().splitlines()[-1][:160]
    drop_in = next((cure for part, cure in DROP_INS.items() for text in (kind, found) if part in text.lower().replace("_", "")), None)
    if "forward" in vars(layer):
        drop_in = "it without paddle.jit.to_static"
    where = f"{name} ({kind})" if name else f"{kind} itself"
    return f"{where}: {found}" + (f"; use {drop_in}" if drop_in else "")
