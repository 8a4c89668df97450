"""Few labels among many images: which images keep theirs, and what a batch of both kinds holds."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug import runtime
from paddle_gan_aug.data import (
    DataSpec,
    LabelledImages,
    PartlyLabelledBatches,
    few_of_each_class,
    keep_labels,
    load,
    load_unlabelled,
    to_network,
    without_labels,
)
from paddle_gan_aug.errors import InputError


def numbered(counts):
    """`LabelledImages` of 2 × 2 pixels whose first pixels are their number, `counts[c]` of class c, the classes in turn mixed."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = np.zeros((len(labels), 1, 2, 2), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(len(labels)) % 256, np.arange(len(labels)) // 256
    return LabelledImages(images, labels, tuple("abcdefgh"[: len(counts)]), "numbered")


def numbers(images):
    return images[:, 0, 0, 0].astype(int) + 256 * images[:, 0, 0, 1].astype(int)


def test_the_classes_share_the_labels_equally():
    data = numbered([50, 80, 30])
    kept = keep_labels(data, 30, seed=3)
    assert kept.counts().tolist() == [10, 10, 10]
    assert (data.labels[numbers(kept.images)] == kept.labels).all() and (np.diff(numbers(kept.images)) > 0).all()
    assert kept.fingerprint() == few_of_each_class(data, 10, seed=3).fingerprint()
    assert kept.fingerprint() == keep_labels(data, 30, seed=3).fingerprint() != keep_labels(data, 30, seed=4).fingerprint()
    assert kept.source.endswith("30 with labels by seed 3")


def test_what_does_not_divide_goes_to_classes_by_the_seed():
    data = numbered([50, 80, 30, 0])
    favoured = {tuple(keep_labels(data, 32, seed).counts().tolist()) for seed in range(20)}
    assert favoured == {(11, 11, 10, 0), (11, 10, 11, 0), (10, 11, 11, 0)}


def test_labels_that_cannot_be_kept():
    data = numbered([50, 80, 9])
    with pytest.raises(InputError, match="data.labels 2 is too few for the 3 classes of numbered: each needs at least one"):
        keep_labels(data, 2)
    with pytest.raises(InputError, match="class c of numbered has 9 training images: data.labels 30 is too many"):
        keep_labels(data, 30)


def test_a_data_set_with_labels(small_mnist):
    spec = DataSpec(str(small_mnist), labels=20, seed=5)
    labelled = load(spec, "train")
    rest = load_unlabelled(spec, labelled)
    assert labelled.counts().tolist() == [2] * 10 and len(rest) == 500 and len(load(spec, "valid")) == 100
    assert not rest.labels.any() and rest.class_names == ("unlabelled",) and rest.source.endswith("without labels")
    assert rest.fingerprint() == load_unlabelled(spec, labelled).fingerprint()
    assert len(load(spec.whole(), "train")) == len(load(spec.renamed(small_mnist), "train")) == 500


def write_pictures(folder, count, size=28, mode="L"):
    folder.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(np.full((size, size), i, np.uint8)).convert(mode).save(folder / f"{i}.png")
    return folder


def test_further_images_without_labels(small_mnist, tmp_path):
    spec = DataSpec(str(small_mnist))
    labelled = load(spec, "train")

    def read(path, **reading):
        return load_unlabelled(dataclasses.replace(spec, unlabelled=str(path), **reading), labelled)

    more = write_pictures(tmp_path / "more", 7)
    both = read(more)
    assert len(both) == 507 and sorted(both.images[500:, 0, 0, 0].tolist()) == list(range(7))
    assert len(read(small_mnist)) == 500 + 600  # of data in parts the training and validation images
    np.savez(tmp_path / "more.npz", images=np.zeros((5, 28, 28), np.uint8))
    assert len(read(tmp_path / "more.npz")) == 505
    with pytest.raises(InputError, match="has no images without labels: name some .*, or keep the labels of a few"):
        load_unlabelled(spec, labelled)
    small = write_pictures(tmp_path / "small", 3, 20)
    with pytest.raises(InputError, match="differ in channels or size .1×20×20 and 1×28×28.*data.image_size"):
        read(small)
    assert len(read(small, image_size=28)) == 503
    with pytest.raises(InputError, match="differ in channels or size .3×28×28 and 1×28×28.*data.channels"):
        read(write_pictures(tmp_path / "colour", 3, mode="RGB"))
    with pytest.raises(InputError, match="data.unlabelled.*nowhere does not exist"):
        read(tmp_path / "nowhere")


