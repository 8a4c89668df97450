"""How long classifiers train until they read validation images as well as a goal that was fixed beforehand, beside PyTorch's.

Time is that of the processor on one thread, so it hardly depends on what else the machine does; measuring is left out of it. All train
on the same batches in the same order, with Adam and the same learning rates, without dropout and augmentation. PyTorch's networks begin
with the weights of Paddle's.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Protocol, Sequence, Tuple

import numpy as np
import yaml
from safetensors.numpy import save_file

from benchmarks.recipes import Row, Rows, Say
from benchmarks.tables import accuracy_table
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.algorithms.base import SCHEDULES
from paddle_gan_aug.config.loading import Config, load_config
from paddle_gan_aug.data import Batch, Batches, LabelledImages, load, to_network
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path, make_folder, write_json

KEYS = {"name", "data", "goal", "network", "framework", "steps", "every", "seeds"}
TRIED = 8  # steps of each of PyTorch's layouts before the faster one is taken
READ_AT_ONCE = 1000


class Learner(Protocol):
    """A classifier of either framework."""

    def learn(self, step: int, batch: Batch) -> None:
        """Take step `step`, 1 for the first."""

    def read(self, images: np.ndarray) -> np.ndarray:
        """Images float32 [N, C, H, W] in [-1, 1] -> classes int64 [N]."""


def time_to_accuracy(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, say: Say) -> Tuple[Rows, str]:
    """`time-to-accuracy`: train what has no result yet; returns (all results, their table).

    Args:
        recipes: a YAML file, a list of dicts with `KEYS`. to: the folder of results, `<name>-seed-<s>.json`.
    """
    folder, found = make_folder(find_path(to)), []
    for row in read_rows(recipes):
        for seed in row["seeds"]:
            path = folder / (re.sub(r"\W+", "-", row["name"]) + f"-seed-{seed}.json")
            if not path.exists() and not stored and (only is None or row["name"] in only):
                result = _train(row, seed)
                write_json(path, result)
                say(f"{row['name']}, seed {seed}: {result['cpu_seconds']} s, step {result['step']}")
            if path.exists():
                found.append(json.loads(path.read_text(encoding="utf-8")))
    return found, accuracy_table(found)


def read_rows(path: str) -> Rows:
    """The rows of a file.

    Raises:
        InputError: no such file, not such rows, or rows of PyTorch where it is not installed.
    """
    try:
        rows = yaml.safe_load(find_path(path).read_text(encoding="utf-8"))
        if any(set(row) != KEYS or row["framework"] not in LEARNERS for row in rows):
            raise ValueError("a row has other keys, or another framework")
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a list of rows with the keys {', '.join(sorted(KEYS))} ({error})") from None
    return rows


def _train(row: Row, seed: int) -> Row:
    """The result of one row and seed; training ends at the goal."""
    process = vars(runtime.start("cpu", 1))
    settings = {"train.steps": row["steps"], "train.epochs": None, "train.seed": seed, "classifier.dropout": 0.0}
    config = load_config("classifier", {**settings, "classifier.architecture": row["network"]})
    images, valid = load(row["data"], "train"), load(row["data"], "valid")
    learner = LEARNERS[row["framework"]](config, images)
    batches = Batches(images, config.train.batch_size, lambda epoch: runtime.rng(seed, "shuffle", epoch))
    seconds, marks = 0.0, []
    for step in range(1, row["steps"] + 1):
        began = time.process_time()
        learner.learn(step, batches.batch(step - 1))
        seconds += time.process_time() - began
        if step % row["every"] == 0:
            accuracy = float((_classes(learner, valid) == valid.labels).mean())
            marks.append({"step": step, "cpu_seconds": round(seconds, 2), "accuracy": accuracy})
            if accuracy >= row["goal"]:
                break
    last = marks[-1] if marks and marks[-1]["accuracy"] >= row["goal"] else {}
    reached = {"step": last.get("step"), "cpu_seconds": last.get("cpu_seconds")}  # None: not within the steps
    machine = {"machine": platform.processor() or platform.machine(), "process": process, "version": __version__}
    return {**row, "seed": seed, **reached, "marks": marks, "layout": getattr(learner, "layout", None), **machine}


def _classes(learner: Learner, images: LabelledImages) -> np.ndarray:
    parts = range(0, len(images), READ_AT_ONCE)
    return np.concatenate([learner.read(to_network(images.images[at : at + READ_AT_ONCE])) for at in parts])


def _built(config: Config, images: LabelledImages) -> Any:
    runtime.seed_paddle(config.train.seed, "initial weights")
    return build(config, images.shape, images.class_names)


class PaddleLearner:
    """This project's classifier."""

    def __init__(self, config: Config, images: LabelledImages) -> None:
        self.algorithm, self.config = _built(config, images), config

    def learn(self, step: int, batch: Batch) -> None:
        """See `Learner`."""
        self.algorithm.begin_step(step, self.config.train.steps)
        self.algorithm.step([batch], runtime.rng(self.config.train.seed, "step", step))

    def read(self, images: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        probabilities, _ = self.algorithm.read(images)
        return np.asarray(probabilities).argmax(1)


class PyTorchLearner:
    """The same network in PyTorch, in the layout whose first steps take less time.

    Raises:
        InputError: PyTorch is not installed.
    """

    def __init__(self, config: Config, images: LabelledImages) -> None:
        if importlib.util.find_spec("torch") is None:
            raise InputError("rows of PyTorch: it is not installed here; pip install torch")
        import torch

        torch.set_num_threads(1)
        self.torch, self.config = torch, config
        with tempfile.TemporaryDirectory() as folder:
            self.weights = Path(folder) / "weights.safetensors"
            save_file(_built(config, images).weights(), self.weights)
            batch = Batches(images, config.train.batch_size, lambda epoch: runtime.rng(0, "tried", epoch)).batch(0)
            times = {layout: self._try(layout, batch) for layout in ("contiguous_format", "channels_last")}
            self._begin(min(times, key=lambda layout: times[layout]))

    def _begin(self, layout: str) -> None:
        from benchmarks.speed.pytorch_networks import CLASSIFIERS, load_paddle, read_paddle

        weights = read_paddle(str(self.weights), "classifier")
        network = CLASSIFIERS[self.config.classifier.architecture](weights)
        load_paddle(network, weights)
        self.layout, options = layout, self.config.optimizer
        self.network = network.to(memory_format=getattr(self.torch, layout))
        betas = options.beta1, options.beta2
        self.optimizer = self.torch.optim.Adam(network.parameters(), options.classifier_lr, betas=betas, fused=True)

    def _try(self, layout: str, batch: Batch) -> float:
        self._begin(layout)
        for step in range(1, 2 * TRIED):
            if step == TRIED:
                began = time.process_time()
            self.learn(step, batch)
        return time.process_time() - began

    def _laid_out(self, images: np.ndarray) -> Any:
        return self.torch.from_numpy(images).to(memory_format=getattr(self.torch, self.layout))

    def learn(self, step: int, batch: Batch) -> None:
        """See `Learner`."""
        options, steps = self.config.optimizer, self.config.train.steps
        for group in self.optimizer.param_groups:
            group["lr"] = options.classifier_lr * SCHEDULES[options.schedule]((step - 1) / steps)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.network(self._laid_out(batch.images))
        self.torch.nn.functional.cross_entropy(logits, self.torch.from_numpy(batch.labels)).backward()
        self.optimizer.step()

    def read(self, images: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        self.network.eval()
        with self.torch.no_grad():
            return self.network(self._laid_out(images)).argmax(1).numpy()


LEARNERS: Dict[str, Callable[[Config, LabelledImages], Learner]] = {"paddle": PaddleLearner, "pytorch": PyTorchLearner}
