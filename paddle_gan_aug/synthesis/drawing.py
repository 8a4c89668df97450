"""The images of one class, chunk by chunk: latents in their order and the filters' verdicts, until the quota or the
limit is reached.

A chunk is a function of the progress of its class, so that a set that was interrupted goes on to the same images.
"""

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from .. import runtime
from ..data import LabelledImages
from .candidates import Candidates
from .filter_runner import FilterRunner
from .filters import ATTEMPTS, KEPT
from .sampler import Sampler, Samplers

CHUNK = 500  # latents at once
Take = Callable[[Sampler, int, int, int], Tuple[np.ndarray, Optional[List[bytes]]]]
SPARE = 3  # tries remembered for each image that is missing: duplicates among them go


@dataclass
class ClassProgress:
    """How far a class is.

    Attributes:
        quota: images to keep. limit: latents that may be tried.
        tried, kept: latents tried and images kept so far. chunks: chunks finished so far.
    """

    quota: int
    limit: int
    tried: int = 0
    kept: int = 0
    chunks: int = 0

    @property
    def missing(self) -> int:
        """How many images are still to come."""
        return self.quota - self.kept

    @property
    def over(self) -> bool:
        """Whether nothing more is to be drawn."""
        return not self.missing or self.tried >= self.limit


@dataclass(frozen=True, eq=False)
class Chunk:
    """Kept images of a class.

    Attributes:
        images: uint8 [N, C, H, W]. latents: int [N], the index of the latent of each.
        readings: what networks say of each, {"score" or "confidence": float [N], "read_as": int [N]}.
        features: float [N, width], where a filter compares with images kept before; else None.
        passed: the filters that let them pass; None without filters.
        dropped_by: the filters of which one had dropped each of them before, see `best_dropped`.
        pictures: the PNG file of each, where they are made already.
    """

    images: np.ndarray
    latents: np.ndarray
    readings: Dict[str, np.ndarray] = field(default_factory=dict)
    features: Optional[np.ndarray] = None
    passed: Optional[List[str]] = None
    dropped_by: Sequence[str] = ()
    pictures: Optional[List[bytes]] = None


def draw(
    sampler: Sampler,
    runner: Optional[FilterRunner],
    progress: ClassProgress,
    seed: int,
    truncation: Optional[float] = None,
    take: Optional[Take] = None,
) -> Iterator[Chunk]:
    """Draw chunks of a class until its progress is over.

    Args:
        sampler: of the class.
        runner: the filters, which have begun this class; None for no filters.
        progress: how far the class is. It is updated before each chunk is given.
        seed, truncation: as for `Sampler.latents`.
        take: draws the images in the sampler's place, see `drawing_together.Ahead.take`.

    Yields:
        Chunks, of which some may be empty.
    """
    while not progress.over:
        # Without filters no latent is drawn in vain; with them the size of the product, and so its last bits, stays the same.
        size = min(CHUNK, progress.missing if runner is None else progress.limit - progress.tried)
        indices = np.arange(progress.tried, progress.tried + size)
        if take is None:
            images, pictures = sampler.sample(indices, seed, truncation), None
        else:
            images, pictures = take(sampler, progress.tried, size, progress.limit)
        if runner is None:
            chunk, looked_at = Chunk(images, indices, pictures=pictures), size
        else:
            candidates = runner.candidates(sampler, images)
            rng = runtime.rng(seed, f"filter {sampler.stream}", progress.chunks)
            reasons = runner.chain.judge(candidates, rng, progress.missing)
            chunk, looked_at = _kept(runner, sampler, candidates, indices, reasons), len(reasons)
        progress.tried += looked_at
        progress.kept += len(chunk.images)
        progress.chunks += 1
        yield chunk


def _kept(
    runner: FilterRunner,
    sampler: Sampler,
    candidates: Candidates,
    indices: np.ndarray,
    reasons: Sequence[str],
    left_out: Sequence[str] = (),
) -> Chunk:
    """The chunk of those candidates that no filter dropped."""
    kept = np.array([i for i, reason in enumerate(reasons) if reason == KEPT], dtype=np.int64)
    candidates, readings = candidates.subset(kept), {}
    if candidates.scores is not None:
        readings["score"] = candidates.scores
    if candidates.probabilities is not None:
        readings["confidence"] = _of_own_class(candidates)
        readings["read_as"] = candidates.probabilities.argmax(1)
    features = candidates.features if runner.chain.remembers else None
    return Chunk(candidates.images, indices[kept], readings, features, runner.passed(sampler, left_out), left_out)


