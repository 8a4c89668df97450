"""What keeps a discriminator smooth: weight clipping, gradient penalties, LeCam, and the check that D can take a penalty.

A penalty is a function (discriminator, real, fake, rng) -> 0-D tensor, to be multiplied by its weight and added to D's loss.
`discriminator` is any callable from images [N, C, H, W] to logits [N, 1], [N] or [N, 2] (of two, class 1 = real: the difference
counts). No gradient reaches the images that were passed in, hence none reaches G. `PENALTIES` holds them all.

A penalty applied only every k-th step ("lazy", Karras et al. 2020, appendix B) must be multiplied by k (`lazy_factor`).

D must be twice differentiable (`check_double_grad`). A batch normalisation in D is, but ties the samples of a batch together, so that a
sample's own gradient norm loses its meaning: take none, instance or spectral normalisation (Gulrajani et al. 2017, section 4).
"""

import copy
import re
from dataclasses import dataclass
from typing import Callable

import numpy as np
import paddle

from ..networks.layers import SplitLayer
from .base import trainable

TINY = 1e-12  # under a square root, whose derivative at 0 is infinite


@paddle.no_grad()
def clip_weights(network, limit):
    """Set every trainable parameter to its nearest value in [-limit, limit], in place (Arjovsky et al. 2017: 0.01, after each D step)."""
    if limit <= 0:
        raise ValueError(f"the limit of the weights must be above 0, got {limit}")
    for parameter in trainable(network):
        parameter.clip_(-limit, limit)


def score(logits):
    """One number a sample, [N]: the logit, or of two the difference "real" minus "fake".

    Raises:
        ValueError: logits are not [N], [N, 1] or [N, 2].
    """
    if len(logits.shape) > 2 or (len(logits.shape) == 2 and logits.shape[1] > 2):
        raise ValueError(f"expected logits [N], [N, 1] or [N, 2], got {list(logits.shape)}")
    if len(logits.shape) == 1:
        return logits
    return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


def squared_gradient_norms(discriminator, images):
    """||d score / d image||² of each sample, over all its channels and pixels, [N]; differentiable by D's parameters."""
    images = leaf(images)
    return squared_norms_of(discriminator(images), images)


def leaf(images):
    """The images cut off from where they come from, for D's gradient with respect to them."""
    images = images.detach()
    images.stop_gradient = False
    return images


def squared_norms_of(logits, images):
    """`squared_gradient_norms` of a pass that was made: `logits` are D's of the `leaf` images, [N, …]."""
    (gradient,) = paddle.grad(score(logits).sum(), [images], create_graph=True)
    return gradient.square().reshape([gradient.shape[0], -1]).sum(1)


def _distance_from_one(discriminator, images):
    return ((squared_gradient_norms(discriminator, images) + TINY).sqrt() - 1).square().mean()


def gradient_penalty(discriminator, real, fake, rng):
    """E (||grad D(x)|| - 1)² at points between reals and fakes, one uniform share a pair (Gulrajani et al. 2017, eq. 3; weight 10).

    Raises:
        ValueError: real and fake differ in shape.
    """
    if list(real.shape) != list(fake.shape):
        raise ValueError(f"real and fake images must pair up, got {list(real.shape)} and {list(fake.shape)}")
    share = _uniform(rng, [real.shape[0], 1, 1, 1], real)
    return _distance_from_one(discriminator, real.detach() * share + fake.detach() * (1 - share))


def r1(discriminator, real, fake=None, rng=None):
    """½ E ||grad D(x)||² at the reals (Mescheder et al. 2018, eq. 9; weight 10). `fake` and `rng` are not used."""
    return 0.5 * squared_gradient_norms(discriminator, real).mean()


def r1_r2(discriminator, real, fake, rng=None):
    """½ E ||grad D(x)||² at the reals plus the same at the fakes (Huang et al. 2024, eq. 3 and 4; weight γ). `rng` is not used.

    Its recipe differentiates by the images as they are before augmentation, through it, at every step of D: `discriminator` is then D
    behind the augmentation (`Penalty.before_view`).
    """
    return r1(discriminator, real) + r1(discriminator, fake)


def dragan(discriminator, real, fake, rng):
    """E (||grad D(x)|| - 1)² around the reals (Kodali et al. 2017; weight 10). `fake` is not used.

    Around: x + a·u·½ std(reals), with a ~ U[0, 1) for each sample and u ~ U[0, 1) for each pixel.
    """
    real = real.detach()
    shift = _uniform(rng, real.shape, real) * _uniform(rng, [real.shape[0], 1, 1, 1], real)
    return _distance_from_one(discriminator, real + shift * (0.5 * real.std(unbiased=False)))


def _uniform(rng, shape, like):
    return paddle.to_tensor(rng.random(shape), dtype=like.dtype)


@dataclass(frozen=True)
class Penalty:
    """A penalty on D's gradient, and the weight that its paper gives it.

    Attributes:
        before_view: the gradient is the one by images before they are augmented, at reals and fakes; one pass of D gives the logits, too.
    """

    function: Callable
    weight: float
    needs_fakes: bool = False
    before_view: bool = False


PENALTIES = {
    "gradient-penalty": Penalty(gradient_penalty, 10.0, needs_fakes=True),
    "r1": Penalty(r1, 10.0),
    "r1-r2": Penalty(r1_r2, 1.0, needs_fakes=True, before_view=True),
    "dragan": Penalty(dragan, 10.0),
}


