"""Pictures: exact pixels where pixels are arranged, and real files read back with Pillow where they are drawn."""

import os

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug import fonts, pictures
from paddle_gan_aug.errors import InputError


def test_grid_exact_pixels():
    images = np.array([10, 20, 30], np.uint8).reshape(3, 1, 1, 1).repeat(2, axis=2).repeat(3, axis=3)
    sheet = pictures.grid(images, columns=2, padding=1, background=7)
    grey = [
        [10, 10, 10, 7, 20, 20, 20],
        [10, 10, 10, 7, 20, 20, 20],
        [7, 7, 7, 7, 7, 7, 7],
        [30, 30, 30, 7, 7, 7, 7],
        [30, 30, 30, 7, 7, 7, 7],
    ]
    assert sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet, np.repeat(np.array(grey)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("count, shape", [(1, (4, 5)), (16, (4, 80)), (17, (8, 80))])
def test_grid_places_each_image(count, shape):
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 4, 5), dtype=np.uint8)
    sheet = pictures.grid(images)
    assert sheet.shape == (*shape, 3)
    for index in range(count):
        row, column = divmod(index, 16)
        cell = sheet[row * 4 : row * 4 + 4, column * 5 : column * 5 + 5]
        np.testing.assert_array_equal(cell, images[index].transpose(1, 2, 0))


@pytest.mark.parametrize(
    "images, columns, padding",
    [
        (np.zeros((2, 1, 4, 4), np.float32), 16, 0),
        (np.zeros((2, 4, 4), np.uint8), 16, 0),
        (np.zeros((2, 2, 4, 4), np.uint8), 16, 0),
        (np.zeros((0, 1, 4, 4), np.uint8), 16, 0),
        (np.zeros((2, 1, 4, 4), np.uint8), 0, 0),
        (np.zeros((2, 1, 4, 4), np.uint8), 4, -1),
    ],
)
def test_grid_rejects(images, columns, padding):
    with pytest.raises(ValueError):
        pictures.grid(images, columns, padding)


def test_as_rgb_of_every_layout_is_a_fresh_copy():
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    tripled = np.stack([grey] * 3, axis=2)
    for image in (grey, grey[:, :, None], grey[None], tripled, tripled.transpose(2, 0, 1)):
        result = pictures.as_rgb(image)
        np.testing.assert_array_equal(result, tripled)
        result[:] = 0
    np.testing.assert_array_equal(grey, np.arange(20).reshape(4, 5))
    for wrong in (grey.astype(np.float32), np.zeros((4, 5, 2), np.uint8), np.zeros((0, 5), np.uint8)):
        with pytest.raises(ValueError):
            pictures.as_rgb(wrong)


def test_png_round_trip(tmp_path):
    grey = np.random.default_rng(1).integers(0, 256, (6, 9), dtype=np.uint8)
    colour = np.random.default_rng(2).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    pictures.save_png(path, grey)
    np.testing.assert_array_equal(pictures.read_png(path), grey[None])
    first = path.read_bytes()
    pictures.save_png(path, grey[:, :, None])
    assert path.read_bytes() == first
    pictures.save_png(path, colour)  # replaces
    np.testing.assert_array_equal(pictures.read_png(path), colour.transpose(2, 0, 1))
    with pytest.raises(ValueError):
        pictures.save_png(path, colour.transpose(2, 0, 1))
    assert os.listdir(tmp_path) == ["image.png"]


def test_read_png_of_other_kinds(tmp_path):
    path = tmp_path / "image.png"
    grey = np.array([[0, 255], [255, 0]], np.uint8)
    for image, expected in (
        (Image.fromarray(grey).convert("1"), grey[None]),
        (Image.fromarray(grey).convert("LA"), grey[None]),
        (Image.fromarray(grey).convert("RGBA"), np.stack([grey] * 3)),
        (Image.fromarray(grey).convert("P"), np.stack([grey] * 3)),
        (Image.fromarray(np.array([[0, 0x8123], [0xFFFF, 255]], np.uint16)), np.array([[[0, 0x81], [255, 0]]], np.uint8)),
    ):
        image.save(path)
        result = pictures.read_png(path)
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, expected)


