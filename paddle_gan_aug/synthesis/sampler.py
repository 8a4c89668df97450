"""Which trained runs make which classes: one conditional run, one run for each class, one run without classes, or one run that varies
real images.

Whoever draws images asks a `Sampler` for image i of its class under a seed, and need not know how many GANs there are.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from scipy.special import ndtr

from ..data import DataSpec, LabelledImages, to_network, to_uint8
from ..data.images import class_index
from ..errors import InputError
from ..files import find_path
from ..runs.opened import Run, open_run
from ..runs.places import is_run
from ..runs.sampling import latents_of, stream_of
from .data_parts import DataParts

SCORED_AT_ONCE = 500

Runs = Union[str, Path, Run, Sequence[Union[str, Path, Run]]]  # what public functions take: one run, or several


@dataclass(frozen=True, eq=False)
class Sampler:
    """The images of one class from one opened run.

    Attributes:
        run: the `Run`.
        index: the class, an index into the classes of the data; None for a run without classes.
        name: the name of the class; None for a run without classes.
        origin: what a manifest says of the run.
    """

    run: Run
    index: Optional[int]
    name: Optional[str]
    origin: dict

    @property
    def label(self) -> int:
        """The label of its images; 0 for a run without classes."""
        return 0 if self.index is None else self.index

    @property
    def stream(self) -> str:
        """The name of the random stream of its latents, see `runs.sampling`."""
        return stream_of(self.run.algorithm, self.index)

    def _labels(self, count: int) -> Optional[np.ndarray]:
        return np.full(count, self.index) if self.run.algorithm.conditional else None

    def latents(self, indices: Iterable[int], seed: int, truncation: Optional[float] = None, stream: Optional[str] = None) -> np.ndarray:
        """Latents number `indices` of a seed, float32 [N, latent_dim]: each a function of (seed, stream, index) alone.

        Args:
            truncation: as for `Algorithm.latents`.
            stream: the random stream; None = that of the class.
        """
        return latents_of(self.run.algorithm, stream or self.stream, indices, seed, truncation)

    def images(self, latents: np.ndarray) -> np.ndarray:
        """The images of float32 latents [N, latent_dim] as the networks give them: float32 [N, C, H, W] in [-1, 1]."""
        return self.run.algorithm.images(latents, self._labels(len(latents)))

    def sample(self, indices: Iterable[int], seed: int, truncation: Optional[float] = None, stream: Optional[str] = None) -> np.ndarray:
        """The images of latents number `indices`, uint8 [N, C, H, W]; arguments as for `latents`."""
        return to_uint8(self.images(self.latents(indices, seed, truncation, stream)))

    def scores(self, images: np.ndarray) -> np.ndarray:
        """The discriminator's logits of "real" for uint8 images [N, C, H, W]: float32 [N]."""
        chunks = []
        for start in range(0, len(images), SCORED_AT_ONCE):
            chunk = to_network(images[start : start + SCORED_AT_ONCE])
            chunks.append(self.run.algorithm.realness(chunk, self._labels(len(chunk))))
        return np.concatenate(chunks).reshape(-1) if chunks else np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class VaryingSampler(Sampler):
    """The variations of the real images of one class.

    Attributes:
        sources: those images, uint8 [N, C, H, W]. A latent's first number chooses one by its quantile, the others are the noise.
    """

    sources: np.ndarray

    @property
    def stream(self) -> str:
        """See `Sampler.stream`."""
        return f"variations of class {self.index}"

    def images(self, latents: np.ndarray) -> np.ndarray:
        """See `Sampler.images`."""
        places = np.minimum((ndtr(latents[:, 0]) * len(self.sources)).astype(np.int64), len(self.sources) - 1)
        return self.run.algorithm.variations(to_network(self.sources[places]), latents[:, 1:])


