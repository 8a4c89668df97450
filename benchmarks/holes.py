"""Whether the holes that DiffAugment cuts come back in the samples: a classifier that learnt to see them in real images looks.

A generator must not imitate the changes that D sees; those that act on every image may leak into samples (Karras et al. 2020,
arXiv:2006.06676, section 2.2).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Sequence, Tuple

import numpy as np

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.classification.classify import classify
from paddle_gan_aug.data import DataSpec, LabelledImages, load, to_network, to_uint8
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.opened import open_run

LEARNT, HELD_OUT, STEPS = 20_000, 5000, 1000
PIECE = 1000
VISIBLE = 8  # pixels that a hole must change: most of what is cut from a digit is background


def holes(runs: Sequence[str], policy: str, count: int, say: Callable[[str], None]) -> Tuple[Dict[str, Any], str]:
    """`holes`: see `find_holes`."""
    result = find_holes(runs, policy, count, say=say)
    return result, holes_table(result)


def find_holes(
    runs: Sequence[str], policy: str = "digits", count: int = 5000, seed: int = 0, say: Callable[[str], None] = print
) -> Dict[str, Any]:
    """The share of each run's samples in which a hole is seen.

    Args:
        runs: trained GANs of one data set, with and without cutout. policy: of `DIFFAUGMENT_POLICIES`, whose holes are looked for.

    Returns:
        A dict: seen_in_whole and seen_in_cut (shares of validation images, without and with a hole), and for each run its seed, its
        own policy and probability, and seen (the share of its samples).

    Raises:
        InputError: no such policy, or one that cuts no holes; runs of different data.
    """
    runtime.import_paddle()  # without the lines it prints, before diffaugment imports it
    from paddle_gan_aug.augment.diffaugment import background
    from paddle_gan_aug.augment.diffaugment_policies import DIFFAUGMENT_POLICIES

    if policy not in DIFFAUGMENT_POLICIES or not DIFFAUGMENT_POLICIES[policy].cutout:
        choices = ", ".join(name for name, row in DIFFAUGMENT_POLICIES.items() if row.cutout)
        raise InputError(f"policy {policy}: choose one that cuts holes: {choices}")
    opened = [open_run(run) for run in runs]
    sources = [DataSpec.of(run.config.data).whole() for run in opened]
    strange = next((i for i, source in enumerate(sources) if source != sources[0]), None)
    if strange is not None:
        raise InputError(f"{runs[strange]} learnt other images than {runs[0]}: give runs of one data set")
    say(f"learning to see the holes of {policy} in {sources[0]}")
    fill = opened[0].config.diffaugment.fill
    training = load(sources[0], "train")
    fill = background(training.images) if fill == "auto" else fill
    reader = HoleReader(training, DIFFAUGMENT_POLICIES[policy].cutout, fill, seed)
    whole = _some(load(sources[0], "valid"), HELD_OUT, seed)
    found = {"seen_in_whole": reader.seen(whole), "seen_in_cut": reader.seen(reader.cut(whole, "held out"))}
    rows = [
        {
            "run": run.folder.name,
            "seed": run.config.train.seed,
            "policy": run.config.diffaugment.policy,
            "probability": run.config.diffaugment.probability,
            "seen": reader.seen(run.algorithm.sample(count, runtime.rng(seed, "samples with holes"))),
        }
        for run in opened
    ]
    return {"data": str(sources[0]), "policy": policy, "count": count, **found, "runs": rows, "version": __version__}


class HoleReader:
    """A classifier that learnt training images whole, and with a hole where it shows.

    Args:
        training: real images. ratio: the hole's side, as a share of the image's. fill: what shows in it, in [-1, 1].
    """

    def __init__(self, training: LabelledImages, ratio: float, fill: float, seed: int = 0) -> None:
        from paddle_gan_aug.augment.diffaugment_policies import DiffAugmentPolicy

        self.policy, self.fill, self.seed = DiffAugmentPolicy(cutout=ratio), fill, seed
        whole = _some(training, LEARNT, seed)
        cut = self.cut(whole, "learnt")
        images = to_uint8(np.concatenate([whole[: len(cut)], cut]))
        labels = np.repeat([0, 1], [len(images) - len(cut), len(cut)])
        # An instrument: what it is worth is measured on other images.
        given = {"train.steps": STEPS, "train.seed": seed, "log.visualdl": False, "data.allow_overlap": True}
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "holes.npz"
            np.savez(data, images=images, labels=labels, class_names=np.array(["whole", "cut"]))
            run = classify(test=data, overrides={**given, "data.source": str(data)}, run="r", output=folder, log=folder, quiet=True).run
        if run.interrupted:
            raise KeyboardInterrupt(run.interrupted)
        self.network = run.algorithm

    def cut(self, images: np.ndarray, stream: str) -> np.ndarray:
        """Those of the images float32 [N, C, H, W] whose hole shows, with it."""
        from paddle_gan_aug.augment.diffaugment import diffaugment

        paddle, rng = runtime.import_paddle(), runtime.rng(self.seed, f"holes {stream}")
        pieces = (paddle.to_tensor(images[i : i + PIECE]) for i in range(0, len(images), PIECE))
        cut = np.concatenate([diffaugment(piece, rng, self.policy, fill=self.fill).numpy() for piece in pieces])
        return cut[(np.abs(cut - images).max(1) > 0.5).sum((1, 2)) >= VISIBLE]

    def seen(self, images: np.ndarray) -> float:
        """The share of images float32 [N, C, H, W] in [-1, 1] that are read as cut."""
        pieces = [images[i : i + PIECE] for i in range(0, len(images), PIECE)]
        return float(np.concatenate([self.network.read(piece)[0][:, 1] > 0.5 for piece in pieces]).mean())


def _some(data: LabelledImages, count: int, seed: int) -> np.ndarray:
    return to_network(data.images[runtime.rng(seed, "images with holes").permutation(len(data))[:count]])


def holes_table(found: Dict[str, Any]) -> str:
    """A line of Markdown for the real images and for each run."""
    lines = ["| images | DiffAugment | a hole is seen in |", "|---|---|---|"]
    lines += [f"| validation, {name} | – | {100 * found[f'seen_in_{name}']:.1f} % |" for name in ("whole", "cut")]
    return "\n".join([*lines, *(f"| {row['run']} | {_changes(row)} | {100 * row['seen']:.1f} % |" for row in found["runs"])])


def _changes(row: Dict[str, Any]) -> str:
    return row["policy"] if row["policy"] == "none" or row["probability"] == 1 else f"{row['policy']}, p = {row['probability']:g}"
