"""What filters look at: generated candidates with what networks say of them, and what is natural among real training
images.
"""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

import numpy as np

from ..data import in_pieces
from ..metrics.checks import checked_images, checked_probabilities, checked_rows
from ..metrics.health import single_image_limits
from .scores import checked_scores

ROUNDING = 1e-4  # of a mean feature vector's length: nearer than that, two images are the same
SMALLEST_CELL = 50  # distances that a class must have for limits of its own
NEIGHBOURS = 5
CHECKED_AT_ONCE = 10_000  # features

_PARTS = ("images", "labels", "features", "probabilities", "scores")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Generated images with what networks say of them. What no filter needs may be None.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N], the class that each image was made for; all 0 for a GAN without classes.
        features: float [N, width], of the network that read the training images.
        probabilities: float [N, classes], of the filter's classifier.
        scores: float [N], the discriminator's logits.

    Raises:
        ValueError: counts that differ, values that are not finite, rows of probabilities that do not sum to 1, images
            that are not uint8.
    """

    images: np.ndarray
    labels: np.ndarray
    features: Optional[np.ndarray] = None
    probabilities: Optional[np.ndarray] = None
    scores: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        checks = {
            "images": lambda values: checked_images("candidates", values),
            "labels": lambda values: np.asarray(values, dtype=np.int64),
            "features": lambda values: checked_rows("candidates' features", values, 0),
            "probabilities": lambda values: checked_probabilities(values, 0) if len(values) else np.asarray(values),
            "scores": lambda values: checked_scores("candidates'", values),
        }
        for name, check in checks.items():
            values = getattr(self, name)
            if values is None:
                continue
            object.__setattr__(self, name, check(values))
            if len(values) != len(self.images):
                raise ValueError(f"{len(self.images)} candidates but {len(values)} {name}")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Any) -> "Candidates":
        """The candidates at `indices`."""
        return Candidates(*(None if getattr(self, name) is None else getattr(self, name)[indices] for name in _PARTS))

    @staticmethod
    def joined(*chunks: "Candidates") -> "Candidates":
        """Several chunks as one. The same attributes of each must be None."""
        parts = [[getattr(chunk, name) for chunk in chunks] for name in _PARTS]
        return Candidates(*(None if values[0] is None else np.concatenate(values) for values in parts))


class Reference:
    """The limits of what is natural among real training images. Filters that need what is not given cannot run.

    Args:
        images: uint8 [M, C, H, W], real training images, for the limits of their signs.
        features: float [M, width], the features of real training images. labels: int [M], their labels; zeros for a GAN
            without classes.
        held_out: (features float [K, width], labels int [K]) of real images that the GAN did not train on: their
            distances to the training images are the natural ones. None = `natural`, or else those between training
            images.
        natural: (float64 [J, 2], labels int [J]), distances of real images to training images that a network learnt
            without them.
        reading: the `held_out.HeldOut` of the filters' classifier; None = the classifier counts as good.
        real_scores, fake_scores: float, D's logits of held-out real images and of generated ones, for the calibration.

    Raises:
        ValueError: counts or widths that differ; values that are not finite.
    """

    def __init__(
        self,
        images: Optional[np.ndarray] = None,
        features: Optional[np.ndarray] = None,
        labels: Optional[np.ndarray] = None,
        held_out: Optional[Tuple[np.ndarray, np.ndarray]] = None,
        real_scores: Optional[np.ndarray] = None,
        fake_scores: Optional[np.ndarray] = None,
        natural: Optional[Tuple[np.ndarray, np.ndarray]] = None,
        reading: Any = None,
    ) -> None:
        self.sign_limits = None if images is None else single_image_limits(images)
        self.space = None if features is None else FeatureSpace(features, labels, held_out, natural)
        self.reading = reading
        self.real_scores, self.fake_scores = real_scores, fake_scores

    def has(self, name: str) -> bool:
        """Whether it was given what a row of `FILTERS` calls "images", "features" or "scores"."""
        if name == "scores":
            return self.real_scores is not None and self.fake_scores is not None
        return (self.sign_limits if name == "images" else self.space) is not None


class FeatureSpace:
    """The real training images of each class in feature space, and how far apart real images of a class naturally are.

    Args and errors: as `Reference`.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: Optional[np.ndarray],
        held_out: Optional[Tuple[np.ndarray, np.ndarray]] = None,
        natural: Optional[Tuple[np.ndarray, np.ndarray]] = None,
    ) -> None:
        from sklearn.neighbors import NearestNeighbors

        checked_rows("training features", features[:2], 2)
        norms = [np.linalg.norm(checked_rows("training features", piece), axis=1) for piece in in_pieces(features, CHECKED_AT_ONCE)]
        labels = np.zeros(len(features), dtype=np.int64) if labels is None else np.asarray(labels)
        if len(labels) != len(features):
            raise ValueError(f"{len(features)} training features but {len(labels)} labels")
        self.width = features.shape[1]
        self._rounding = ROUNDING * float(np.concatenate(norms).mean())
        of_class = ((int(c), features[labels == c].astype(np.float64)) for c in np.unique(labels))
        self._finders = {c: NearestNeighbors(algorithm="brute").fit(rows) for c, rows in of_class}
        if held_out is not None:
            natural = (self.distances(checked_rows("held-out features", held_out[0]), np.asarray(held_out[1])), held_out[1])
        self._natural = self._distances_between_training() if natural is None else self._of_classes(*natural)

    def distances(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The distances to the nearest and to the fifth nearest training image of the same class, float64 [N, 2].

        In a class with fewer images the second one is that to the farthest of them. In a class without images both are
        infinite.
        """
        if len(features) and features.shape[1] != self.width:
            raise ValueError(f"features have width {features.shape[1]}, training ones {self.width}: they are of different networks")
        found = np.full((len(labels), 2), np.inf)
        for c, finder in self._finders.items():
            mine = np.flatnonzero(labels == c)
            if len(mine):
                found[mine] = finder.kneighbors(features[mine], min(NEIGHBOURS, finder.n_samples_fit_))[0][:, [0, -1]]
        return found

    def limits(self, labels: np.ndarray, column: int, share: float) -> np.ndarray:
        """For each label, the distance below which a share of the natural distances lies, float64 [N].

        A class with few distances has the limit of all classes together.

        Args:
            column: 0 = distances to the nearest image, 1 = to the fifth.
        """
        pooled = np.concatenate([rows[:, column] for rows in self._natural.values()]) if self._natural else np.zeros(0)
        default = np.quantile(pooled, share) if len(pooled) else (0.0 if column == 0 else np.inf)
        own = {c: np.quantile(rows[:, column], share) for c, rows in self._natural.items() if len(rows) >= SMALLEST_CELL}
        return np.array([max(own.get(int(label), default), self._rounding) for label in labels], dtype=np.float64)

    def _of_classes(self, distances: np.ndarray, labels: np.ndarray) -> Dict[int, np.ndarray]:
        known = np.isfinite(distances).all(1)  # of a class without another image there is no distance
        distances, labels = distances[known], np.asarray(labels)[known]
        return {c: distances[labels == c] for c in self._finders if (labels == c).any()}

    def _distances_between_training(self) -> Dict[int, np.ndarray]:
        found = {}
        for c, finder in self._finders.items():
            if finder.n_samples_fit_ > 1:  # without rows to look for it leaves out each row itself
                found[c] = finder.kneighbors(n_neighbors=min(NEIGHBOURS, finder.n_samples_fit_ - 1))[0][:, [0, -1]]
        return found
