"""Classifiers: images in, class logits out, with the features that the metrics look at."""

from paddle import nn
from paddle.nn import functional as F

from .generators import scaled
from .layers import Conv2D, max_pool2d


class LeNet(nn.Layer):
    """A LeNet-sized network (LeCun et al. 1998) with BatchNorm and ReLU: two Conv k5 -> max-pool 2, Linear -> 84, Linear -> classes.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, classes].

    Args:
        width: multiplies the 32 and 64 feature maps; the 84 features stay.
        dropout: of the 84 features, in training.

    Raises:
        ValueError: the image is too small for two convolutions and pools (less than 16 pixels).
    """

    feature_width = 84

    def __init__(self, classes=10, image_size=28, channels=1, width=1.0, dropout=0.0):
        super().__init__()
        side = ((image_size - 4) // 2 - 4) // 2
        if side < 1:
            raise ValueError(f"LeNet needs images of at least 16 pixels, got {image_size}")
        maps = scaled(32, width), scaled(64, width)
        self.conv1 = Conv2D(channels, maps[0], 5, bias=False)
        self.bn1 = nn.BatchNorm2D(maps[0])
        self.conv2 = Conv2D(maps[0], maps[1], 5, bias=False)
        self.bn2 = nn.BatchNorm2D(maps[1])
        self.fc1 = nn.Linear(maps[1] * side**2, self.feature_width)
        self.fc2 = nn.Linear(self.feature_width, classes)
        self.dropout = dropout

    def features(self, images):
        """The last hidden layer: float32 [N, 84], >= 0."""
        h = F.relu(max_pool2d(self.bn1(self.conv1(images))))
        h = F.relu(max_pool2d(self.bn2(self.conv2(h))))
        return F.relu(self.fc1(h.reshape([h.shape[0], -1])))

    def forward(self, images):
        return self.fc2(F.dropout(self.features(images), self.dropout, training=self.training))
