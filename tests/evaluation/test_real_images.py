"""Every part of the real data is read once, and what cannot be measured is known before anything is learnt."""

import numpy as np
import pytest

from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation import reference
from paddle_gan_aug.evaluation.real_images import read_real_images


@pytest.mark.parametrize(
    "spec",
    [
        DataSpec(),
        DataSpec(class_name="5"),
        DataSpec(classes=("1", "2"), per_class=20),
        DataSpec(per_class=30, class_name="3", image_size=14),
        DataSpec(split="full", class_name="1"),
    ],
)
@pytest.mark.parametrize("of_all", [False, True])
def test_the_parts_are_those_that_load_gives(spec, of_all, small_mnist):
    import dataclasses

    spec = dataclasses.replace(spec, name=str(small_mnist))
    real = read_real_images(spec, "test", network_of_all=of_all)
    learnt = dataclasses.replace(spec, classes=None, class_name=None, split="standard", per_class=None if of_all else spec.per_class)
    pairs = [(real.reference, load(spec, "test")), (real.training, load(spec, "train")), (real.network_training, load(learnt, "train"))]
    if spec.split == "full":
        assert real.validation is None
    else:
        pairs.append((real.validation, load(spec, "valid")))
    for part, alone in [*pairs, (real.network_validation, load(learnt, "valid"))]:
        assert (part.fingerprint(), part.source) == (alone.fingerprint(), alone.source)


@pytest.mark.parametrize("spec", [DataSpec(), DataSpec(class_name="5"), DataSpec(classes=("1", "2"), per_class=20)])
def test_each_part_is_read_once(spec, reads):
    read_real_images(spec, "test")
    assert reads.each_once()
    reads.forget()
    read_real_images(spec, "valid", training=load(spec, "train"))
    assert reads.each_once()


def test_images_of_another_shape_are_known_before_anything_is_learnt(tmp_path, small_mnist, monkeypatch):
    import paddle_gan_aug

    monkeypatch.setattr(reference, "find_network", lambda *_, **__: pytest.fail("a feature network was learnt"))
    overrides = {"data.source": str(small_mnist), "train.batch_size": 50, "train.steps": 1}
    paddle_gan_aug.train("fast", run="r", overrides=overrides, output=tmp_path, log=tmp_path, quiet=True)
    with pytest.raises(InputError, match="1 generated images are too few"):
        paddle_gan_aug.evaluate(tmp_path / "r", count=1, quiet=True)
    with pytest.raises(InputError, match=r"differ in shape \(1 x 28 x 28 and 3 x 32 x 32\)"):
        np.savez(tmp_path / "colour.npz", images=np.zeros((600, 3, 32, 32), np.uint8))
        paddle_gan_aug.evaluate(tmp_path / "r", data=tmp_path / "colour.npz", part="valid", quiet=True)