def test_read_png_says_which_file_is_wrong(tmp_path):
    with pytest.raises(InputError, match="missing.png"):
        pictures.read_png(tmp_path / "missing.png")
    whole = tmp_path / "whole.png"
    pictures.save_png(whole, np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8))
    for name, data in (("torn.png", whole.read_bytes()[:900]), ("text.png", b"not a picture"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            pictures.read_png(tmp_path / name)
    with pytest.raises(InputError):
        pictures.read_png(tmp_path)


def test_titled_grid_shows_every_pixel_unblurred(tmp_path):
    images = np.random.default_rng(3).integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path in paths:
        pictures.titled_grid(path, images, "Epoch 3: $5 and $6")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    page = pictures.read_png(paths[0]).transpose(1, 2, 0)
    sheet = pictures.grid(images).repeat(2, axis=0).repeat(2, axis=1)
    left = (page.shape[1] - sheet.shape[1]) // 2
    np.testing.assert_array_equal(page[-10 - sheet.shape[0] : -10, left : left + sheet.shape[1]], sheet)
    header = page[: -10 - sheet.shape[0]]
    assert header.min() < 80 and header[:5].min() == 255  # a title, and room above it
    pictures.titled_grid(paths[0], images[:1], "word " * 40)  # a narrow grid under a long title
    assert pictures.read_png(paths[0]).shape[2] == 300


def test_confusion_matrix_figure(tmp_path):
    names = ["cat", "dog $1", "a very long name of a class indeed"]
    matrix = np.array([[990, 0, 10], [5, 95, 0], [0, 0, 0]])
    path, again = tmp_path / "a.png", tmp_path / "b.png"
    pictures.confusion_matrix_figure(path, matrix, names, "Test set")
    pictures.confusion_matrix_figure(again, matrix, names, "Test set")
    assert path.read_bytes() == again.read_bytes()
    pictures.confusion_matrix_figure(again, matrix.T, names, "Test set")  # rows and columns are told apart
    assert path.read_bytes() != again.read_bytes()
    large = tmp_path / "large.png"
    pictures.confusion_matrix_figure(large, np.eye(40, dtype=np.int64) * 12345, [str(i) for i in range(40)], "many")
    assert pictures.read_png(large).shape[2] > 40 * 45  # room for five digits in every cell
    for wrong, count in ((matrix, 2), (matrix.astype(float), 3), (matrix[:2], 3), (np.zeros((0, 0), int), 0)):
        with pytest.raises(ValueError):
            pictures.confusion_matrix_figure(path, wrong, names[:count], "wrong")


def test_confusion_matrix_shades_by_the_share_of_the_true_class(tmp_path):
    path = tmp_path / "matrix.png"
    pictures.confusion_matrix_figure(path, np.array([[60, 40], [0, 1]]), ["a", "b"], "two classes of very different size")
    red = pictures.read_png(path)[0].astype(int)
    left, top = (red.shape[1] - 260) // 2, red.shape[0] - 69 - 260  # two cells of 130 pixels, above a margin of 69
    (true_a, missed), (none, true_b) = [[red[top + row * 130 + 20, left + column * 130 + 20] for column in (0, 1)] for row in (0, 1)]
    assert true_b < true_a < missed < none == 247  # the palest blue


def test_figures_leave_pyplot_alone(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    pictures.titled_grid(tmp_path / "a.png", np.zeros((4, 1, 8, 8), np.uint8), "title")
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("count", [101, 1000])
def test_figures_of_many_classes_keep_their_size(tmp_path, count):
    names = [f"class-{i}" for i in range(count)]
    diagonal = np.zeros((count, count), np.int64)
    np.fill_diagonal(diagonal, 7)
    pictures.confusion_matrix_figure(tmp_path / "matrix.png", diagonal, names, "many")
    pictures.class_histogram_figure(tmp_path / "bars.png", {"real": dict.fromkeys(names, 1 / count)}, "many")
    for name in ("matrix.png", "bars.png"):
        _, height, width = pictures.read_png(tmp_path / name).shape
        assert max(height, width) < 3000
    page = pictures.read_png(tmp_path / "matrix.png")[0]
    beside = page[page.shape[0] // 4 : page.shape[0] // 3, page.shape[1] // 2 : 2 * page.shape[1] // 3]
    assert beside.min() > 240  # beside the diagonal all is the palest blue: no count is written there


def test_no_mark_of_the_shares_is_cut_off(tmp_path):
    for number, shares in enumerate((dict.fromkeys("0123456789", 0.1), {"0": 1.0, "1": 0.0})):
        pictures.class_histogram_figure(tmp_path / f"{number}.png", {"real": shares}, "shares")
        page = pictures.read_png(tmp_path / f"{number}.png")
        assert page.min() == 0 and page[:, :, :2].min() == page[:, :, -2:].min() == page[:, -2:].min() == 255


def test_names_that_no_font_has_become_numbers_without_a_warning(tmp_path, monkeypatch, capsys, recwarn):
    monkeypatch.setattr(fonts, "CHINESE_FONTS", ("No Such Font",))
    for cached in (fonts.chinese_font, fonts.ask_for_a_font):
        cached.cache_clear()
    matrix = np.array([[3, 1], [0, 2]])
    pictures.confusion_matrix_figure(tmp_path / "chinese.png", matrix, ["玫瑰", "rose \udcb0"], "title")
    pictures.confusion_matrix_figure(tmp_path / "numbers.png", matrix, ["class 0", "class 1"], "title")
    pictures.titled_grid(tmp_path / "title.png", np.zeros((4, 1, 28, 28), np.uint8), "玫瑰: step 3")
    pictures.captioned_grid(tmp_path / "captions.png", np.zeros((2, 1, 28, 28), np.uint8), ["玫瑰\n-1.2", "é"])
    assert (tmp_path / "chinese.png").read_bytes() == (tmp_path / "numbers.png").read_bytes()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "install one, such as No Such Font" in said[0]
    assert not recwarn.list
    fonts.chinese_font.cache_clear()


def test_a_picture_that_fails_costs_a_line(tmp_path, capsys):
    with pictures.optional_picture(tmp_path / "matrix.png"):
        raise MemoryError("21.7 GB")
    assert capsys.readouterr().err == f"no picture {tmp_path / 'matrix.png'}: MemoryError: 21.7 GB\n"
    with pytest.raises(KeyboardInterrupt), pictures.optional_picture(tmp_path / "matrix.png"):
        raise KeyboardInterrupt
