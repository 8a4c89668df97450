"""The networks of semi-supervised learning by feature matching (Salimans et al. 2016, arXiv:1606.03498): a classifier that is also the
discriminator, weight-normalised and noisy, and a generator of flat images.
"""

from __future__ import annotations

import math
from typing import List, Optional, Sequence, Tuple

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .generators import scaled
from .layers import Conv2D, WeightNormLinear, gaussian_noises, leaky_relu, softplus

DIRECTION_STD = 0.1  # of the weights' directions: beside the learning rate it decides how fast they turn


class Reader(nn.Layer):
    """Base: images to the last hidden layer, and that to class logits; noisy in training."""

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, before its noise: float32 [N, feature_width]."""
        raise NotImplementedError

    def logits(self, features: Tensor) -> Tensor:
        """What `features` gives, in evaluation mode -> logits float32 [N, classes]."""
        return self.last(features)

    def initialise(self, images: Tensor) -> None:
        """Set scales and biases so that on `images` every layer's outputs, before its activation, have mean 0 and standard deviation 1."""
        raise NotImplementedError

    def set_scales(self, scale: float) -> None:
        """Set the scale of every layer, the length of a unit's weights, to the same number."""
        for layer in self.sublayers():
            if isinstance(layer, (WeightNormLinear, WeightNormConv2D)):
                layer.weight_g.set_value(paddle.full_like(layer.weight_g, scale))


