"""A notebook shows a run: its grid, its losses, and what differs from its preset."""

import base64
import re

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.runs.display import changed_settings
from paddle_gan_aug.runs.run import train

SMALL = {"train.steps": 4, "train.batch_size": 8, "generator.width": 0.05, "discriminator.width": 0.05, "log.every_steps": 1}


def test_only_what_differs_from_the_preset_is_said():
    assert changed_settings(load_config("fast")) == {}
    assert changed_settings(load_config("fast", {"train.steps": 7, "generator.width": 0.5})) == {"train.steps": 7}


def test_a_run_shows_its_grid_its_three_losses_and_its_settings(tmp_path, process):
    run = train("fast", run="R&D", output=tmp_path / "output", log=tmp_path / "log", overrides=SMALL, quiet=True)
    shown = run._repr_html_()
    assert "R&amp;D" in shown and "R&D" not in shown
    assert "data:image/png;base64,iVBOR" in shown
    lines = re.findall(r'points="([^"]+)"', shown)
    assert len(lines) == 3 and all(len(line.split()) == 4 for line in lines)
    assert all(f">{name}</text>" in shown for name in ("d_real_loss", "d_fake_loss", "g_loss"))
    assert "<td>train.steps</td><td>4</td>" in shown
    before = (run.folder / "samples" / "step-000004.png").read_bytes()
    for later in (999900, 1000000):  # of a stretch that was given up
        (run.folder / "samples" / f"step-{later:06d}.png").write_bytes(b"later")
    assert base64.b64encode(before).decode() in run._repr_html_()
    for path in (run.folder / "samples").iterdir():
        path.unlink()
    assert "<img" not in run._repr_html_()
