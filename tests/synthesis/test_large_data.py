"""Filters that learn from very large data look at some images of each class."""

import numpy as np

from paddle_gan_aug.data import LabelledImages, load
from paddle_gan_aug.synthesis import filter_runner, held_out
from paddle_gan_aug.synthesis.filters import Filters
from paddle_gan_aug.synthesis.generate import generate


def test_some_images_of_each_class(monkeypatch):
    labels = np.repeat([0, 1, 2], [9000, 900, 5])
    images = LabelledImages(np.zeros((len(labels), 1, 4, 4), np.uint8), labels, ("a", "b", "c", "d"), "x")
    some = held_out.some_of_each_class(images, 1000)
    assert some.counts().tolist() == [909, 91, 5, 0] and held_out.some_of_each_class(images, 9905) is images
    assert held_out.some_of_each_class(images, 50).counts().tolist() == [45, 20, 5, 0]
    assert some.fingerprint() == held_out.some_of_each_class(images, 1000).fingerprint()


def test_a_set_is_filtered_by_some_of_the_real_images(tiny, small_mnist, tmp_path, monkeypatch):
    looked_at, reference = [], filter_runner.Reference
    monkeypatch.setattr(filter_runner, "Reference", lambda **given: looked_at.append(given) or reference(**given))
    monkeypatch.setattr(filter_runner, "NEAREST", 210)
    filters = Filters(names=["copies"], classifier=tiny["classifier"], attempts=9)
    made = generate(tiny["conditional"], to=tmp_path / "set", per_class=2, filters=filters, quiet=True)
    (given,) = looked_at
    real = load(small_mnist, "train")
    assert len(real) == 500 and 200 <= len(given["features"]) == len(given["labels"]) <= 230
    assert np.unique(given["labels"]).tolist() == list(range(10)) and made.count == 20
