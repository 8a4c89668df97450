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
    from paddle_gan_aug.algorithms.losses import sigmoid_loss, softmax_loss

    loss = {"sigmoid": sigmoid_loss, "softmax": softmax_loss}[head]
    assert value(loss, logits, real=True) == pytest.approx(SIGMOID_REAL, rel=1e-6)
    assert value(loss, logits, real=False) == pytest.approx(SIGMOID_FAKE, rel=1e-6)
    smoothed = 0.9 * SIGMOID_REAL + 0.1 * SIGMOID_FAKE
    assert value(loss, logits, real=True, target=0.9) == pytest.approx(smoothed, rel=1e-6)
    assert value(loss, logits, real=False, target=0.9) == pytest.approx(SIGMOID_FAKE, rel=1e-6)  # one-sided: fakes stay 0


def test_large_logits_stay_finite():
    from paddle_gan_aug.algorithms.losses import sigmoid_loss, softmax_loss

    assert value(sigmoid_loss, [[1000.0]], real=False) == pytest.approx(1000.0)
    assert value(softmax_loss, [[-500.0, 500.0]], real=False) == pytest.approx(1000.0)


def test_the_sigmoid_of_a_score_is_the_probability_of_real():
    import paddle

    from paddle_gan_aug.algorithms.losses import score

    expected = [0.5, 0.8807970779778823, 0.04742587317756678]
    for logits in (SIGMOID_LOGITS, SOFTMAX_LOGITS):
        np.testing.assert_allclose(paddle.nn.functional.sigmoid(score(paddle.to_tensor(logits))).numpy(), expected, rtol=1e-5)


REAL, FAKE = np.array([1.5, -0.5, 3.0]), np.array([-2.0, 0.25])  # the batches differ in size
PARTNERS = np.array([-2.0, 0.25, 3.5])  # of REAL, where each real has a fake of its own


def softplus(x):
    return np.logaddexp(0, x)


def relativistic(a, b):
    return softplus(-(a - b.mean())).mean() + softplus(b - a.mean()).mean()


