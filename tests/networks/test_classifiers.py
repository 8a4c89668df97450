"""Classifiers: sizes by hand, features before logits, and a place to mix features at every layer."""

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

from paddle_gan_aug.algorithms.registry import CLASSIFIERS, resolve
from paddle_gan_aug.networks import LeNet, PooledLeNet, ResNet


def parameters(network):
    return sum(int(np.prod(p.shape)) for p in network.parameters() if not p.stop_gradient)


def test_resnet_has_the_parameters_of_its_layers(process):
    def block(i, m, shortcut):
        return 9 * i * m + 9 * m * m + 4 * m + (i * m + 2 * m if shortcut else 0)

    stages = sum(block(i, m, i != m) + block(m, m, False) for i, m in ((16, 16), (16, 32), (32, 64)))
    assert parameters(ResNet(classes=10, channels=3)) == 9 * 3 * 16 + 2 * 16 + stages + 64 * 10 + 10


@pytest.mark.parametrize("network, pool_first", [(LeNet, False), (PooledLeNet, True)])
def test_lenets_by_ordinary_layers(process, network, pool_first):
    paddle.seed(0)
    net = network(classes=5)
    net.train()
    images = paddle.randn([6, 1, 28, 28])
    h = images
    for conv, norm in ((net.conv1, net.bn1), (net.conv2, net.bn2)):
        h = F.conv2d(h, conv.weight)
        h = norm(F.max_pool2d(h, 2)) if pool_first else F.max_pool2d(norm(h), 2)
        h = F.relu(h)
    expected = F.relu(net.fc1(h.flatten(1)))
    np.testing.assert_allclose(net.features(images).numpy(), expected.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", list(CLASSIFIERS))
@pytest.mark.parametrize("channels, size", [(1, 28), (3, 32)])
def test_logits_come_from_features_and_every_layer_can_be_changed(process, name, channels, size):
    paddle.seed(0)
    network = resolve(CLASSIFIERS[name])(classes=5, image_size=size, channels=channels, width=0.25)
    network.eval()
    images = paddle.randn([4, channels, size, size])
    features = network.features(images)
    assert list(features.shape) == [4, network.feature_width] and float(features.min()) >= 0
    logits = network(images)
    np.testing.assert_allclose(network.logits(features).numpy(), logits.numpy(), rtol=1e-5, atol=1e-5)
    for layer in range(network.layers):
        seen = []
        changed = network(images, (layer, lambda h, seen=seen: seen.append(h.shape) or h * 0))
        assert len(seen) == 1 and seen[0][0] == 4
        np.testing.assert_allclose(changed.numpy(), changed.numpy()[:1].repeat(4, 0), rtol=1e-4, atol=1e-5)  # all images look alike now
    np.testing.assert_allclose(network(images, (network.layers, None)).numpy(), logits.numpy())


def test_soft_labels_by_hand(process):
    from paddle_gan_aug.algorithms.classifier import soft_cross_entropy

    logits = paddle.to_tensor(np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)))
    targets = paddle.to_tensor(np.array([[0.5, 0.5, 0], [0, 2, 0]], np.float32))
    expected = (-0.5 * (np.log(0.7) + np.log(0.2)) - 2 * np.log(0.6)) / 2
    assert float(soft_cross_entropy(logits, targets)) == pytest.approx(expected, rel=1e-5)
