"""What an arm of a study is: one way to train the classifier. The arms themselves are in `arms`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

SHARE = 0.25  # of a batch that is generated, unless an arm is named as arm@share

IMBALANCE, SPARE, PAIRS, UNLABELLED = "imbalance", "spare images", "pairs", "images without labels"
REASONS = {  # what an arm may need of the data -> why it does not work without
    IMBALANCE: "all classes have equally many images, so it would be the same as the arm without it",
    SPARE: "the data has no real images beyond those of the scenario: choose few labels (labels=N) of a larger set",
    PAIRS: "a class has fewer than two images, and variations are learnt from pairs",
    UNLABELLED: "there are no images without labels: name some (unlabelled=DIR), put a folder unlabelled beside train, or choose "
    "few labels (labels=N) of a larger set",
}

_GAN, _CHANGED = "sngan-projection", {"diffaugment.policy": "{policy}"}
_ADA = {"diffaugment.probability": 0.0, "diffaugment.adaptive": "ada", "diffaugment.images_to_one": 50_000}
MAKERS = {  # what makes images -> (preset, settings laid over it)
    "gan": (_GAN, _CHANGED),
    "gan-plain": (_GAN, {}),
    "gan-ada": (_GAN, {**_CHANGED, **_ADA}),
    "gan-balanced": (_GAN, {**_CHANGED, "classifier.sampling": "balanced"}),
    "dagan": ("dagan", {"train.steps": None}),
    "learned-augmenter": ("learned-augmenter", {"train.steps": None, "train.epochs": None}),
}
PSEUDO, PSEUDO_SHARE = "pseudo", 0.5  # images without labels, with the confident readings of a classifier; their share of a batch


@dataclass(frozen=True)
class Arm:
    """One way to train the classifier.

    Attributes:
        name: as it is chosen and shown; "name@share" is the same arm with another share of generated images.
        says: what it does, in a sentence.
        settings: configuration keys of the classifier that differ from the arm `real`.
        maker: what makes further images, of `MAKERS`; "spare" for further real ones, `PSEUDO` for those without labels; "" for none.
        learner: the preset that learns in place of the classifier, from images with and without labels; "" for none.
        taught_by: of pseudo-labels, the arm whose network reads the images without labels first; None for the classifier itself.
        filters: of the made images: "none", "default", or "default" and further filters, joined by "+". teacher: whether a
            classifier's readings label them.
        renewed: whether they are made anew while the classifier trains. ensemble: whether several classifiers vote.
        needs: of the data, keys of `REASONS`. share: of a batch that is made.
        upper: whether the arm uses labels that the others lack, and so is a line to compare with and no candidate.
    """

    name: str
    says: str
    settings: Dict[str, Any] = field(default_factory=dict)
    maker: str = ""
    learner: str = ""
    taught_by: Optional["Arm"] = None
    filters: str = "none"
    teacher: bool = False
    renewed: bool = False
    ensemble: bool = False
    pretrains: bool = False
    needs: Tuple[str, ...] = ()
    share: float = SHARE
    upper: bool = False

    @property
    def makes(self) -> bool:
        """Whether a GAN or another maker makes images for its classifier."""
        return self.maker in MAKERS

    @property
    def generates(self) -> bool:
        """Whether images that are not real take part."""
        learner = self.first_learner
        return self.makes or (learner is not None and bool(learner.settings.get("semi_supervised.gan", True)))

    @property
    def first_learner(self) -> Optional["Arm"]:
        """The arm that learns images with and without labels for this one: itself, or the one that teaches it; None = no such arm."""
        return self if self.learner else self.taught_by

    @property
    def unlabelled(self) -> bool:
        """Whether it learns images without labels."""
        return UNLABELLED in self.needs

    @property
    def filter_names(self) -> List[str]:
        """The filters by name; [] = none."""
        from ..synthesis.filters import chosen_filters

        first, *more = self.filters.split("+")
        return [*chosen_filters(first, True), *more]

    @property
    def reads(self) -> bool:
        """Whether it needs a classifier of the same images, to filter or to teach."""
        return self.teacher or self.filters != "none"


def is_gan(maker: str) -> bool:
    """Whether images come from the GAN of a study, whose preset `--gan` names."""
    return maker in MAKERS and MAKERS[maker][0] == _GAN
