"""Every public name, used as a program would use it. It is read by a type checker and never run; see test_api.py."""

from pathlib import Path
from typing import List

import numpy as np

import paddle_gan_aug as pga


def train_and_look(folder: Path) -> np.ndarray:
    spec = pga.DataSpec(str(folder), image_size=32)
    images: pga.LabelledImages = pga.load(spec, "train")
    config = pga.load_config("sngan-projection", {"data.source": str(folder), "data.image_size": 32})
    run = pga.train(config, run="example", overrides={"train.steps": 100}, quiet=True)
    samples: pga.LabelledImages = run.sample(64, seed=1, labels=images.class_names[0])
    steps, losses = run.curve("g_loss")
    rows = [row["step"] for row in run.metrics()]
    assert len(rows) >= len(steps) == len(losses)
    again = pga.open_run(run.folder, checkpoint="last")
    best = again.best
    assert best is None or best["value"] > 0
    return pga.grid(samples.images, columns=8)


def from_images_to_a_classifier(folder: Path) -> float:
    runs = pga.train_per_class("fast", overrides={"data.source": str(folder)}, quiet=True)
    names: List[str] = [run.folder.name for run in runs.runs]
    pga.generate(runs.folder, to=folder / "generated", per_class=100, filters=pga.Filters("none"))
    pga.augment_data(to=folder / "augmented", overrides={"data.source": str(folder)})
    pga.vary("output/dagan", data=str(folder), to=folder / "varied", count=2)
    exported = pga.export("output/my-run", to=folder / "model")
    assert exported.models[0].difference <= 1e-5
    dataset = pga.LabelledDataset(str(folder / "augmented"), part="train")
    tested = pga.classify("classifier", overrides={"data.source": str(folder / "augmented")}, quiet=True)
    assert tested.accuracy is not None and len(names) and len(dataset)
    read = [(prediction.file, prediction.class_name, prediction.probability) for prediction in pga.predict(tested.run.folder, folder)]
    return sum(probability for _, _, probability in read) / len(read)


def measure(folder: Path) -> None:
    pga.evaluate(folder, data="mnist")
    pga.evaluate_images(pga.load("mnist", "valid").images)


def compare(folder: Path) -> str:
    study = pga.run_study(str(folder), arms=["real", "gan"], budget="30m", quiet=True)
    return study.verdict