class Samplers:
    """The samplers of all classes that opened runs make; iterate over it for the `Sampler` of each.

    Args:
        runs: opened runs, see `open_runs`: one, or one for each class.
        parts: the data that they learnt, if it is read already.
        varying: allow a run that varies images: it makes all classes of which there are training images, also those that it has not
            learnt.

    Attributes:
        class_names: the classes of the data.
        shape: (C, H, W) of an image.
        parts: the images of all classes that the runs learnt, a `DataParts`.

    Raises:
        InputError: runs that make no images, do not belong together, or make a class twice.
    """

    def __init__(self, runs: Sequence[Run], parts: Optional[DataParts] = None, varying: bool = False) -> None:
        varying = varying and len(runs) == 1 and runs[0].algorithm.varies_images
        for run in () if varying else runs:
            _check_makes_images(run)
        first = runs[0]
        for run in runs[1:]:
            _check_together(first, run)
        self.runs = list(runs)
        self.origins = [_origin(run) for run in runs]
        self.class_names: Tuple[str, ...] = tuple(first.state["data"]["class_names"])
        self.shape: Tuple[int, int, int] = tuple(first.state["image_shape"])
        spec = DataSpec.of(first.config.data).all_classes()
        spec = replace(spec, classes=None) if varying else spec
        self.parts = parts if parts is not None and parts.spec == spec else DataParts(spec)
        if varying:
            self._samplers = self._of_varying()
            return
        self._samplers = self._of_conditional() if self._one_makes_all() else self._of_each_run()

    def __iter__(self) -> Iterator[Sampler]:
        return iter(self._samplers)

    def __len__(self) -> int:
        return len(self._samplers)

    def _one_makes_all(self) -> bool:
        """Whether there is one run that can be asked for every class."""
        first = self.runs[0]
        return len(self.runs) == 1 and first.algorithm.conditional and first.config.data.class_name is None

    def _of_conditional(self) -> List[Sampler]:
        run, origin = self.runs[0], self.origins[0]
        return [Sampler(run, c, self.class_names[c], origin) for c in self._learnt(run)]

    def _of_varying(self) -> List[Sampler]:
        real = self.parts.read("train")
        classes = [int(c) for c in np.flatnonzero(real.counts())]
        return [VaryingSampler(self.runs[0], c, real.class_names[c], self.origins[0], real.images[real.labels == c]) for c in classes]

    def _of_each_run(self) -> List[Sampler]:
        indices = [self._class_of(run) for run in self.runs]
        if len(self.runs) > 1:
            if None in indices:
                folder = self.runs[indices.index(None)].folder
                raise InputError(f"run {folder} makes all classes: give it alone, or one run for each class")
            twice = [self.class_names[c] for c in indices if indices.count(c) > 1]
            if twice:
                raise InputError(f"two runs make the class {twice[0]}: give one run for each class")
        samplers = [
            Sampler(run, c, None if c is None else self.class_names[c], origin) for run, c, origin in zip(self.runs, indices, self.origins)
        ]
        return sorted(samplers, key=lambda sampler: sampler.label)

    def _learnt(self, run: Run) -> List[int]:
        """The indices of the classes of which a run had training images."""
        counts = run.state["data"].get("counts")
        if counts is None:  # a run of an older version
            try:
                counts = self.parts.read("train").counts()
            except InputError:  # its data is gone
                counts = np.ones(len(self.class_names))
        return [int(c) for c in np.flatnonzero(counts)]

    def _class_of(self, run: Run) -> Optional[int]:
        name = run.config.data.class_name
        return None if name is None else class_index(self.class_names, name, f"what run {run.folder} learnt")

    def never_learnt(self) -> List[str]:
        """The classes of the data that cannot be asked for because there were no training images of them."""
        return [name for name in self.class_names if name not in self.names] if self._one_makes_all() else []

    @property
    def labelled(self) -> bool:
        """Whether images can be asked for by class."""
        return self._samplers[0].index is not None

    @property
    def names(self) -> List[Optional[str]]:
        """The classes that can be asked for, in their order; [None] for a run without classes."""
        return [sampler.name for sampler in self._samplers]

    def of_class(self, name: str) -> Sampler:
        """The sampler of a class that can be asked for."""
        return self._samplers[self.names.index(name)]

    def check_data(self, real: LabelledImages) -> None:
        """Check that `real`, the training images of all classes as they are on disk now, are those that each run
        learnt.

        Raises:
            InputError: they are not.
        """
        for run in self.runs:
            name, several = run.config.data.class_name, run.config.data.classes
            learnt = real.of_class(name) if name is not None else real
            if several is not None and run.algorithm.varies_images:
                learnt = real.of_classes(several)
            if learnt.fingerprint() != run.state["data"]["fingerprint"]:
                raise InputError(f"{real.source} has changed since run {run.folder} learnt it: restore the data, or train again")


def open_runs(runs: Runs, checkpoint: Union[str, int] = "last", device: str = "auto", threads: int = 0) -> List[Run]:
    """Open the runs that a user means; an opened one stays as it is.

    Args:
        runs: folders or names of runs, folders that hold nothing but runs, or opened runs; one or several.
        checkpoint: "last", "best", or a step.

    Raises:
        InputError: no such run or checkpoint. RunFailed: a run that has failed.
    """
    return [run if isinstance(run, Run) else open_run(run, checkpoint=checkpoint, device=device, threads=threads) for run in expand(runs)]


def expand(runs: Runs) -> List[Any]:
    """The runs that a user means, each the folder of one or an opened run.

    A folder whose folders are runs (as `train_per_class` makes it) stands for those.

    Raises:
        InputError: no run is given.
    """
    found: List[Any] = []
    for name in [runs] if isinstance(runs, (str, Path, Run)) else runs:
        if isinstance(name, Run):
            found.append(name)
            continue
        path = find_path(name)
        inside = [] if is_run(name) or not path.is_dir() else sorted(below for below in path.iterdir() if (below / "config.yaml").is_file())
        found += inside or [name]
    if not found:
        raise InputError("no run is given: name a trained run's folder, such as output/my-run")
    return found


def _check_makes_images(run: Run) -> None:
    if not run.algorithm.makes_images:
        raise InputError(f"run {run.folder} makes no images: it trained the algorithm {run.config.algorithm}")
    if run.algorithm.varies_images:
        raise InputError(
            f"run {run.folder} makes variations of real images: give the images too (`vary` with `data`; generate --from DATA --count N)"
        )


def _check_together(first: Run, run: Run) -> None:
    same = DataSpec.of(first.config.data).all_classes() == DataSpec.of(run.config.data).all_classes()
    shapes = first.state["image_shape"] == run.state["image_shape"]
    if not same or not shapes or first.state["data"]["class_names"] != run.state["data"]["class_names"]:
        raise InputError(f"runs {first.folder} and {run.folder} learnt different data: give runs of one data set, one for each class")


def _origin(run: Run) -> dict:
    return {"run": run.folder.name, "checkpoint": run.step, "weights_sha256": run.weights_sha256}
