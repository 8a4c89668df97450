"""The examples of docs/extending.md run: as a module outside the package, with the command that the page shows."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.documents import ROOT, blocks, read
from paddle_gan_aug.config.loading import load_config

PAGE = ROOT / "docs" / "extending.md"
QUICK = ("--steps", 2, "--batch-size", 20, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.grid_images=8")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with my_parts.py and my_command.py of the page."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "work" / "mnist").mkdir(parents=True)  # a project of its own, whose cache is not ours
    *parts, command = blocks(PAGE, "python")
    assert command.startswith("# my_command.py")
    (folder / "my_parts.py").write_text("\n\n".join(parts), encoding="utf-8")
    (folder / "my_command.py").write_text(command, encoding="utf-8")
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (60, 257), dtype=np.uint8)
    rows[:, 0] = np.arange(60) % 2
    rows.tofile(folder / "images.raw")
    return folder


def started(own, *arguments):
    """my_command.py, run to its end."""
    command = [sys.executable, "my_command.py", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True, timeout=300)


def run(own, *arguments):
    """What my_command.py prints."""
    done = started(own, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def train(own, name, *settings):
    """A run of two steps on images.raw: its last row of metrics. The commands that it names next have the parts too."""
    places = ("--run", name, "--output", "output", "--log", "log")
    told = run(own, "train", "--gan", "lsgan", "--data", "images.raw", *places, *QUICK, *settings)
    assert f"python my_command.py evaluate output/{name} --part valid\n" in told, "it has no test images"
    rows = (own / "output" / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(rows[-1])


def test_a_run_with_a_loss_a_penalty_and_an_algorithm_of_ones_own_on_data_of_ones_own(own):
    row = train(own, "mine", "loss.name=exponential", "regularizer.penalty=r2", "algorithm=consistent", "diffaugment.policy=digits")
    assert {"penalty", "consistency", "d_real_loss"} <= set(row)
    # The filter chooses among its images, and the metric measures them.
    run(own, "generate", "output/mine", "--count", 6, "--to", "made", "--filter", "mean-grey", "--filter-set", "mean-grey.least=0")
    assert "grey keeps images that are not too dark" in " ".join(run(own, "generate", "--help").split())
    assert "brightness (1 as of real images)" in run(own, "evaluate", "made", "--data", "images.raw", "--part", "valid", "--to", "page")


def test_a_loss_that_is_not_one_number_is_named(own):
    with open(own / "my_parts.py", "a", encoding="utf-8") as file:
        file.write('\n\nLOSSES["each"] = Loss("each", "my_parts:each_loss")\n\n\ndef each_loss(logits, real):\n    return logits\n')
    options = ("--run", "each", "--output", "output", "--log", "log", *QUICK, "loss.name=each")
    done = started(own, "train", "--gan", "lsgan", "--data", "images.raw", *options)
    problem = "a loss of AdversarialGAN has the shape [20, 1]: it must be one number, as mean() gives it"
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == f"paddle_gan_aug train: {problem}"


def test_the_preset_is_a_configuration(tmp_path):
    (preset,) = blocks(PAGE, "yaml")
    (tmp_path / "mine.yaml").write_text(preset, encoding="utf-8")
    assert load_config(str(tmp_path / "mine.yaml")).loss.name == "hinge"


def test_the_files_functions_and_tables_that_the_page_names_exist():

    package = ROOT / "paddle_gan_aug"
    text = read(PAGE)
    files = set(re.findall(r"`((?:[a-z]+/)[a-z_]+\.py)`", text))
    assert len(files) > 15 and all((package / file).is_file() for file in files), files
    for owner, name in re.findall(r"`(\w+(?:GAN|Classifier|Augmenter))\.(\w+)`", text):
        source = "".join(file.read_text(encoding="utf-8") for file in package.glob("algorithms/*.py"))
        assert f"class {owner}(" in source and f"def {name}(" in source, name
    for table, file in re.findall(r"`(\w+)` in `([a-z]+/[a-z_]+\.py)` \|$", text, re.MULTILINE):
        assert re.search(rf"^{table}\b.* = ", (package / file).read_text(encoding="utf-8"), re.MULTILINE), table
