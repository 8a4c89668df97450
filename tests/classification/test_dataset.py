"""Images for somebody else's training loop."""

import numpy as np

import paddle_gan_aug
from paddle_gan_aug.data import DataSpec, load


def test_an_augmented_set_in_paddles_loader(tiny, small_mnist, tmp_path, process):
    from paddle.io import DataLoader, Dataset

    filters = paddle_gan_aug.Filters("none")
    overrides = {"data.source": str(small_mnist), "data.split": "standard"}
    paddle_gan_aug.augment_data(to=tmp_path / "set", overrides=overrides, runs=[tiny["conditional"]], filters=filters, quiet=True)
    dataset = paddle_gan_aug.LabelledDataset(tmp_path / "set")
    assert isinstance(dataset, Dataset)
    real = load(str(small_mnist), "train")
    assert len(dataset) == 10 * real.counts().max()  # every class as large as the largest
    batches = list(DataLoader(dataset, batch_size=64, shuffle=True))
    assert sum(len(labels) for _, labels in batches) == len(dataset)
    images, labels = batches[0]
    assert list(images.shape[1:]) == [1, 28, 28] and -1 <= float(images.min()) < float(images.max()) <= 1
    assert np.bincount(np.concatenate([labels.numpy().ravel() for _, labels in batches])).tolist() == [real.counts().max()] * 10
    image, label = paddle_gan_aug.LabelledDataset(tmp_path / "set", part="valid", transform=lambda image: image[:, :14])[3]
    valid = load(str(tmp_path / "set"), "valid")
    np.testing.assert_array_equal(image, valid.images[3][:, :14])
    assert label == valid.labels[3]


def test_the_split_is_that_of_the_data(small_mnist):
    full = DataSpec(str(small_mnist), split="full")
    for source, more, size in ((full, {}, 600), (full, {"split": "standard"}, 500), (str(small_mnist), {}, 500)):
        assert len(paddle_gan_aug.LabelledDataset(source, **more)) == size
