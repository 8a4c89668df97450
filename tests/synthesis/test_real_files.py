"""The real part of an augmented set has the values that were learnt, whatever the files hold."""

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import DataSpec, load, load_test
from paddle_gan_aug.synthesis.data_parts import DataParts
from paddle_gan_aug.synthesis.real_files import left_to_readers, on_disk, real_parts


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A function that saves arrays as <class>/<i>.png in two classes of a folder, and returns the folder's name."""
    (tmp_path / "work" / "mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def save(arrays):
        for i, array in enumerate(arrays):
            (tmp_path / "set" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / "set" / "ab"[i % 2] / f"{i}.png")
        return "set"

    return save


NOISE = np.random.default_rng(0).integers(0, 256, (24, 12, 20), dtype=np.uint8)
KINDS = {
    "masks": (lambda: NOISE[:, :, :12] // 128, {}),
    "transparent": (lambda: np.stack([NOISE, NOISE[::-1]], axis=3)[:, :, :12], {"background": "white"}),
    "deep": (lambda: NOISE[:, :, :12].astype(np.uint16) * 16, {"window": (0, 4080)}),
    "padded": (lambda: NOISE, {"fit": "pad", "image_size": 16}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_written_as_they_were_learnt(pictures, tmp_path, kind):
    make, reading = KINDS[kind]
    source = DataSpec(pictures(make()), **reading)
    for part in real_parts(DataParts(source)):
        part.write(tmp_path / "to")
    for mode in ("train", "valid"):
        assert (load("to", mode).images == load(source, mode).images).all()
    assert load_test("set" if kind == "masks" else source).images.max() == 255


@pytest.mark.parametrize("kind", [*KINDS, "copied"])
def test_a_reader_holds_out_what_was_held_out(pictures, tmp_path, kind):
    """The validation images of the data are those of the augmented set too, whether files are copied or pictures drawn."""
    make, reading = KINDS.get(kind, (lambda: NOISE[:, :, :12], {}))
    source = DataSpec(pictures(make()), **reading)
    assert left_to_readers(source)
    for part in real_parts(DataParts(source), readers_split=True):
        part.write(tmp_path / "to")
    (tmp_path / "to" / "manifest.jsonl").write_text("")
    again = DataSpec("to", **(reading if kind == "copied" else {}))
    for part in ("train", "valid"):
        assert sorted(map(bytes, load(again, part).images)) == sorted(map(bytes, load(source, part).images))
    assert (tmp_path / "to" / "valid").exists() == (kind != "copied")


def test_what_a_file_manager_leaves_is_no_image(pictures, tmp_path):
    for part in real_parts(DataParts(DataSpec(pictures(NOISE[:, :, :12])))):
        part.write(tmp_path / "to")
    (tmp_path / "to" / "train" / "a" / ".DS_Store").write_bytes(b"")
    (tmp_path / "to" / "train" / "a" / "Thumbs.db").write_bytes(b"")
    assert on_disk(tmp_path / "to", ["a", "b"]) == {"a": (10, 0), "b": (10, 0)}
