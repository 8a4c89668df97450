"""One class's images, piece by piece: latents in their order, the filters' verdicts, until enough are kept or the attempts are used up.

A piece is a function of where the class stands, so that a set that was interrupted goes on to the same images.
"""

from dataclasses import dataclass, field

import numpy as np

from .. import runtime
from ..data import LabelledImages, to_uint8
from .candidates import Candidates
from .filters import KEPT, OPINIONS

PIECE = 500  # latents at once
LOOSER = (tuple(OPINIONS), (*OPINIONS, "outliers"))  # filters that are left out, one set after the other, where a class stays short
SPARE = 3  # tries remembered for each image that is missing: duplicates among them go


@dataclass
class Standing:
    """Where a class stands.

    Attributes:
        wanted: images to keep. limit: latents that may be tried. tried, kept: so far. pieces: finished ones.
    """

    wanted: int
    limit: int
    tried: int = 0
    kept: int = 0
    pieces: int = 0

    @property
    def missing(self):
        """How many images are still to come."""
        return self.wanted - self.kept

    @property
    def over(self):
        """Whether nothing more is to be drawn."""
        return not self.missing or self.tried >= self.limit


@dataclass(frozen=True, eq=False)
class Piece:
    """Kept images: uint8 [N, C, H, W], the index of each one's latent, what networks say of each ({name: float or class index})."""

    images: np.ndarray
    latents: np.ndarray
    readings: dict = field(default_factory=dict)
    features: np.ndarray = None


def stream_of(makers, class_index):
    """The name of the random stream of a class's latents. A run of one class makes the same images alone and beside others."""
    return f"generate class {class_index}" if makers.of(class_index).run.algorithm.conditional else "generate"


def draw(makers, gate, class_index, standing, seed, truncation=None):
    """Draw pieces of a class until `standing` (which is updated before each is given) is over.

    Args:
        makers: `Makers`. gate: a `Gate`, or None for no filters. class_index: of the class, None for a run without classes.

    Yields:
        `Piece`s; one may be empty.
    """
    stream = stream_of(makers, class_index)
    while not standing.over:
        # Without filters no latent is drawn in vain; with them the size of the product, and so its last bits, stays the same.
        size = min(PIECE, standing.missing if gate is None else standing.limit - standing.tried)
        indices = np.arange(standing.tried, standing.tried + size)
        images = to_uint8(makers.images(class_index, makers.latents(stream, indices, seed, class_index, truncation)))
        if gate is None:
            piece, looked_at = Piece(images, indices), size
        else:
            piece, looked_at = _filtered(
                gate, class_index, images, indices, standing, runtime.rng(seed, f"filter {stream}", standing.pieces)
            )
        standing.tried += looked_at
        standing.kept += len(piece.images)
        standing.pieces += 1
        yield piece


def _filtered(gate, class_index, images, indices, standing, rng):
    candidates = gate.candidates(class_index, images)
    reasons = gate.judge(class_index, candidates, rng, standing.missing)
    kept = np.array([i for i, reason in enumerate(reasons) if reason == KEPT], dtype=np.int64)
    return _as_piece(gate, candidates.subset(kept), indices[kept]), len(reasons)


def _as_piece(gate, candidates, indices):
    readings = {}
    if candidates.scores is not None:
        readings["score"] = candidates.scores
    if candidates.probabilities is not None:
        readings["confidence"] = candidates.probabilities[np.arange(len(candidates)), candidates.labels]
        readings["read_as"] = candidates.probabilities.argmax(1)
    return Piece(candidates.images, indices, readings, candidates.features if gate.chain.remembers else None)


def best_dropped(makers, gate, class_index, standing, taken, seed, truncation=None):
    """What there is of a class that stays short of what is wanted, after all its tries: the best of those that filters dropped.

    The classifier's opinions count no more, then outliers do not either; blank images, copies and duplicates are never taken. What the
    classifier takes for the class with the highest probability comes first. `standing` is updated before each piece is given.

    Args:
        taken: indices of latents whose images were kept.

    Yields:
        (`Piece`, names of the filters that were left out).
    """
    taken = set(taken)
    for left_out in LOOSER:
        names = [row.name for row in gate.chain.filters]
        left_out = [name for name in names if name in left_out]
        if not set(left_out) & set(OPINIONS) or not standing.missing:
            continue
        found, indices = _not_dropped(makers, gate, class_index, standing, taken, left_out, seed, truncation)
        if found is None:
            continue
        finder = gate.chain.reduced({"duplicates"})
        reasons = finder.judge(found, runtime.rng(seed, "best dropped", standing.tried), standing.missing)
        kept = np.array([i for i, reason in enumerate(reasons) if reason == KEPT], dtype=np.int64)
        piece = _as_piece(gate, found.subset(kept), indices[kept])
        if gate.chain.remembers:
            gate.chain.remember(piece.features, found.labels[kept])
        taken |= set(piece.latents.tolist())
        standing.kept += len(kept)
        yield piece, left_out


def _not_dropped(makers, gate, class_index, standing, taken, left_out, seed, truncation):
    """(`Candidates`, indices) of all tries that the other filters let through, the likeliest first; (None, None) without any."""
    stream = stream_of(makers, class_index)
    chain = gate.chain.reduced({row.name for row in gate.chain.filters} - {*left_out, "duplicates"})
    best = np.zeros(0)
    found, numbers = None, np.zeros(0, np.int64)
    for start in range(0, standing.tried, PIECE):
        indices = np.arange(start, min(start + PIECE, standing.tried))
        images = to_uint8(makers.images(class_index, makers.latents(stream, indices, seed, class_index, truncation)))
        candidates = gate.candidates(class_index, images)
        chain.reference = gate.reference(class_index)
        reasons = chain.judge(candidates, runtime.rng(seed, f"looser {stream}", start))
        fine = np.array([i for i, reason in enumerate(reasons) if reason == KEPT and indices[i] not in taken], dtype=np.int64)
        candidates, indices = candidates.subset(fine), indices[fine]
        found = candidates if found is None else Candidates.joined(found, candidates)
        numbers = np.concatenate([numbers, indices])
        best = np.concatenate([best, candidates.probabilities[np.arange(len(fine)), candidates.labels]])
        order = np.argsort(-best, kind="stable")[: SPARE * standing.missing]
        found, numbers, best = found.subset(order), numbers[order], best[order]
    return (found, numbers) if len(numbers) else (None, None)


def draw_set(makers, gate, quotas, seed, attempts=50):
    """A set in memory, for a classifier that learns from it at once.

    Args:
        quotas: {class index: images wanted}. attempts: latents that may be tried for each wanted image.

    Returns:
        (`LabelledImages`, {class name: how many are missing}).
    """
    images, labels, missing = [], [], {}
    for c, wanted in quotas.items():
        standing = Standing(wanted, max(1, wanted * attempts))
        if gate is not None:
            gate.chain.forget()
        for piece in draw(makers, gate, c, standing, seed):
            images.append(piece.images)
            labels += [c] * len(piece.images)
        if standing.missing:
            missing[makers.name(c)] = standing.missing
    source = "generated by " + ", ".join(maker.origin["run"] for maker in makers.makers)
    joined = np.concatenate(images) if images else np.zeros((0, *makers.shape), np.uint8)
    return LabelledImages(joined, np.array(labels, dtype=np.int64), makers.class_names, source), missing
