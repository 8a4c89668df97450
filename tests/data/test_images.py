"""LabelledImages holds what it promises, and scaling is exact and reversible."""

import subprocess
import sys

import numpy as np
import pytest

from paddle_gan_aug.data import LabelledImages, concatenate, to_network, to_uint8
from paddle_gan_aug.data.images import check_several_classes, class_index
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import PACKAGE_PARENT


def labelled(images=None, labels=None, names=("a", "b")):
    images = np.zeros((2, 1, 3, 5), np.uint8) if images is None else images
    return LabelledImages(images, np.array([0, 1]) if labels is None else labels, names, "here")


def test_it_describes_itself():
    data = labelled()
    assert (len(data), data.channels, data.image_size, data.shape) == (2, 1, 3, (1, 3, 5))
    assert data.counts().tolist() == [1, 1] and data.counts().dtype == np.int64


def test_classes_without_images_are_not_filled():
    data = labelled(labels=np.array([2, 2]), names=("a", "b", "c"))
    assert data.filled_classes == ("c",) and labelled().filled_classes == ("a", "b")
    with pytest.raises(InputError, match=r"^here has images of one class alone \(c\): a classifier tells classes apart"):
        check_several_classes(data)
    check_several_classes(labelled())


def test_images_are_made_contiguous_and_names_a_tuple():
    data = labelled(np.arange(30, dtype=np.uint8).reshape(2, 1, 5, 3).transpose(0, 1, 3, 2), names=["a", "b"])
    assert data.images.flags.c_contiguous and data.shape == (1, 3, 5) and data.class_names == ("a", "b")


