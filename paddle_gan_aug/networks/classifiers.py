"""Classifiers: images in, class logits out, with the features that the metrics look at."""

from __future__ import annotations

from typing import Callable, Optional, Tuple

from paddle import Tensor, nn
from paddle.nn import functional as F

from .batch_last import BatchLastConv2D, flatten, max_pool2d, normalise, to_batch_first, to_batch_last
from .generators import scaled

LARGEST_MAPS, SMALLEST_MAPS = 32, 16  # pixels: the sides that patches of large images are cut to
Change = Tuple[int, Callable[[Tensor], Tensor]]  # (number of a layer, function of its output), as feature mixing wants it


def patch_of(image_size: int) -> int:
    """The side of the patches that a classifier takes for pixels: 1 up to 32 pixels, 48 and 64 -> 2, 96 -> 3, 128 -> 4.

    The smallest one that leaves 16 to 32 patches along each side; 1 where none does.
    """
    sides = range(2, image_size // SMALLEST_MAPS + 1) if image_size > LARGEST_MAPS else ()
    return next((patch for patch in sides if image_size % patch == 0 and image_size // patch <= LARGEST_MAPS), 1)


def as_patches(images: Tensor, patch: int) -> Tensor:
    """[N, C, S, S] -> [N, C · patch², S / patch, S / patch]: the numbers of a patch become channels."""
    if patch == 1:
        return images
    c, side = images.shape[1], images.shape[2] // patch
    images = images.reshape([-1, c, side, patch, side, patch]).transpose([0, 1, 3, 5, 2, 4])
    return images.reshape([-1, c * patch**2, side, side])


class LeNet(nn.Layer):
    """A LeNet-sized network (LeCun et al. 1998) with BatchNorm and ReLU: two Conv k5 -> max-pool 2, Linear -> 84, Linear -> classes.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, classes].

    Args:
        width: multiplies the 32 and 64 feature maps; the 84 features stay.
        dropout: of the 84 features, in training.
        patch: the first convolution sees patches of so many pixels squared for one pixel; None = `patch_of` the size.

    Raises:
        ValueError: the image is too small for two convolutions and pools (less than 16 pixels).
    """

    feature_width = 84
    layers = 3  # after which features can be mixed, the input being number 0

    def __init__(
        self,
        classes: int = 10,
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        dropout: float = 0.0,
        patch: Optional[int] = None,
    ) -> None:
        super().__init__()
        self.patch = patch_of(image_size) if patch is None else patch
        side = ((image_size // self.patch - 4) // 2 - 4) // 2
        if side < 1:
            raise ValueError(f"LeNet needs images of at least 16 pixels, got {image_size}")
        maps = scaled(32, width), scaled(64, width)
        self.conv1 = BatchLastConv2D(channels * self.patch**2, maps[0], 5, bias=False)
        self.bn1 = nn.BatchNorm2D(maps[0])
        self.conv2 = BatchLastConv2D(maps[0], maps[1], 5, bias=False)
        self.bn2 = nn.BatchNorm2D(maps[1])
        self.fc1 = nn.Linear(maps[1] * side**2, self.feature_width)
        self.fc2 = nn.Linear(self.feature_width, classes)
        self.dropout = dropout

    def features(self, images: Tensor, change: Optional[Change] = None) -> Tensor:
        """The last hidden layer: float32 [N, 84], >= 0. `change`: see `changed`."""
        h = to_batch_last(as_patches(changed(images, 0, change), self.patch))
        h = F.relu(self.pooled(self.bn1, self.conv1(h)))
        h = F.relu(self.pooled(self.bn2, self.conv2(changed_maps(h, 1, change))))
        return F.relu(self.fc1(flatten(changed_maps(h, 2, change))))

    def pooled(self, norm: nn.Layer, maps: Tensor) -> Tensor:
        """Maps [H, W, C, N], normalised and pooled -> [H // 2, W // 2, C, N]."""
        return max_pool2d(normalise(norm, maps))

    def logits(self, features: Tensor) -> Tensor:
        """What `features` gives -> logits."""
        return self.fc2(F.dropout(features, self.dropout, training=self.training))

    def forward(self, images: Tensor, change: Optional[Change] = None) -> Tensor:
        return self.logits(self.features(images, change))


class PooledLeNet(LeNet):
    """A `LeNet` that pools its maps before it normalises them, not after.

    BatchNorm and ReLU then see a quarter of the numbers, and the largest of four, not each of them, has unit variance. Its step is shorter
    and, on MNIST and Fashion-MNIST, it learns in fewer of them (docs/speed.md).
    """

    def pooled(self, norm: nn.Layer, maps: Tensor) -> Tensor:
        """See `LeNet.pooled`."""
        return normalise(norm, max_pool2d(maps))


def changed(h: Tensor, layer: int, change: Optional[Change]) -> Tensor:
    """`h`, or what `change` makes of it: None, or (number of a layer, function of its output), as feature mixing wants it."""
    return change[1](h) if change is not None and change[0] == layer else h


def changed_maps(h: Tensor, layer: int, change: Optional[Change]) -> Tensor:
    """The same for maps whose batch is the last axis; `change` gets [N, C, H, W]."""
    return h if change is None or change[0] != layer else to_batch_last(change[1](to_batch_first(h)))


def _convolution(inputs: int, maps: int, size: int, stride: int) -> nn.Layer:
    """A convolution of [H, W, C, N] without bias that keeps the size, over the stride."""
    return BatchLastConv2D(inputs, maps, size, padding=size // 2, bias=False, stride=stride)


class _Residual(nn.Layer):
    """Two 3 x 3 convolutions around a shortcut (He et al. 2015, arXiv:1512.03385, figure 2); a stride halves the maps."""

    def __init__(self, inputs: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _convolution(inputs, maps, 3, stride), nn.BatchNorm2D(maps)
        self.conv2, self.bn2 = _convolution(maps, maps, 3, 1), nn.BatchNorm2D(maps)
        self.shortcut = None
        if stride != 1 or inputs != maps:
            self.shortcut = nn.Sequential(_convolution(inputs, maps, 1, stride), nn.BatchNorm2D(maps))

    def forward(self, x: Tensor) -> Tensor:
        h = normalise(self.bn2, self.conv2(F.relu(normalise(self.bn1, self.conv1(x)))))
        if self.shortcut is not None:
            conv, norm = self.shortcut
            x = normalise(norm, conv(x))
        return F.relu(h + x)


class ResNet(nn.Layer):
    """A ResNet of 14 layers in the form for small images (He et al. 2015, arXiv:1512.03385, section 4.2): 3 stages of 2 blocks.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, classes].

    Args:
        width: multiplies the 16, 32 and 64 feature maps.
        dropout: of the features, in training.
        patch: as for `LeNet`.
    """

    layers = 4

    def __init__(
        self,
        classes: int = 10,
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        dropout: float = 0.0,
        patch: Optional[int] = None,
    ) -> None:
        super().__init__()
        self.patch = patch_of(image_size) if patch is None else patch
        maps = [scaled(count, width) for count in (16, 32, 64)]
        self.feature_width = maps[-1]
        self.conv = BatchLastConv2D(channels * self.patch**2, maps[0], 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2D(maps[0])
        inputs = [maps[0], *maps[:-1]]
        self.stages = nn.LayerList(
            [nn.Sequential(_Residual(i, m, 1 if n == 0 else 2), _Residual(m, m, 1)) for n, (i, m) in enumerate(zip(inputs, maps))]
        )
        self.fc = nn.Linear(maps[-1], classes)
        self.dropout = dropout

    def features(self, images: Tensor, change: Optional[Change] = None) -> Tensor:
        """The mean of every map of the last stage: float32 [N, 64 * width], >= 0. `change`: see `changed`."""
        images = as_patches(changed(images, 0, change), self.patch)
        h = F.relu(normalise(self.bn, self.conv(to_batch_last(images))))
        for number, stage in enumerate(self.stages, 1):
            h = stage(changed_maps(h, number, change))
        return h.mean(axis=[0, 1]).transpose([1, 0])

    def logits(self, features: Tensor) -> Tensor:
        """What `features` gives -> logits."""
        return self.fc(F.dropout(features, self.dropout, training=self.training))

    def forward(self, images: Tensor, change: Optional[Change] = None) -> Tensor:
        return self.logits(self.features(images, change))
