"""Files and folders whose names are no UTF-8, such as GBK from a zip packed on a Chinese Windows: read, learnt, written, read back."""

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.config.loading import load_config, to_yaml
from paddle_gan_aug.data import DataSpec, load, load_test, read_images
from paddle_gan_aug.files import printable, write_json

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are no bytes there")
ROSE, TULIP = (os.fsdecode(name.encode("gbk")) for name in ("玫瑰", "郁金香"))


@pytest.fixture
def flowers(other_project, mnist_train):
    """The folder 花 with two classes of 12 digits each, all names in GBK."""
    folder = other_project / os.fsdecode("花".encode("gbk"))
    for digit, name in enumerate((ROSE, TULIP)):
        (folder / name).mkdir(parents=True)
        for i, image in enumerate(mnist_train.of_class(str(digit)).images[:12]):
            Image.fromarray(image[0]).save(folder / name / os.fsdecode(f"图{i}.png".encode("gbk")))
    return folder


def test_folders_are_read_and_cached(flowers, other_project):
    data = load(flowers)
    assert set(data.class_names) == {ROSE, TULIP} and data.counts().tolist() == [10, 10]
    assert load(flowers).fingerprint() == data.fingerprint() and len(list((other_project / "output" / ".cache").iterdir())) == 1
    assert read_images(flowers)[0].shape == (24, 1, 28, 28)
    assert load(DataSpec(str(flowers), classes=(ROSE,))).counts().sum() == 10
    bad = next((flowers / ROSE).iterdir())
    bad.write_bytes(b"x")
    assert load_test(DataSpec(str(flowers), skip_bad=True)).counts().sum() == 23


def test_json_and_yaml_bring_the_names_back(tmp_path):
    write_json(tmp_path / "x.json", {ROSE: [TULIP, "好"]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {ROSE: [TULIP, "好"]}
    (tmp_path / "x.yaml").write_text(to_yaml(load_config(overrides={"data.source": ROSE, "data.class_name": TULIP})), encoding="utf-8")
    again = load_config(tmp_path / "x.yaml").data
    assert (again.source, again.class_name) == (ROSE, TULIP)
    assert printable(f"好{ROSE}") == r"好õ\udcb9\udce5" and printable("好", "ascii") == r"\u597d"


def test_a_run_and_its_set_are_written_and_read_back(flowers, other_project, process):
    from paddle_gan_aug.runs.opened import open_run
    from paddle_gan_aug.runs.per_class import train_per_class
    from paddle_gan_aug.runs.run import train
    from paddle_gan_aug.synthesis.augment import augment_data
    from paddle_gan_aug.synthesis.filters import Filters
    from paddle_gan_aug.synthesis.generate import generate

    small = {"data.source": str(flowers), "train.batch_size": 4, "train.steps": 2, "generator.width": 0.05, "discriminator.width": 0.05}
    run = train("projection", overrides=small, output="out", log="log", quiet=True)
    assert set(open_run(run.folder).state["data"]["class_names"]) == {ROSE, TULIP}
    assert train(run=run.folder.name, output="out", log="log", resume=True, overrides={"train.steps": 3}, quiet=True).step == 3
    assert len(train_per_class("fast", output="out", log="log", overrides=small, quiet=True).runs) == 2
    generate(run.folder, to="set", per_class=3, filters=Filters("none"))
    written = load_test("set")
    assert set(written.class_names) == {ROSE, TULIP} and written.counts().tolist() == [3, 3]
    generate(run.folder, to="set-npz", per_class=3, form="npz", filters=Filters("none"))
    assert np.array_equal(load_test("set-npz").images, written.images)
    augment_data(str(flowers), to="augmented", runs=[str(run.folder)], per_class=14, filters=Filters("none"), quiet=True)
    augmented = load("augmented", split="full")
    assert set(augmented.class_names) == {ROSE, TULIP} and (augmented.counts() >= 14).all()