def lazy_factor(step, interval):
    """What to multiply a penalty by at `step` (1 for the first): `interval` at the first of every `interval` steps, else 0 (skip it)."""
    return interval if (step - 1) % interval == 0 else 0


class LeCam:
    """LeCam regularisation for small data sets (Tseng et al. 2021): E (D(x) - a_fake)² + E (D(G(z)) - a_real)².

    a_real and a_fake are moving averages of D's mean score of reals and fakes; they begin at the first batch's.

    Args:
        decay: of the averages, in [0, 1).
    """

    def __init__(self, decay=0.99):
        self.decay, self.real, self.fake = decay, None, None

    def update(self, real_logits, fake_logits):
        """Take one step's logits into the averages."""
        for name, logits in (("real", real_logits), ("fake", fake_logits)):
            mean, average = float(score(logits.detach()).mean()), getattr(self, name)
            setattr(self, name, mean if average is None else self.decay * average + (1 - self.decay) * mean)

    def penalty(self, real_logits, fake_logits):
        """The penalty, 0-D tensor, differentiable by the logits.

        Raises:
            ValueError: there was no `update` yet.
        """
        if self.real is None:
            raise ValueError("LeCam's averages are empty: call update first")
        return (score(real_logits) - self.fake).square().mean() + (score(fake_logits) - self.real).square().mean()

    def state(self):
        """The averages, as plain JSON."""
        return {"real": self.real, "fake": self.fake}

    def load_state(self, state):
        """Set what `state` returned."""
        self.real, self.fake = state["real"], state["fake"]


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


def check_double_grad(discriminator, image_shape, seed=0):
    """Make sure that penalties can be trained with this D, before training starts.

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
            return  # the whole is right, hence its layers are
        failures = {name: _failure(layer, x, exact) for name, (layer, x) in inputs.items()}
    finally:
        paddle.set_rng_state(rng_state)
    failures = {name: reason for name, reason in failures.items() if reason}
    innermost = [name for name in failures if not any(other != name and _within(other, name) for other in failures)]
    lines = [_explain(name, inputs[name][0], failures[name]) for name in innermost]
    raise ValueError("the discriminator cannot be differentiated twice, as a gradient penalty needs: " + "; ".join(lines))


def _within(inner, outer):
    return not outer or inner.startswith(outer + ".")


def _inputs_in_float64(discriminator, images):
    """`_inputs` of a copy of D in float64; None where such a copy cannot be made or does not run."""
    if any("forward" in vars(layer) for layer in discriminator.sublayers(include_self=True)):
        return None  # as paddle.jit.to_static leaves it; a copy would not have the replaced forward
    try:
        network = copy.deepcopy(discriminator)
        network.to(dtype="float64")
        return _inputs(network, paddle.to_tensor(images, dtype="float64"))
    except Exception:  # what a foreign layer raises is its own affair; D in float32 can still be judged, only less finely
        return None


def _inputs(network, images):
    """One pass forward: {name: (layer, its first input)} of the network ("") and of every layer in it that was called."""
    found, hooks = {}, []
    names = {id(layer): name for name, layer in network.named_sublayers(include_self=True)}

    def note(layer, inputs):
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

    def __init__(self, layer):
        self.values = [(tensor, tensor.clone()) for tensor in layer.state_dict().values() if tensor.stop_gradient]

    def restore(self):
        for tensor, value in self.values:
            tensor.set_value(value)
        paddle.seed(0)


def _splits(layer):
    """Whether it uses `split_batch`: with one thread it would pass here, and fail on another machine."""
    return isinstance(layer, SplitLayer) and not getattr(layer, "double_grad", False)


def _failure(layer, x, exact):
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


def _wrong_gradients(layer, x, kept, exact):
    """The names of the tensors by which Σ ||grad_x Σ r·layer(x)||² is differentiated wrongly; r are fixed random weights."""
    step = 1e-7 if exact else 1e-2
    kept.restore()
    weights = paddle.to_tensor(np.random.default_rng(1).standard_normal(layer(x).shape), dtype=x.dtype, stop_gradient=False)
    wanted = {"its output": weights, **{name: p for name, p in layer.named_parameters() if not p.stop_gradient}}

    def total(images):
        kept.restore()
        return (layer(images) * weights).sum()

    def at(images):
        images = images.detach()
        images.stop_gradient = False
        return images

    def gradients(images):
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
    large = {name: pair for name, pair in pairs.items() if _size(pair[1]) > 0.1 * scale}  # the kinks of ReLUs blur all that is smaller
    return [] if any(value is not None and _size(value) for value, _ in large.values()) else list(large)


def _size(tensor):
    return float(tensor.square().mean().sqrt())


def _difference(found, expected):
    return expected if found is None else expected - found


def _explain(name, layer, reason):
    """One line about one layer: its name and class, the operation at fault if Paddle says which, the drop-in."""
    kind = type(layer).__name__
    operation = re.search(r"The Op (\w+?)_(?:grad|double_grad)\b", reason)
    found = operation.group(1) if operation else reason.strip().splitlines()[-1][:160]
    drop_in = next((cure for part, cure in DROP_INS.items() for text in (kind, found) if part in text.lower().replace("_", "")), None)
    if "forward" in vars(layer):
        drop_in = "it without paddle.jit.to_static"
    where = f"{name} ({kind})" if name else f"{kind} itself"
    return f"{where}: {found}" + (f"; use {drop_in}" if drop_in else "")
