"""The command `augment`: what it draws without training."""

from PIL import Image


def test_a_preview_shows_the_data_as_its_settings_read_it(here, small_mnist, tmp_path):
    sheet = tmp_path / "sheet.png"
    settings = ["--image-size", 32, "--policy", "mirrored", "-o", "data.fit=pad"]
    done = here("augment", "--preview", "--data", small_mnist, "--to", sheet, "--seed", 1, *settings)
    assert done.stdout.splitlines() == [str(sheet), str(tmp_path / "sheet-policies.png")]
    assert Image.open(sheet).size[0] > 0
    refused = here("augment", "--preview", "--data", small_mnist, "--to", sheet, code=2).stderr
    assert "nothing is overwritten" in refused