def test_nothing_can_be_written_into_it(small):
    mine = small.images.copy()
    for data in (small, small.subset(slice(2, 7)), small.subset([1]), LabelledImages(mine, small.labels, small.class_names, "")):
        for array in (data.images, data.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    mine[0] = 0  # the caller's own array is left as it was


@pytest.mark.parametrize(
    "fault, message",
    [
        ({"images": np.zeros((2, 1, 3, 5), np.float32)}, "uint8"),
        ({"images": np.zeros((2, 3, 5), np.uint8)}, "4 dimensions"),
        ({"images": np.zeros((2, 1, 0, 5), np.uint8)}, "no pixels"),
        ({"images": [[1]]}, "list"),
        ({"labels": np.array([0, 1], np.int32)}, "int64"),
        ({"labels": np.array([[0, 1]])}, "1 dimensions"),
        ({"labels": np.array([0])}, "2 images but 1 labels"),
        ({"labels": np.array([0, 2])}, "0 to 2"),
        ({"labels": np.array([-1, 1])}, "-1 to 1"),
        ({"names": ("a", "a")}, "different"),
        ({"names": (0, 1)}, "strings"),
        ({"names": ()}, "0 classes"),
    ],
)
def test_faults_are_refused(fault, message):
    with pytest.raises(ValueError, match=message):
        labelled(**fault)


def test_subset_takes_indices_masks_and_slices(small):
    for which, rows in (([3, 1], [3, 1]), (np.arange(13) % 6 == 0, [0, 6, 12]), (slice(2, 5), [2, 3, 4]), ([], [])):
        part = small.subset(which)
        assert len(part) == len(rows) and part.labels.tolist() == [small.labels[i] for i in rows]
        assert all((part.images[k] == small.images[i]).all() for k, i in enumerate(rows))
    assert small.subset([3, 1]).source == "small, 2 of 13 images"
    assert small.subset([3, 1], "two").source == "small, two"


@pytest.mark.parametrize("name", ["b", 1, np.int64(1), "1"])
def test_a_class_by_name_or_index(small, name):
    chosen = small.of_class(name)
    assert set(chosen.labels) == {1} and len(chosen) == small.counts()[1] and chosen.class_names == small.class_names
    assert (chosen.images == small.images[small.labels == 1]).all()
    assert chosen.source == "small, class b"


@pytest.mark.parametrize("number", [str, int, np.int64])
def test_a_number_as_a_name_is_not_an_index(number):
    data = labelled(names=("1", "2"))
    assert data.of_class(number(1)).labels.tolist() == [0] and data.of_class(number(2)).labels.tolist() == [1]
    with pytest.raises(InputError, match="0.*1, 2"):
        data.of_class(number(0))


def test_numbers_with_noughts_before_them():
    names = tuple(f"{i:03d}" for i in range(1, 13))
    data = LabelledImages(np.zeros((12, 1, 2, 2), np.uint8), np.arange(12), names, "here")
    assert [data.class_index(name) for name in ("010", "10", 10, "008", 8, "1", "12")] == [9, 9, 9, 7, 7, 0, 11]
    for name in ("0", 0, "13", "1.0", "-1", "0x1"):
        with pytest.raises(InputError, match="no class .*001, 002"):
            data.class_index(name)
    with pytest.raises(InputError, match="several classes 1 in .*01, 001"):
        labelled(names=("01", "001")).class_index("1")


@pytest.mark.parametrize("name", ["d", 3, -1, "3", "-1", ""])
def test_an_unknown_class_lists_the_known(small, name):
    with pytest.raises(InputError, match="no class .* in small: .*a, b, c"):
        small.of_class(name)


def test_many_classes_do_not_flood_the_message():
    data = labelled(names=tuple(f"n{i}" for i in range(1000)))
    with pytest.raises(InputError, match="n29 and 970 more"):
        data.of_class("x")


def test_an_empty_class_is_refused(small):
    with pytest.raises(InputError, match=r"no image of class 'b' .*\(a\)"):
        small.of_class("a").of_class("b")


def test_the_fingerprint_follows_the_content(small):
    again = LabelledImages(small.images.copy(), small.labels.copy(), small.class_names, "elsewhere")
    assert again.fingerprint() == small.fingerprint() and len(small.fingerprint()) == 64
    other_pixel, other_label = small.images.copy(), small.labels.copy()
    other_pixel[4, 0, 2, 1] ^= 1
    other_label[0] = 2
    variants = [
        LabelledImages(other_pixel, small.labels, small.class_names, "small"),
        LabelledImages(small.images, other_label, small.class_names, "small"),
        LabelledImages(small.images, small.labels, ("a", "b", "d"), "small"),
        LabelledImages(small.images.reshape(13, 1, 2, 8), small.labels, small.class_names, "small"),
    ]
    assert len({small.fingerprint(), *(variant.fingerprint() for variant in variants)}) == 5


def test_concatenate_keeps_the_order(small):
    first, second = small.subset([0, 5]), small.subset([7])
    assert concatenate(first, second).fingerprint() == small.subset([0, 5, 7]).fingerprint()
    with pytest.raises(ValueError, match="differ"):
        concatenate(first, labelled())


def test_to_network_is_exact():
    grey = np.arange(256, dtype=np.uint8)
    scaled = to_network(grey)
    assert scaled.dtype == np.float32 and scaled[0] == -1 and scaled[255] == 1
    assert (scaled == grey.astype(np.float32) / np.float32(127.5) - np.float32(1)).all()
    with pytest.raises(ValueError, match="float32"):
        to_network(scaled)


def test_to_uint8_is_the_inverse_and_clips():
    grey = np.arange(256, dtype=np.uint8)
    assert (to_uint8(to_network(grey)) == grey).all()
    odd = to_uint8(np.array([-5, 5, np.inf, -np.inf, np.nan, 0.0001], np.float32))
    assert odd.dtype == np.uint8 and odd.tolist() == [0, 255, 255, 0, 0, 128]


def test_data_does_not_import_paddle():
    code = "import sys, paddle_gan_aug.data; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE_PARENT, check=False).returncode == 0


def test_the_fingerprint_is_computed_once(small, monkeypatch):
    first = small.fingerprint()
    monkeypatch.setattr("paddle_gan_aug.data.images.hashlib.sha256", lambda *_: pytest.fail("computed again"))
    assert small.fingerprint() == first


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shows_the_first_images(rng, channels):
    images = rng.integers(0, 256, (7, channels, 4, 6), dtype=np.uint8)
    data = LabelledImages(images, np.zeros(7, np.int64), ("a",), "here")
    sheet = data.grid(count=5, columns=3)
    assert sheet.dtype == np.uint8 and sheet.shape == ((8, 18) if channels == 1 else (8, 18, 3))
    assert (sheet[4:, 6:12] == (images[4, 0] if channels == 1 else images[4].transpose(1, 2, 0))).all()
    assert data.grid().shape[:2] == (4, 42)
    for options in ({"count": 0}, {"columns": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            data.grid(**options)


def test_a_notebook_shows_the_grid(small):
    picture = small.show(count=8, columns=4)
    assert picture.mode == "L" and picture.size == (64, 32)  # enlarged four times
    assert (np.asarray(picture)[::4, ::4] == small.grid(count=8, columns=4)).all()
    assert small._repr_png_().startswith(b"\x89PNG") and small.subset([])._repr_png_() is None


def test_a_class_of_thousands_of_digits():
    names = ("1", "9" * 5000)
    assert class_index(names, "1", "here") == 0 and class_index(names, "9" * 5000, "here") == 1 and class_index(names, "01", "here") == 0
    with pytest.raises(InputError, match="^no class '8888+' in here: choose one of 1, 9999"):
        class_index(names, "8" * 5000, "here")
