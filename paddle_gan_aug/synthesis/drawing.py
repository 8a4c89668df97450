"""One class's images, chunk by chunk: latents in their order, the filters' verdicts, until enough are kept or the attempts are used up.

A chunk is a function of where the class stands, so that a set that was interrupted goes on to the same images.
"""

from dataclasses import dataclass, field

import numpy as np

from .. import runtime
from ..data import LabelledImages, to_uint8
from ..runs import sampling
from .candidates import Candidates
from .filters import KEPT, OPINIONS

CHUNK = 500  # latents at once
LOOSER = (tuple(OPINIONS), (*OPINIONS, "outliers"))  # filters that are left out, one set after the other, where a class stays short
SPARE = 3  # tries remembered for each image that is missing: duplicates among them go


@dataclass
class ClassProgress:
    """Where a class stands.

    Attributes:
        wanted: images to keep. limit: latents that may be tried. tried, kept: so far. chunks: finished ones.
    """

    wanted: int
    limit: int
    tried: int = 0
    kept: int = 0
    chunks: int = 0

    @property
    def missing(self):
        """How many images are still to come."""
        return self.wanted - self.kept

    @property
    def over(self):
        """Whether nothing more is to be drawn."""
        return not self.missing or self.tried >= self.limit


@dataclass(frozen=True, eq=False)
class Chunk:
    """Kept images: uint8 [N, C, H, W], the index of each one's latent, what networks say of each ({name: float or class index})."""

    images: np.ndarray
    latents: np.ndarray
    readings: dict = field(default_factory=dict)
    features: np.ndarray = None


def stream_of(samplers, class_index):
    """The name of the random stream of a class's latents. A run of one class makes the same images alone and beside others."""
    return sampling.stream_of(samplers.of(class_index).run.algorithm, class_index)


def draw(samplers, runner, class_index, progress, seed, truncation=None):
    """Draw chunks of a class until `progress` (which is updated before each is given) is over.

    Args:
        samplers: `Samplers`. runner: a `FilterRunner`, or None for no filters. class_index: of the class, None for a run without classes.

    Yields:
        `Chunk`s; one may be empty.
    """
    stream = stream_of(samplers, class_index)
    while not progress.over:
        # Without filters no latent is drawn in vain; with them the size of the product, and so its last bits, stays the same.
        size = min(CHUNK, progress.missing if runner is None else progress.limit - progress.tried)
        indices = np.arange(progress.tried, progress.tried + size)
        images = to_uint8(samplers.images(class_index, samplers.latents(stream, indices, seed, class_index, truncation)))
        if runner is None:
            chunk, looked_at = Chunk(images, indices), size
        else:
            chunk, looked_at = _filtered(
                runner, class_index, images, indices, progress, runtime.rng(seed, f"filter {stream}", progress.chunks)
            )
        progress.tried += looked_at
        progress.kept += len(chunk.images)
        progress.chunks += 1
        yield chunk


def _filtered(runner, class_index, images, indices, progress, rng):
    candidates = runner.candidates(class_index, images)
    reasons = runner.judge(class_index, candidates, rng, progress.missing)
    kept = np.array([i for i, reason in enumerate(reasons) if reason == KEPT], dtype=np.int64)
    return _as_chunk(runner, candidates.subset(kept), indices[kept]), len(reasons)


def _as_chunk(runner, candidates, indices):
    readings = {}
    if candidates.scores is not None:
        readings["score"] = candidates.scores
    if candidates.probabilities is not None:
        readings["confidence"] = candidates.probabilities[np.arange(len(candidates)), candidates.labels]
        readings["read_as"] = candidates.probabilities.argmax(1)
    return Chunk(candidates.images, indices, readings, candidates.features if runner.chain.remembers else None)


def best_dropped(samplers, runner, class_index, progress, taken, seed, truncation=None):
    """What there is of a class that stays short of what is wanted, after all its tries: the best of those that filters dropped.

    The classifier's opinions count no more, then outliers do not either; blank images, copies and duplicates are never taken. What the
    classifier takes for the class with the highest probability comes first. `progress` is updated before each chunk is given.

    Args:
        taken: indices of latents whose images were kept.

    Yields:
        (`Chunk`, names of the filters that were left out).
    """
    taken = set(taken)
    for left_out in LOOSER:
        names = [row.name for row in runner.chain.filters]
        left_out = [name for name in names if name in left_out]
        if not set(left_out) & set(OPINIONS) or not progress.missing:
            continue
        found, indices = _not_dropped(samplers, runner, class_index, progress, taken, left_out, seed, truncation)
        if found is None:
            continue
        finder = runner.chain.reduced({"duplicates"})
        reasons = finder.judge(found, runtime.rng(seed, "best dropped", progress.tried), progress.missing)
        kept = np.array([i for i, reason in enumerate(reasons) if reason == KEPT], dtype=np.int64)
        chunk = _as_chunk(runner, found.subset(kept), indices[kept])
        if runner.chain.remembers:
            runner.chain.remember(chunk.features, found.labels[kept])
        taken |= set(chunk.latents.tolist())
        progress.kept += len(kept)
        yield chunk, left_out


def _not_dropped(samplers, runner, class_index, progress, taken, left_out, seed, truncation):
    """(`Candidates`, indices) of all tries that the other filters let through, the likeliest first; (None, None) without any."""
    stream = stream_of(samplers, class_index)
    chain = runner.chain.reduced({row.name for row in runner.chain.filters} - {*left_out, "duplicates"})
    best = np.zeros(0)
    found, numbers = None, np.zeros(0, np.int64)
    for start in range(0, progress.tried, CHUNK):
        indices = np.arange(start, min(start + CHUNK, progress.tried))
        images = to_uint8(samplers.images(class_index, samplers.latents(stream, indices, seed, class_index, truncation)))
        candidates = runner.candidates(class_index, images)
        chain.reference = runner.reference(class_index)
        reasons = chain.judge(candidates, runtime.rng(seed, f"looser {stream}", start))
        fine = np.array([i for i, reason in enumerate(reasons) if reason == KEPT and indices[i] not in taken], dtype=np.int64)
        candidates, indices = candidates.subset(fine), indices[fine]
        found = candidates if found is None else Candidates.joined(found, candidates)
        numbers = np.concatenate([numbers, indices])
        best = np.concatenate([best, candidates.probabilities[np.arange(len(fine)), candidates.labels]])
        order = np.argsort(-best, kind="stable")[: SPARE * progress.missing]
        found, numbers, best = found.subset(order), numbers[order], best[order]
    return (found, numbers) if len(numbers) else (None, None)


def draw_set(samplers, runner, quotas, seed, attempts=50):
    """A set in memory, for a classifier that learns from it at once.

    Args:
        quotas: {class index: images wanted}. attempts: latents that may be tried for each wanted image.

    Returns:
        (`LabelledImages`, {class name: how many are missing}).
    """
    images, labels, missing = [], [], {}
    for c, wanted in quotas.items():
        progress = ClassProgress(wanted, max(1, wanted * attempts))
        if runner is not None:
            runner.chain.forget()
        for chunk in draw(samplers, runner, c, progress, seed):
            images.append(chunk.images)
            labels += [c] * len(chunk.images)
        if progress.missing:
            missing[samplers.name(c)] = progress.missing
    source = "generated by " + ", ".join(sampler.origin["run"] for sampler in samplers.samplers)
    joined = np.concatenate(images) if images else np.zeros((0, *samplers.shape), np.uint8)
    return LabelledImages(joined, np.array(labels, dtype=np.int64), samplers.class_names, source), missing
