"""Runs that take a second: a conditional GAN, two GANs of one digit each, and a classifier, all of the small MNIST."""

import pytest

NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "generator.init_std": 0.3, "train.batch_size": 20, "log.visualdl": False}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, small_mnist, process):
    """{name: folder of a run}, and "digits", a folder of two runs of one digit each."""
    import paddle_gan_aug

    folder = tmp_path_factory.mktemp("tiny-runs")
    data = {"data.source": str(small_mnist), "log.visualdl": False}

    def train(preset, name, output=folder, **overrides):
        return paddle_gan_aug.train(preset, run=name, output=output, log=folder, overrides={**data, **overrides}, quiet=True).folder

    runs = {"conditional": train("projection", "conditional", **NARROW, **{"train.steps": 3})}
    for digit in ("5", "6"):
        options = {"data.class_name": digit, "train.steps": 3, "train.seed": int(digit)}
        runs[digit] = train("classic", f"digits-{digit}", folder / "digits", **NARROW, **options)
    runs["digits"] = folder / "digits"
    runs["classifier"] = train("classifier", "classifier", **{"train.steps": 60, "train.batch_size": 50, "train.epochs": None})
    return runs
