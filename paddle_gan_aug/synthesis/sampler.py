"""Which trained runs make which classes: one conditional run, one run for each class, or one run without classes.

Everything behind this asks for "image i of class c under this seed" and need not know how many GANs answer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ..data import DataSpec, load, to_network, to_uint8
from ..data.images import class_index
from ..errors import InputError
from ..files import find_path, sha256
from ..runs.opened import open_run
from ..runs.places import is_run
from ..runs.sampling import latents_of

SCORED_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class Sampler:
    """An open run, the class that it makes (None = all its classes, or no class at all), and what a manifest says of it."""

    run: Any
    class_index: Optional[int]
    origin: dict


class Samplers:
    """The runs behind a generated set.

    Args:
        runs: folders or names of runs, or folders that hold nothing but runs; one run, or one for each class.
        checkpoint: "last", "best", or a step.

    Attributes:
        class_names: of the data. shape: (C, H, W). classes: indices of the classes that can be asked for, those that had training
            images; (None,) for a run without.
        data: the `DataSpec` of the images of all classes that the runs learnt.

    Raises:
        InputError: no such run or checkpoint; runs that make no images, do not belong together, or make a class twice.
        RunFailed: a run that has failed.
    """

    def __init__(self, runs, checkpoint="last", device="auto", threads=0):
        folders = expand(runs)
        opened = [open_run(folder, checkpoint=checkpoint, device=device, threads=threads) for folder in folders]
        for run in opened:
            if not run.algorithm.makes_images:
                raise InputError(f"run {run.folder} makes no images: it trained the algorithm {run.config.algorithm}")
            if run.algorithm.varies_images:
                raise InputError(f"run {run.folder} makes images of real ones: say of which, generate {run.folder} --from DATA --count N")
        first = opened[0]
        for run in opened[1:]:
            _check_together(first, run)
        self.class_names = tuple(first.state["data"]["class_names"])
        self.shape = tuple(first.state["image_shape"])
        self.data = DataSpec.of(first.config.data).all_classes()
        self.samplers = [Sampler(run, self._class_of(run), _origin(run)) for run in opened]
        made = [sampler.class_index for sampler in self.samplers]
        if len(self.samplers) > 1:
            if None in made:
                raise InputError(f"run {opened[made.index(None)].folder} makes all classes: give it alone, or one run for each class")
            twice = [self.class_names[c] for c in made if made.count(c) > 1]
            if twice:
                raise InputError(f"two runs make the class {twice[0]}: give one run for each class")
        conditional = first.algorithm.conditional and made == [None]
        self.classes = self._learnt(first) if conditional else tuple(sorted(made, key=lambda c: -1 if c is None else c))

    def _learnt(self, run):
        """The indices of the classes that a run had training images of."""
        counts = run.state["data"].get("counts")
        if counts is None:  # a run of an older version
            try:
                counts = self.real().counts()
            except InputError:  # its data is gone
                counts = np.ones(len(self.class_names))
        return tuple(int(c) for c in np.flatnonzero(counts))

    def _class_of(self, run):
        name = run.config.data.class_name
        if name is None:
            return None
        return class_index(self.class_names, name, f"what run {run.folder} learnt")

    def __len__(self):
        return len(self.samplers)

    def never_learnt(self):
        """The names of the classes of the data that cannot be asked for because they had no training images."""
        conditional = self.samplers[0].run.algorithm.conditional and self.samplers[0].class_index is None
        return [name for c, name in enumerate(self.class_names) if c not in self.classes] if conditional else []

    @property
    def labelled(self):
        """Whether images can be asked for by class."""
        return self.classes != (None,)

    def of(self, class_index):
        """The `Sampler` of a class."""
        if len(self.samplers) == 1:
            return self.samplers[0]
        return next(sampler for sampler in self.samplers if sampler.class_index == class_index)

    def name(self, class_index):
        """The name of a class; None for a run without classes."""
        return None if class_index is None else self.class_names[class_index]

    def images(self, class_index, latents):
        """Images of a class from float32 [N, latent_dim], as the networks give them: float32 [N, C, H, W] in [-1, 1]."""
        algorithm = self.of(class_index).run.algorithm
        labels = np.full(len(latents), class_index) if algorithm.conditional else None
        return algorithm.images(latents, labels)

    def latents(self, stream, indices, seed, class_index=None, truncation=None):
        """Latents number `indices` of a seed, float32 [N, latent_dim]: each a function of (seed, stream, index) alone.

        Args:
            truncation: as for `Algorithm.latents`.
        """
        algorithm = self.of(class_index).run.algorithm
        return latents_of(algorithm, stream, indices, seed, truncation)

    def scores(self, class_index, images, batch_size=SCORED_AT_ONCE):
        """What the discriminator of a class says of uint8 images [N, C, H, W]: logits of "real", float32 [N]."""
        algorithm = self.of(class_index).run.algorithm
        pieces = []
        for start in range(0, len(images), batch_size):
            piece = to_network(images[start : start + batch_size])
            labels = np.full(len(piece), class_index) if algorithm.conditional else None
            pieces.append(algorithm.realness(piece, labels))
        return np.concatenate(pieces).reshape(-1) if pieces else np.zeros(0, np.float32)

    def real(self, part="train"):
        """The real images of the runs' data, all classes: `train` is what they learnt, `valid` what they have not seen.

        Raises:
            InputError: there are none.
        """
        return load(self.data, part)

    def sample(self, class_index, indices, seed, stream, truncation=None):
        """uint8 [N, C, H, W]: the images of latents number `indices`."""
        return to_uint8(self.images(class_index, self.latents(stream, indices, seed, class_index, truncation)))

    def check_data(self, real):
        """Raise an InputError if `real`, the training images of all classes as they are on disk now, are not what each run learnt."""
        for sampler in self.samplers:
            name = sampler.run.config.data.class_name
            learnt = sampler.run.state["data"]["fingerprint"]
            if (real if name is None else real.of_class(name)).fingerprint() != learnt:
                raise InputError(f"{real.source} has changed since run {sampler.run.folder} learnt it: restore the data, or train again")


def expand(runs):
    """The folders of runs that the user means: each a run, or a folder whose folders are runs (as `train --per-class-runs` makes it).

    Raises:
        InputError: neither; no run at all.
    """
    folders = []
    for name in [runs] if isinstance(runs, (str, Path)) else runs:
        path = find_path(name)
        inside = [] if is_run(name) or not path.is_dir() else sorted(below for below in path.iterdir() if (below / "config.yaml").is_file())
        folders += inside or [name]
    if not folders:
        raise InputError("no run is given: name a trained run's folder, such as output/my-run")
    return folders


def _check_together(first, run):
    same = DataSpec.of(first.config.data).all_classes() == DataSpec.of(run.config.data).all_classes()
    shapes = first.state["image_shape"] == run.state["image_shape"]
    if not same or not shapes or first.state["data"]["class_names"] != run.state["data"]["class_names"]:
        raise InputError(f"runs {first.folder} and {run.folder} learnt different data: give runs of one data set, one for each class")


def _origin(run):
    weights = run.folder / "checkpoints" / f"step-{run.step}" / "weights.safetensors"
    return {"run": run.folder.name, "checkpoint": run.step, "weights_sha256": sha256(weights)}