EXPECTED = {  # name -> (D's loss, G's loss), in float64
    "non-saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
    "saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), -softplus(FAKE).mean()),
    "softmax": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
    "least-squares": (((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    "hinge": (1.5 / 3 + 1.25 / 2, -FAKE.mean()),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "relativistic": (relativistic(REAL, FAKE), relativistic(FAKE, REAL)),
    "paired": (softplus(PARTNERS - REAL).mean(), softplus(REAL - PARTNERS).mean()),
}


def tensor(values, logits):
    """Scores as logits: one a sample, or two with that difference."""
    import paddle

    column = np.array(values, dtype="float32")[:, None]
    array = column if logits == 1 else np.concatenate([0.25 - column / 2, 0.25 + column / 2], 1)
    return paddle.to_tensor(array, stop_gradient=False)


def slope(loss, by, logits):
    """d loss / d score of every sample, [N]: logits rise together with the score."""
    import paddle

    (gradient,) = paddle.grad(loss, [by])
    return gradient.numpy()[:, -1] * logits


def fakes_for(name):
    return PARTNERS if name == "paired" else FAKE


def every_loss():
    from paddle_gan_aug.algorithms.registry import LOSSES

    assert set(LOSSES) == set(EXPECTED)
    return LOSSES.items()


def test_every_loss_has_its_exact_value():
    for name, loss in every_loss():
        real, fake = tensor(REAL, loss.logits), tensor(fakes_for(name), loss.logits)
        d, g = loss.d_loss(real, fake), loss.g_loss(real, fake)
        assert d.shape == g.shape == [], name
        assert (float(d), float(g)) == pytest.approx(EXPECTED[name], rel=1e-6), name


def test_parts_sum_to_the_whole_and_a_joint_loss_has_none():
    for name, loss in every_loss():
        assert loss.joint == (name in ("relativistic", "paired"))
        if not loss.joint:
            real, fake = tensor(REAL, loss.logits), tensor(FAKE, loss.logits)
            parts = float(loss.d_part(real, True)) + float(loss.d_part(fake, False))
            assert parts == pytest.approx(EXPECTED[name][0], rel=1e-6), name
            assert float(loss.g_loss(None, fake)) == pytest.approx(EXPECTED[name][1], rel=1e-6), name


def test_d_pulls_reals_up_and_fakes_down_and_g_pulls_fakes_up():
    for name, loss in every_loss():
        real, fake = tensor([-0.5, 0.25], loss.logits), tensor([-0.25, 0.5], loss.logits)
        d = loss.d_loss(real, fake)
        at_fakes = [0.5, 0.75] if name == "least-squares" else [-0.25, 0.5]  # a square is least at its label, not beyond it
        assert (slope(d, real, loss.logits) < 0).all(), name
        fake = tensor(at_fakes, loss.logits)
        assert (slope(loss.d_loss(real, fake), fake, loss.logits) > 0).all(), name
        assert (slope(loss.g_loss(real, fake), fake, loss.logits) < 0).all(), name
    d = dict(every_loss())["hinge"].d_loss(tensor([2.0], 1), fake := tensor([-2.0], 1))
    assert slope(d, fake, 1) == 0  # D's hinge is flat beyond the margin; G's is not
    assert slope(dict(every_loss())["hinge"].g_loss(None, fake), fake, 1) == -1


def test_the_relativistic_loss_is_differentiated_through_both_sides():
    loss = dict(every_loss())["relativistic"]
    real, fake = tensor([0.5], 1), tensor([0.5], 1)
    assert float(loss.d_loss(real, fake)) == pytest.approx(2 * np.log(2), rel=1e-6)
    assert slope(loss.g_loss(real, fake), real, 1) == pytest.approx(1.0)
    assert slope(loss.g_loss(real, fake), fake, 1) == pytest.approx(-1.0)


def test_the_paired_loss_looks_at_partners_alone():
    loss = dict(every_loss())["paired"]
    real, fake = tensor([0.5, 7.0], 1), tensor([0.5, -9.0], 1)
    assert float(loss.d_loss(tensor([0.5], 1), tensor([0.5], 1))) == pytest.approx(np.log(2), rel=1e-6)
    pull = -1 / (1 + np.exp(np.array([0.0, 16.0]))) / 2  # of each pair by its own difference, whatever the others are
    np.testing.assert_allclose(slope(loss.d_loss(real, fake), real, 1), pull, rtol=1e-4)
    np.testing.assert_allclose(slope(loss.d_loss(real, fake), fake, 1), -pull, rtol=1e-4)
    np.testing.assert_allclose(slope(loss.g_loss(real, fake), fake, 1), -(0.5 + pull), rtol=1e-4)
    with pytest.raises(ValueError, match="in pairs"):
        loss.d_loss(real, tensor([1.0], 1))


def test_saturating_is_flat_where_non_saturating_is_steep():
    losses, fake = dict(every_loss()), tensor([-10.0], 1)
    assert slope(losses["saturating"].g_loss(None, fake), fake, 1) == pytest.approx(-1 / (1 + np.exp(10)), rel=1e-4)
    assert slope(losses["non-saturating"].g_loss(None, fake), fake, 1) == pytest.approx(-1 / (1 + np.exp(-10)), rel=1e-4)


def test_smoothing_moves_the_label_of_reals_alone():
    for name, loss in every_loss():
        real, fake = tensor(REAL, loss.logits), tensor(fakes_for(name), loss.logits)
        if not loss.smooths:
            with pytest.raises(TypeError):
                loss.d_loss(real, fake, 0.9)
            continue
        moved = float(loss.d_loss(real, fake, 0.9)) - EXPECTED[name][0]
        if name == "least-squares":
            expected = (((REAL - 0.9) ** 2).mean() - ((REAL - 1) ** 2).mean()) / 2
        else:  # cross-entropy is linear in the label, with slope -logit
            expected = 0.1 * (REAL.mean() - (FAKE.mean() if name == "relativistic" else 0.0))
        assert moved == pytest.approx(expected, abs=1e-6), name


def test_every_loss_stays_finite_at_large_logits():
    for name, loss in every_loss():
        for size in (-1e3, 1e3):
            real, fake = tensor([size], loss.logits), tensor([-size], loss.logits)
            for value_of in (loss.d_loss, loss.g_loss):
                for by in (real, fake):
                    if by is fake or loss.joint or value_of is loss.d_loss:
                        assert np.isfinite(slope(value_of(real, fake), by, loss.logits)).all(), name
                assert np.isfinite(float(value_of(real, fake))), name