def _of_own_class(candidates: Candidates) -> np.ndarray:
    """The probability of the class that each was made for, float [N]."""
    return candidates.probabilities[np.arange(len(candidates)), candidates.labels]


def best_dropped(
    sampler: Sampler,
    runner: FilterRunner,
    progress: ClassProgress,
    taken: Iterable[int],
    seed: int,
    truncation: Optional[float] = None,
) -> Iterator[Chunk]:
    """For a class that stays short of its quota after all its tries: the best of the images that filters dropped.

    In the first round the opinions of the classifier are left out, in the second one outliers count too. Blank images,
    copies and duplicates are never taken. The images to whose class the classifier gives the highest probability come
    first.

    Args:
        sampler, runner, progress, seed, truncation: as for `draw`.
        taken: the indices of latents whose images were kept.

    Yields:
        Chunks.
    """
    taken, rows = set(taken), runner.chain.filters
    finder = runner.chain.reduced([row.name for row in rows if row.stateful])
    for round_ in (1, 2):
        left_out = [row.name for row in rows if 0 < row.relaxed <= round_]
        if not any(row.is_opinion for row in rows if row.name in left_out) or not progress.missing:
            continue
        found, indices = _not_dropped(sampler, runner, progress, taken, left_out, seed, truncation)
        if found is None:
            continue
        reasons = finder.judge(found, runtime.rng(seed, "best dropped", progress.tried), progress.missing)
        chunk = _kept(runner, sampler, found, indices, reasons, left_out)
        taken |= set(chunk.latents.tolist())
        progress.kept += len(chunk.images)
        yield chunk


def _not_dropped(
    sampler: Sampler,
    runner: FilterRunner,
    progress: ClassProgress,
    taken: Iterable[int],
    left_out: Sequence[str],
    seed: int,
    truncation: Optional[float],
) -> Tuple[Optional[Candidates], np.ndarray]:
    """(candidates, indices) of all tries that the other filters let through, the likeliest first; (None, []) without
    any.
    """
    chain = runner.chain.reduced([row.name for row in runner.chain.filters if row.name not in left_out and not row.stateful])
    best, found, numbers = np.zeros(0), None, np.zeros(0, np.int64)
    for start in range(0, progress.tried, CHUNK):
        indices = np.arange(start, min(start + CHUNK, progress.tried))
        candidates = runner.candidates(sampler, sampler.sample(indices, seed, truncation))
        reasons = chain.judge(candidates, runtime.rng(seed, f"looser {sampler.stream}", start))
        fine = np.array([i for i, reason in enumerate(reasons) if reason == KEPT and indices[i] not in taken], dtype=np.int64)
        candidates, indices = candidates.subset(fine), indices[fine]
        found = candidates if found is None else Candidates.joined(found, candidates)
        numbers, best = np.concatenate([numbers, indices]), np.concatenate([best, _of_own_class(candidates)])
        order = np.argsort(-best, kind="stable")[: SPARE * progress.missing]
        found, numbers, best = found.subset(order), numbers[order], best[order]
    return (found, numbers) if len(numbers) else (None, numbers)


def draw_set(
    samplers: Samplers, runner: Optional[FilterRunner], quotas: Dict[Sampler, int], seed: int, attempts: int = ATTEMPTS
) -> Tuple[LabelledImages, Dict[Optional[str], int]]:
    """Draw a set in memory, for a classifier that learns from it at once.

    Args:
        samplers: those of the set. runner: the filters, or None.
        quotas: {sampler: images}. attempts: latents that may be tried for each image.

    Returns:
        (the images, {class name: how many are missing}).
    """
    images, labels, missing = [], [], {}
    for sampler, quota in quotas.items():
        progress = ClassProgress(quota, max(1, quota * attempts))
        if runner is not None:
            runner.begin_class(sampler)
        for chunk in draw(sampler, runner, progress, seed):
            images.append(chunk.images)
            labels += [sampler.label] * len(chunk.images)
        if progress.missing:
            missing[sampler.name] = progress.missing
    source = "generated by " + ", ".join(origin["run"] for origin in samplers.origins)
    joined = np.concatenate(images) if images else np.zeros((0, *samplers.shape), np.uint8)
    return LabelledImages(joined, np.array(labels, dtype=np.int64), samplers.class_names, source), missing
