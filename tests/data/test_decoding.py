"""Every kind of picture file is read right, or listed and refused; nothing is guessed."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data.decoding import decode, is_picture, listing
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
        with pytest.raises(InputError, match="1 of 2 files.*data.skip_bad") as refused:
            decode([tmp_path / name, tmp_path / "good.png"], "here")
        assert f"{name} ({why})" in str(refused.value)
        assert ("data.background=white" in str(refused.value)) == (why == "transparent in places")
        assert ("data.window=" in str(refused.value)) == (why == "more than 8 bits a channel") and "\n" not in str(refused.value)
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
    sizes = r"12 x 12 pixels \(1\), 24 x 12 pixels \(1\), such as b.png with 24 x 12; .*data.image_size"
    with pytest.raises(InputError, match=f"several sizes: {sizes}"):
        decode([tmp_path / "a.png", tmp_path / "b.png"], "here")
    with pytest.raises(InputError, match=r"not square: 24 x 12 pixels"):
        decode([tmp_path / "b.png"], "here")
    with pytest.raises(InputError, match="1 grey and 1 colour.*data.channels"):
        decode([tmp_path / "a.png", tmp_path / "c.png"], "here")
    assert decode([tmp_path / name for name in ("a.png", "b.png", "c.png")], "here", 8, 3).images.shape == (3, 3, 8, 8)


def test_a_listing_names_the_first_three():
    bad = [(f"{i}.png", "not an image") for i in range(5)]
    assert listing(bad, 9) == ("5 of 9 files cannot be used: 0.png (not an image), 1.png (not an image), 2.png (not an image) and 2 more")


def test_a_listing_shortens_endless_names():
    assert listing([("a" * 5000 + ".png", "does not exist")], 1).count("a") < 300


# ---- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.jif", "a.JPG", "a"])
def test_a_jpeg_under_any_usual_name(tmp_path, digit, name):
    Image.fromarray(digit).save(tmp_path / name, format="JPEG", quality=95)
    assert is_picture(tmp_path / name) and decode([tmp_path / name], "here").images.shape == (1, 1, SIDE, SIDE)


def test_a_file_without_a_suffix_is_told_by_its_bytes(tmp_path, digit):
    Image.fromarray(digit).save(tmp_path / "hash", format="PNG")
    (tmp_path / "README").write_text("digits")
    (tmp_path / ".hidden").write_bytes((tmp_path / "hash").read_bytes())
    assert [is_picture(tmp_path / name) for name in ("hash", "README", ".hidden", "nothing")] == [True, False, False, False]


def test_a_picture_starts_no_other_program(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("Ghostscript was started"))
    with pytest.raises(InputError, match="not an image"):
        decode([tmp_path / "a.png"], "here")


# ---- transparency ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background, level", [("white", 255), ("black", 0), (90, 90)])
def test_transparent_pictures_lie_on_the_background(tmp_path, digit, background, level):
    alpha = np.where(digit > 99, 255, 0).astype(np.uint8)
    alpha[0, 0], half = 128, round(0.5 * 40 + 0.5 * level)
    grey = digit.copy()
    grey[0, 0] = 40
    Image.fromarray(np.dstack([grey, alpha])).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([grey, grey, grey, alpha])).save(tmp_path / "colour.png")
    expected = np.where(alpha == 255, grey, level)
    for name, channels in (("grey.png", 1), ("colour.png", 3)):
        read = decode([tmp_path / name], "here", background=background).images[0]
        assert read.shape == (channels, SIDE, SIDE)
        assert abs(int(read[0, 0, 0]) - half) <= 1 and (read.reshape(channels, -1)[:, 1:] == expected.ravel()[1:]).all()
    keyed = np.where(digit > 99, 200, 0).astype(np.uint8)
    Image.fromarray(keyed).save(tmp_path / "keyed.png", transparency=0)
    assert (decode([tmp_path / "keyed.png"], "here", background=background).images[0, 0] == np.where(keyed, 200, level)).all()


# ---- more than 8 bits --------------------------------------------------------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(values):
    """A PNG of 16 bits a channel, written by hand: Pillow writes none in colour."""
    colour_type = {2: 4, 3: 2}.get(values.shape[2], 0) if values.ndim == 3 else 0
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_tiff(values, order="<", packed=False):
    """A TIFF of 16 bits a channel in colour, also written by hand."""
    data = zlib.compress(values.astype(f"{order}u2").tobytes()) if packed else values.astype(f"{order}u2").tobytes()
    after = 8 + 2 + 9 * 12 + 4  # where the bits of each channel stand, and then the pixels
    height, width = values.shape[:2]
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, after), (259, 3, 1, 8 if packed else 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, after + 6), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(data))]
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, kind, count, value in tags:
        content += struct.pack(f"{order}HHI", tag, kind, count)
        content += struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
    return content + struct.pack(f"{order}I3H", 0, 16, 16, 16) + data


def deep_ppm(values, highest):
    kind = "P6" if values.ndim == 3 else "P5"
    return f"{kind} {values.shape[1]} {values.shape[0]} {highest}\n".encode() + values.astype(">u2").tobytes()


def saved(values, form):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format=form)
    return buffer.getvalue()


DEEP_FILES = {  # name -> uint16 [H, W, 3] -> (bytes, the values in it)
    "colour.png": lambda v: (deep_png(v), v),
    "grey.png": lambda v: (deep_png(v[..., 0]), v[..., 0]),
    "little.tif": lambda v: (deep_tiff(v), v),
    "big.tif": lambda v: (deep_tiff(v, ">"), v),
    "packed.tif": lambda v: (deep_tiff(v, packed=True), v),
    "grey.tif": lambda v: (saved(v[..., 0], "TIFF"), v[..., 0]),
    "float.tif": lambda v: (saved(v[..., 0].astype(np.float32), "TIFF"), v[..., 0]),
    "colour.ppm": lambda v: (deep_ppm(v, 65535), v),
    "twelve.ppm": lambda v: (deep_ppm(v, 4095), v),
    "grey.pgm": lambda v: (deep_ppm(v[..., 0], 65535), v[..., 0]),
    "twelve.pgm": lambda v: (deep_ppm(v[..., 0], 4095), v[..., 0]),
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_more_than_8_bits_need_a_window_in_grey_and_in_colour(tmp_path, digit, name):
    content, values = DEEP_FILES[name](colour(digit).astype(np.uint16) * 16 + 7)  # of a camera of 12 bits
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"more than 8 bits a channel.*data.window=\[0,65535\], with 12 bits \[0,4095\]"):
        decode([tmp_path / name], "here")
    read = decode([tmp_path / name], "here", window=(0, 4095)).images[0]
    expected = np.rint(values * (255 / 4095)).astype(np.uint8)
    assert (read == (expected[None] if values.ndim == 2 else expected.transpose(2, 0, 1))).all()


def test_deep_and_transparent_is_refused_in_any_case(tmp_path, digit):
    (tmp_path / "a.png").write_bytes(deep_png(np.dstack([digit, digit]).astype(np.uint16) * 257))
    for window in (None, (0, 65535)):
        with pytest.raises(InputError, match="more than 8 bits"):
            decode([tmp_path / "a.png"], "here", window=window, background="white")


# ---- hostile files -----------------------------------------------------------------------------------------------------


def declared(width, height):
    """A PNG that says it is so large, and has no pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side, why", [(2**31 - 1, "too large"), (100_000, "too large"), (9000, "damaged")])
def test_sizes_that_no_pixels_follow(tmp_path, side, why):
    (tmp_path / "a.png").write_bytes(declared(side, side))
    with pytest.raises(InputError, match=f"1 of 1 files cannot be used: a.png .*{why}") as refused:
        decode([tmp_path / "a.png"], "here", image_size=32)
    assert "\n" not in str(refused.value)


def test_random_bytes_behind_a_true_beginning(tmp_path, digit):
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        whole = saved(digit, form)
        for seed in range(20):
            at = np.random.default_rng(seed).integers(8, len(whole))
            (tmp_path / "a.png").write_bytes(whole[:at] + os.urandom(len(whole) - at))
            try:
                assert decode([tmp_path / "a.png"], "here", image_size=8).images.shape[2:] == (8, 8)
            except InputError as refused:
                assert "\n" not in str(refused)
