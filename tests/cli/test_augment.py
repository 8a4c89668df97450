"""The command `augment`: what it draws without training."""

import json

import numpy as np
from PIL import Image

from paddle_gan_aug.data import DataSpec, load


def test_a_preview_shows_the_data_as_its_settings_read_it(here, small_mnist, tmp_path):
    sheet = tmp_path / "sheet.png"
    settings = ["--image-size", 32, "--policy", "mirrored", "-o", "data.fit=pad"]
    done = here("augment", "--preview", "--data", small_mnist, "--to", sheet, "--seed", 1, *settings)
    assert done.stdout.splitlines() == [str(sheet), str(tmp_path / "sheet-policies.png")]
    assert Image.open(sheet).size[0] > 0
    refused = here("augment", "--preview", "--data", small_mnist, "--to", sheet, code=2).stderr
    assert "nothing is overwritten" in refused


def test_a_preview_shows_the_data_of_the_configuration_file(here, small_mnist, tmp_path):
    (tmp_path / "my.yaml").write_text(json.dumps({"data": {"source": str(small_mnist), "image_size": 32}}))
    sheets = [tmp_path / "flags.png", tmp_path / "file.png"]
    here("augment", "--preview", "--data", small_mnist, "--image-size", 32, "--to", sheets[0])
    here("augment", "--preview", "-c", tmp_path / "my.yaml", "--to", sheets[1])
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_pictures_of_a_window_are_read_as_they_are(here, tmp_path):
    """Photographs of 12 bits: the set holds what was learnt, and the commands that are printed work as they stand."""
    deep = np.random.default_rng(0).integers(0, 4096, (24, 28, 28), dtype=np.uint16)
    for i, image in enumerate(deep):
        (tmp_path / "scans" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "scans" / "ab"[i % 2] / f"{i:02d}.png")
    tiny = ["--gan", "projection", "--steps", 2, "--batch-size", 8, "--filter", "none"]
    tiny += ["-o", "data.window=[0,4095]", "generator.width=0.05"]
    done = here("augment", "--data", tmp_path / "scans", "--to", tmp_path / "set", *tiny, "--json", cwd=tmp_path)
    made = json.loads(done.stdout)
    assert made["reading"] == {} and made["source_reading"] == {"window": [0.0, 4095.0]}
    source = DataSpec(str(tmp_path / "scans"), window=(0, 4095))
    for part in ("train", "valid"):
        mine, theirs = ({image.tobytes() for image in load(data, part).images} for data in (source, str(tmp_path / "set")))
        assert mine <= theirs and (part == "train" or mine == theirs)
    text = here("augment", "--data", tmp_path / "scans", "--to", tmp_path / "other", *tiny, cwd=tmp_path).stdout
    assert f"classify --data {tmp_path / 'scans'} -o 'data.window=[0.0,4095.0]' --test" in text
    assert f"classify --data {tmp_path / 'other'} --test" in text
