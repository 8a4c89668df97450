"""What a run that was opened can do: draw images, and say what was recorded of it."""

import numpy as np
import pytest
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.sampling import UNLABELLED


def test_samples_of_a_conditional_run(tiny):
    run = paddle_gan_aug.open_run(tiny["conditional"])
    images = run.sample(23)
    assert images.images.dtype == np.uint8 and images.images.shape == (23, 1, 28, 28)
    assert images.labels.tolist() == [i % 10 for i in range(23)] and images.class_names == tuple("0123456789")
    fewer = run.sample(11)
    np.testing.assert_array_equal(fewer.images[:10], images.images[:10], err_msg="one of each class, as in larger samples")
    np.testing.assert_array_equal(run.sample(23).images, images.images)
    assert (run.sample(23, seed=1).images != images.images).any()
    five = run.sample(3, labels="5")
    assert five.labels.tolist() == [5, 5, 5]
    mixed = run.sample(4, labels=["5", 2, "5", "5"])
    assert mixed.labels.tolist() == [5, 2, 5, 5]
    np.testing.assert_array_equal(mixed.images[[0, 2, 3]], five.images)


def test_samples_are_those_that_generate_writes(tiny, tmp_path):
    written = paddle_gan_aug.generate(tiny["conditional"], per_class=4, to=tmp_path / "set", seed=7, filters=paddle_gan_aug.Filters("none"))
    drawn = paddle_gan_aug.open_run(tiny["conditional"]).sample(40, seed=7)
    for digit in range(10):
        np.testing.assert_array_equal(drawn.of_class(digit).images[:, 0], pictures(written.folder / str(digit)))
    alone = paddle_gan_aug.generate(tiny["5"], count=4, to=tmp_path / "five", seed=7, filters=paddle_gan_aug.Filters("none"))
    five = paddle_gan_aug.open_run(tiny["5"]).sample(4, seed=7)
    np.testing.assert_array_equal(five.images[:, 0], pictures(alone.folder))
    assert five.labels.tolist() == [5] * 4


def pictures(folder):
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("0*.png"))]


def test_a_run_without_classes(small_mnist, tmp_path, process):
    overrides = {"data.source": str(small_mnist), "generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20}
    overrides.update({"train.steps": 2, "log.visualdl": False})
    run = paddle_gan_aug.train("classic", run="r", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)
    images = run.sample(5)
    assert images.class_names == (UNLABELLED,) and images.labels.tolist() == [0] * 5
    np.testing.assert_array_equal(run.sample(2).images, images.images[:2])
    with pytest.raises(InputError, match="labels: run r makes images without classes"):
        run.sample(5, labels=0)


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("classifier", {"n": 3}, "makes no images: it trained the algorithm classifier"),
        ("conditional", {"n": 0}, "n is 0: ask for at least one image"),
        ("conditional", {"n": 2.5}, "n is 2.5"),
        ("conditional", {"n": 2, "seed": -1}, "seed -1"),
        ("conditional", {"n": 2, "labels": ["1"]}, "labels: 1 classes for 2 images"),
        ("conditional", {"n": 2, "labels": "ten"}, "no class 'ten' in run conditional"),
        ("5", {"n": 2, "labels": "6"}, "has not learnt the class 6; it has learnt 5"),
    ],
)
def test_what_it_refuses(tiny, name, options, words):
    with pytest.raises(InputError, match=words) as refusal:
        paddle_gan_aug.open_run(tiny[name]).sample(**options)
    assert "\n" not in str(refusal.value) and "--" not in str(refusal.value)


def test_metrics(tiny):
    run = paddle_gan_aug.open_run(tiny["conditional"])
    rows = run.metrics()
    assert rows[0]["step"] == 1 and rows[-1]["step"] == 3
    steps, values = run.curve("g_loss")
    assert steps.tolist() == [row["step"] for row in rows] and values.tolist() == [row["g_loss"] for row in rows]
    with pytest.raises(InputError, match="has recorded no loss_of_g; it has .*g_loss"):
        run.curve("loss_of_g")
    assert run.best is None
