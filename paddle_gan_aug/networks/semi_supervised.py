"""The networks of semi-supervised learning by feature matching (Salimans et al. 2016, arXiv:1606.03498): a classifier that is also the
discriminator, weight-normalised and noisy, and a generator of flat images.
"""

from __future__ import annotations

import math
from typing import Callable, List, Optional, Tuple

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .batch_last import BatchLastConv2D, conv2d, flatten, max_pool2d, to_batch_last
from .classifiers import as_patches, patch_of
from .generators import scaled
from .layers import WeightNormLinear, gaussian_noises, softplus

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
            h = F.relu(_standardise(layer, layer(_noisy(h, noise))))


class ConvolutionalReader(Reader):
    """Class logits from a LeNet with weight normalisation, ReLU and Gaussian noise before each layer, for grey or colour images.

    Two stages of a convolution k5 and max-pool 2, and a Linear layer to the features, as in `classifiers.LeNet`. BatchNorm would mix
    labelled, unlabelled and generated images.

    Input, output and arguments: as for `DenseReader`.

    Raises:
        ValueError: the image is too small for two convolutions and pools (less than 16 pixels).
    """

    MAPS, FEATURES = (32, 64), 256

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
        self.patch = patch_of(image_size)
        side = ((image_size // self.patch - 4) // 2 - 4) // 2
        a, b = (scaled(maps, width) for maps in self.MAPS)
        self.feature_width = scaled(self.FEATURES, width)
        self.input_noise, self.hidden_noise = input_noise, hidden_noise
        self.convs = nn.LayerList([WeightNormConv2D(channels * self.patch**2, a, 5), WeightNormConv2D(a, b, 5)])
        self.hidden = WeightNormLinear(b * side**2, self.feature_width, train_scale=False, init_std=DIRECTION_STD)
        self.last = WeightNormLinear(self.feature_width, classes, init_std=DIRECTION_STD)

    def features(self, images: Tensor) -> Tensor:
        """See `Reader.features`; the features are >= 0."""
        return self._hidden(images, lambda layer, y: y)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self._with_noise(self.features(images), self.hidden_noise))

    @paddle.no_grad()
    def initialise(self, images: Tensor) -> None:
        """See `Reader.initialise`; what max-pooling leaves of a convolution's outputs counts."""
        _standardise(self.last, self.last(self._with_noise(self._hidden(images, _standardise), self.hidden_noise)))

    def _hidden(self, images: Tensor, change: Callable[[nn.Layer, Tensor], Tensor]) -> Tensor:
        """The features, where `change` of a layer and what comes before its activation takes the place of the latter."""
        h = self._with_noise(images, 2 * self.input_noise)  # pixels go from -1 to 1
        h = to_batch_last(as_patches(h, self.patch))
        for conv in self.convs:
            h = F.relu(change(conv, max_pool2d(conv(h))))
            h = self._with_noise(h, self.hidden_noise)
        return F.relu(change(self.hidden, self.hidden(flatten(h))))

    def _with_noise(self, h: Tensor, std: float) -> Tensor:
        return h + gaussian_noises([std], [h.shape])[0] if self.training and std else h


READERS = {"mlp": DenseReader, "conv": ConvolutionalReader}


class WeightNormConv2D(BatchLastConv2D):
    """A convolution of maps [H, W, in, N] with weight normalisation: its kernel is g · v / ||v||, one scale a map, which does not learn.

    g begins at ||v||.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, init_std=DIRECTION_STD)
        norm = self.weight.detach().square().sum([1, 2, 3]).sqrt()
        self.weight_g = self.create_parameter([out_channels], default_initializer=nn.initializer.Assign(norm))
        self.weight_g.stop_gradient = True

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight_g * self.weight.square().sum([1, 2, 3]).rsqrt()
        return conv2d(x, self.weight * scale.reshape([-1, 1, 1, 1])) + self.bias.reshape([-1, 1])


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


def _standardise(layer: nn.Layer, y: Tensor) -> Tensor:
    """Change `layer`'s scale and bias so that what it gave as `y` has mean 0 and deviation 1 for each unit or map; returns that.

    y: [N, units] or [H, W, maps, N].
    """
    axes, shape = ([0], [-1]) if y.ndim == 2 else ([0, 1, 3], [-1, 1])
    mean, deviation = y.mean(axes), y.std(axes, unbiased=False)
    deviation = deviation.clip(min=1e-6)  # of an output that is the same for all images
    layer.bias.set_value((layer.bias - mean) / deviation)
    layer.weight_g.set_value(layer.weight_g / deviation)
    return (y - mean.reshape(shape)) / deviation.reshape(shape)