class DenseReader(Reader):
    """Class logits from Linear layers 1000-500-250-250-250 with weight normalisation, ReLU and Gaussian noise before each layer.

    It sees an image as a row of numbers: permuting the pixels of all images alike changes nothing.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, classes].

    Args:
        width: multiplies the hidden layers' sizes.
        input_noise: standard deviation of the noise on the pixels, which go from 0 to 1 here; in training.
        hidden_noise: of the noise on every hidden layer.
    """

    HIDDEN = (1000, 500, 250, 250, 250)

    def __init__(
        self,
        classes: int = 10,
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        input_noise: float = 0.3,
        hidden_noise: float = 0.5,
    ) -> None:
        super().__init__()
        self.sizes = [channels * image_size**2, *(scaled(size, width) for size in self.HIDDEN), classes]
        self.stds = [input_noise, *[hidden_noise] * len(self.HIDDEN)]
        self.feature_width = self.sizes[-2]
        pairs = list(zip(self.sizes, self.sizes[1:]))
        self.layers = nn.LayerList([WeightNormLinear(a, b, train_scale=False, init_std=DIRECTION_STD) for a, b in pairs[:-1]])
        self.last = WeightNormLinear(*pairs[-1], init_std=DIRECTION_STD)

    def noises(self, count: int) -> List[Optional[Tensor]]:
        """The noise on the inputs of all layers, for `count` images; None in evaluation mode."""
        if not self.training or not any(self.stds):
            return [None] * len(self.stds)
        return gaussian_noises(self.stds, [[count, size] for size in self.sizes[:-1]])

    def features(self, images: Tensor) -> Tensor:
        """See `Reader.features`; the features are >= 0."""
        return self._hidden(images)[0]

    def forward(self, images: Tensor) -> Tensor:
        return self.last(_noisy(*self._hidden(images)))

    def _hidden(self, images: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """(the features, the noise that the last layer sees on them, or None)."""
        *noises, last = self.noises(images.shape[0])
        h = _as_rows(images)
        for layer, noise in zip(self.layers, noises):
            h = F.relu(layer(_noisy(h, noise)))
        return h, last

    @paddle.no_grad()
    def initialise(self, images: Tensor) -> None:
        """See `Reader.initialise`."""
        h = _as_rows(images)
        for layer, noise in zip([*self.layers, self.last], self.noises(images.shape[0])):
            h = F.relu(_standardise(layer, layer(_noisy(h, noise)), [0]))


class ConvolutionalReader(Reader):
    """Class logits from weight-normalised convolutions with leaky ReLU, for grey or colour images of 16 pixels and more.

    Two stages of a convolution k3 and one of stride 2, then two 1×1 convolutions, the mean over the image and a Linear layer. In
    training there is Gaussian noise on the pixels, and dropout of maps between the stages and of the features.

    Input, output and arguments: as for `DenseReader`; hidden_noise is the share that is dropped.
    """

    MAPS = (32, 64, 128)
    DROPS = (2, 4)  # the convolutions before which maps are dropped

    def __init__(
        self,
        classes: int = 10,
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        input_noise: float = 0.3,
        hidden_noise: float = 0.5,
    ) -> None:
        super().__init__()
        if image_size < 16:
            raise ValueError(f"the convolutional reader needs images of at least 16 pixels, got {image_size}")
        a, b, c = (scaled(maps, width) for maps in self.MAPS)
        self.feature_width, self.input_noise, self.dropout = c, input_noise, hidden_noise
        plan = [(channels, a, 3, 1), (a, a, 3, 2), (a, b, 3, 1), (b, b, 3, 2), (b, c, 3, 1), (c, c, 1, 1)]
        self.convs = nn.LayerList([WeightNormConv2D(*sizes) for sizes in plan])
        self.last = WeightNormLinear(c, classes, init_std=DIRECTION_STD)

    def features(self, images: Tensor) -> Tensor:
        """See `Reader.features`."""
        h = images
        if self.training and self.input_noise:
            h = h + gaussian_noises([2 * self.input_noise], [h.shape])[0]  # pixels go from -1 to 1
        for number, conv in enumerate(self.convs):
            if number in self.DROPS:
                h = F.dropout2d(h, self.dropout, training=self.training)
            h = leaky_relu(conv(h), 0.2)
        return h.mean(axis=[2, 3])

    def forward(self, images: Tensor) -> Tensor:
        return self.last(F.dropout(self.features(images), self.dropout, training=self.training))

    @paddle.no_grad()
    def initialise(self, images: Tensor) -> None:
        """See `Reader.initialise`."""
        h = images
        for conv in self.convs:
            h = leaky_relu(_standardise(conv, conv(h), [0, 2, 3]), 0.2)
        _standardise(self.last, self.last(h.mean(axis=[2, 3])), [0])


READERS = {"mlp": DenseReader, "conv": ConvolutionalReader}


class WeightNormConv2D(Conv2D):
    """A convolution that keeps the size (over the stride) with weight normalisation: its kernel is g · v / ||v||, one scale a map.

    Args:
        train_scale: whether g learns; it begins at ||v||.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, train_scale: bool = False) -> None:
        super().__init__(in_channels, out_channels, kernel_size, kernel_size // 2, True, DIRECTION_STD, stride=stride)
        norm = self.weight.detach().square().sum([1, 2, 3]).sqrt()
        self.weight_g = self.create_parameter([out_channels], default_initializer=nn.initializer.Assign(norm))
        self.weight_g.stop_gradient = not train_scale

    def given(self) -> List[Tensor]:
        """The normalised kernel and the bias."""
        scale = self.weight_g * self.weight.square().sum([1, 2, 3]).rsqrt()
        return [self.weight * scale.reshape([-1, 1, 1, 1]), self.bias]


class DenseGenerator(nn.Layer):
    """Flat images from Linear layers 500-500 with BatchNorm (without a scale of its own) and softplus; the last one weight-normalised.

    Input: latents [N, latent_dim] float32 ~ U(0, 1). Output: images [N, channels, image_size, image_size] float32 in [-1, 1].

    Args:
        width: multiplies the hidden layers' sizes.
    """

    def __init__(self, image_size: int = 28, channels: int = 1, latent_dim: int = 100, width: float = 1.0) -> None:
        super().__init__()
        self.latent_dim, self.shape, hidden = latent_dim, [channels, image_size, image_size], scaled(500, width)
        self.hidden = nn.LayerList([_SoftplusLayer(latent_dim, hidden), _SoftplusLayer(hidden, hidden)])
        self.last = WeightNormLinear(hidden, channels * image_size**2, init_std=None)
        self.last.weight_g.set_value(paddle.ones_like(self.last.weight_g))

    def forward(self, latents: Tensor) -> Tensor:
        h = latents
        for layer in self.hidden:
            h = layer(h)
        return F.tanh(self.last(h) * 0.5).reshape([-1, *self.shape])  # a sigmoid, from -1 to 1


class _SoftplusLayer(nn.Layer):
    """Linear, BatchNorm without a scale, softplus.

    The bias is added here: where Paddle's BatchNorm has no scale to learn, its bias gets no gradient.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierUniform()), bias_attr=False)
        self.norm = nn.BatchNorm1D(outputs, weight_attr=False, bias_attr=False, epsilon=1e-6)
        self.bias = self.create_parameter([outputs], is_bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return softplus(self.norm(self.linear(x)) + self.bias)


def _as_rows(images: Tensor) -> Tensor:
    """[N, C, H, W] in [-1, 1] -> [N, C·H·W] in [0, 1]."""
    return (images * 0.5 + 0.5).reshape([-1, math.prod(images.shape[1:])])


def _noisy(h: Tensor, noise: Optional[Tensor]) -> Tensor:
    return h if noise is None else h + noise


def _standardise(layer: nn.Layer, y: Tensor, axes: Sequence[int]) -> Tensor:
    """Change `layer`'s scale and bias so that what it gave as `y` has mean 0 and deviation 1 over `axes`; returns that."""
    shape = [1, -1] + [1] * (y.ndim - 2)
    mean, deviation = y.mean(axes), y.std(axes, unbiased=False)
    deviation = deviation.clip(min=1e-6)  # of an output that is the same for all images
    layer.bias.set_value((layer.bias - mean) / deviation)
    layer.weight_g.set_value(layer.weight_g / deviation)
    return (y - mean.reshape(shape)) / deviation.reshape(shape)
