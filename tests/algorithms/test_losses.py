"""The losses against values worked out in float64, and against their definitions."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")

SIGMOID_LOGITS = [[0.0], [2.0], [-3.0]]
# softplus(-l) for real, softplus(l) for fake
SIGMOID_REAL = (0.6931471805599453 + 0.1269280110429725 + 3.048587351573742) / 3
SIGMOID_FAKE = (0.6931471805599453 + 2.1269280110429727 + 0.04858735157374196) / 3
SOFTMAX_LOGITS = [[0.0, 0.0], [1.0, 3.0], [2.0, -1.0]]  # differences 0, 2, -3: the same as above


def value(loss, logits, **options):
    import paddle

    return float(loss(paddle.to_tensor(np.array(logits, dtype="float32")), **options))


@pytest.mark.parametrize("head, logits", [("sigmoid", SIGMOID_LOGITS), ("softmax", SOFTMAX_LOGITS)])
def test_exact_values(head, logits):
    from paddle_gan_aug.algorithms.losses import HEADS

    loss = HEADS[head].loss
    assert value(loss, logits, real=True) == pytest.approx(SIGMOID_REAL, rel=1e-6)
    assert value(loss, logits, real=False) == pytest.approx(SIGMOID_FAKE, rel=1e-6)
    smoothed = 0.9 * SIGMOID_REAL + 0.1 * SIGMOID_FAKE
    assert value(loss, logits, real=True, target=0.9) == pytest.approx(smoothed, rel=1e-6)
    assert value(loss, logits, real=False, target=0.9) == pytest.approx(SIGMOID_FAKE, rel=1e-6)  # one-sided: fakes stay 0


def test_large_logits_stay_finite():
    from paddle_gan_aug.algorithms.losses import HEADS

    assert value(HEADS["sigmoid"].loss, [[1000.0]], real=False) == pytest.approx(1000.0)
    assert value(HEADS["softmax"].loss, [[-500.0, 500.0]], real=False) == pytest.approx(1000.0)


def test_scores_are_probabilities_of_real():
    import paddle

    from paddle_gan_aug.algorithms.losses import HEADS

    expected = [0.5, 0.8807970779778823, 0.04742587317756678]
    for head, logits in (("sigmoid", SIGMOID_LOGITS), ("softmax", SOFTMAX_LOGITS)):
        np.testing.assert_allclose(HEADS[head].score(paddle.to_tensor(logits)).numpy(), expected, rtol=1e-5)