def test_a_folder_of_unlabelled_images_beside_the_parts(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/b", "Unlabelled"):
        write_pictures(tmp_path / name, 6)
    spec = DataSpec(str(tmp_path))
    labelled = load(spec, "train")
    assert len(labelled) == 10 and len(load(spec, "test")) == 12 and len(load_unlabelled(spec, labelled)) == 16
    write_pictures(tmp_path / "other", 1)
    with pytest.raises(InputError, match="and a folder other: it may hold train, valid .or val., test, unlabelled"):
        load(spec, "train")


def test_lists_beside_folders_of_parts(tmp_path):
    """The folders that PaddleX makes beside its lists are no parts of a set in folders."""
    for name in ("train", "val", "images"):
        write_pictures(tmp_path / name, 6)
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    (tmp_path / "train_list.txt").write_text("".join(f"images/{name} {i % 2}\n" for i, name in enumerate(names)))
    spec = DataSpec(str(tmp_path), unlabelled=str(tmp_path / "val"), split="full")
    assert len(load_unlabelled(spec, load(spec, "train"))) == 12  # and those with labels


def test_a_class_may_be_called_unlabelled(tmp_path):
    for name in ("train", "unlabelled"):
        write_pictures(tmp_path / name, 6)
    assert load(DataSpec(str(tmp_path)), "train").class_names == ("train", "unlabelled")


def batches(labelled, unlabelled, size, labelled_batch=None):
    return PartlyLabelledBatches(labelled, unlabelled, size, lambda kind, number: runtime.rng(0, kind, number), labelled_batch)


def test_every_image_comes_before_any_comes_again():
    labelled, rest = numbered([3, 4]), without_labels(numbered([250, 253]).images, "rest")
    made = batches(labelled, rest, 50)
    assert made.steps_per_epoch == 10
    found = [made.batch(step) for step in range(20)]
    seen = np.concatenate([batch.images for batch in found])
    counts = np.unique(((seen[:, 0, 0, 0] + 1) * 127.5).round(), return_counts=True)[1]
    assert counts.max() - counts.min() <= 1 and len(counts) == 7
    for name in ("unlabelled", "matched"):
        rows = np.concatenate([getattr(batch, name) for batch in found])[: len(rest)]
        assert sorted(numbers(((rows + 1) * 127.5).round())) == list(range(503))
    assert (found[0].unlabelled != found[0].matched).any()
    assert all(
        (to_network(labelled.images)[labelled.labels == 0] == image).all((1, 2, 3)).any() for image in found[0].images[found[0].labels == 0]
    )


def test_a_batch_may_have_fewer_labelled_images():
    labelled, rest = numbered([6, 4]), without_labels(numbered([50, 53]).images, "rest")
    made = batches(labelled, rest, 20, labelled_batch=5)
    found = [made.batch(step) for step in range(6)]
    assert {(len(batch), len(batch.labels), len(batch.unlabelled), len(batch.matched)) for batch in found} == {(5, 5, 20, 20)}
    for first in (0, 2, 4):  # two batches hold each labelled image once
        pair = np.concatenate([found[first].images, found[first + 1].images])
        assert sorted(numbers(((pair + 1) * 127.5).round())) == sorted(numbers(labelled.images))


def test_a_batch_depends_on_its_step_alone():
    labelled, rest = numbered([3, 4]), without_labels(numbered([50, 53]).images, "rest")
    in_order, out_of_order = batches(labelled, rest, 20), batches(labelled, rest, 20)
    wanted = {step: in_order.batch(step) for step in range(30)}
    for step in (29, 3, 17, 18, 0, 29):
        batch = out_of_order.batch(step)
        for name in ("images", "labels", "unlabelled", "matched"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(wanted[step], name))


def test_a_batch_that_is_too_large():
    with pytest.raises(
        InputError,
        match="batch size 200 is larger than the 103 images without labels .rest, without labels.: use a batch size of at most 103",
    ):
        batches(numbered([3, 4]), without_labels(numbered([50, 53]).images, "rest"), 200)
