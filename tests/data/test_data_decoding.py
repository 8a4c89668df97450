"""Every kind of picture file is read right, or listed and refused; nothing is guessed."""

import io

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data.decoding import decode, listing
from paddle_gan_aug.errors import InputError

SIDE = 12


@pytest.fixture
def digit(mnist_train):
    """A real grey image, uint8 [12, 12], with soft strokes."""
    return mnist_train.images[0, 0, 8:20, 8:20]


def colour(digit):
    return np.stack([digit, 255 - digit, digit.T], axis=2)


def png(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", **options)
    return buffer.getvalue()


GOOD = {  # mode -> (file name, grey image -> picture, channels, what is to be read)
    "grey": ("a.png", Image.fromarray, 1, lambda g: g[None]),
    "colour": ("a.bmp", lambda g: Image.fromarray(colour(g)), 3, lambda g: colour(g).transpose(2, 0, 1)),
    "black and white": ("a.PNG", lambda g: Image.fromarray(g > 99), 1, lambda g: 255 * (g > 99).astype(np.uint8)[None]),
    "grey palette": ("a.gif", Image.fromarray, 1, lambda g: g[None]),
    "colour palette": (
        "a.gif",
        lambda g: Image.fromarray(colour(g > 99).astype(np.uint8) * 255).quantize(8),
        3,
        lambda g: colour(g > 99).astype(np.uint8).transpose(2, 0, 1) * 255,
    ),
    "opaque alpha": (
        "a.png",
        lambda g: Image.fromarray(np.dstack([colour(g), np.full_like(g, 255)])),
        3,
        lambda g: colour(g).transpose(2, 0, 1),
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_has_one_meaning_is_read(tmp_path, digit, kind):
    name, make, channels, expected = GOOD[kind]
    make(digit).save(tmp_path / name)
    decoded = decode([tmp_path / name], "here")
    assert decoded.images.shape == (1, channels, SIDE, SIDE) and decoded.kept.tolist() == [0] and decoded.bad == []
    assert (decoded.images[0] == expected(digit)).all()


def test_a_camera_that_was_held_upright(tmp_path, digit):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    Image.fromarray(digit).save(tmp_path / "a.png", exif=exif)
    assert (decode([tmp_path / "a.png"], "here").images[0, 0] == np.rot90(digit, -1)).all()


def test_jpeg_is_read(tmp_path, digit):
    Image.fromarray(digit).resize((64, 64)).save(tmp_path / "a.jpg", quality=95)
    read = decode([tmp_path / "a.jpg"], "here").images
    assert read.shape == (1, 1, 64, 64)
    assert np.abs(read[0, 0].astype(int) - np.asarray(Image.fromarray(digit).resize((64, 64)), int)).mean() < 4


def bad_files(folder, digit):
    """{name: why} of unusable files, written into `folder`."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    (folder / "truncated.png").write_bytes(png(Image.fromarray(noise))[:-90])
    (folder / "no image.png").write_bytes(b"hello")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.csv").write_text("1,2")
    Image.fromarray(np.dstack([digit, digit])).save(folder / "alpha.png")
    Image.fromarray(digit).save(folder / "keyed.png", transparency=0)
    Image.fromarray(digit.astype(np.uint16) * 257).save(folder / "deep.png")
    frames = [Image.fromarray(digit), Image.fromarray(digit.T)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return {
        "truncated.png": "truncated or damaged",
        "no image.png": "not an image",
        "empty.jpg": "not an image",
        "notes.csv": "not a picture by its name",
        "alpha.png": "transparent in places",
        "keyed.png": "transparent in places",
        "deep.png": "more than 8 bits a channel",
        "moving.gif": "2 frames",
    }


def test_bad_files_are_listed_and_refused_or_skipped(tmp_path, digit):
    bad = bad_files(tmp_path, digit)
    Image.fromarray(digit).save(tmp_path / "good.png")
    files = [tmp_path / name for name in [*bad, "good.png"]]
    for name, why in bad.items():
        with pytest.raises(InputError, match="1 of 2 files.*--skip-bad") as refused:
            decode([tmp_path / name, tmp_path / "good.png"], "here")
        assert f"{name} ({why})" in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(InputError, match="8 of 9 files cannot be used: .* and 5 more"):
        decode(files, "here")
    decoded = decode(files, "here", skip_bad=True)
    assert decoded.kept.tolist() == [8] and dict(decoded.bad) == bad
    assert (decoded.images[0, 0] == digit).all()
    with pytest.raises(InputError, match="no image is left"):
        decode(files[:8], "here", skip_bad=True)


def test_several_sizes_or_depths_need_a_decision(tmp_path, digit):
    Image.fromarray(digit).save(tmp_path / "a.png")
    Image.fromarray(np.hstack([digit, digit])).save(tmp_path / "b.png")
    Image.fromarray(colour(digit)).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"several sizes: 12 x 12 pixels \(1\), 24 x 12 pixels \(1\).*--image-size"):
        decode([tmp_path / "a.png", tmp_path / "b.png"], "here")
    with pytest.raises(InputError, match=r"not square: 24 x 12 pixels"):
        decode([tmp_path / "b.png"], "here")
    with pytest.raises(InputError, match="1 grey and 1 colour.*--channels"):
        decode([tmp_path / "a.png", tmp_path / "c.png"], "here")
    assert decode([tmp_path / name for name in ("a.png", "b.png", "c.png")], "here", 8, 3).images.shape == (3, 3, 8, 8)


def test_a_listing_names_the_first_three():
    bad = [(f"{i}.png", "not an image") for i in range(5)]
    assert listing(bad, 9) == ("5 of 9 files cannot be used: 0.png (not an image), 1.png (not an image), 2.png (not an image) and 2 more")
