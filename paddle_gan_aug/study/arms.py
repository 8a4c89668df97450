"""The arms of a study: ways to train the same classifier. Adding one is one row here."""

from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..errors import InputError, did_you_mean

STANDARD = {"classifier.augmentation": "standard"}
TRIVIAL = {"classifier.augmentation": "trivialaugment"}
BALANCED = {**STANDARD, "classifier.sampling": "balanced"}
SHARE = 0.25  # of a batch that is generated, unless an arm is named as arm@share
PRETRAINED = 0.4  # of the steps of the arm `pretrain`

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
_CONSISTENT = {  # virtual adversarial training with entropy minimisation (Miyato et al. 2018), and nothing generated
    "semi_supervised.gan": False,
    "semi_supervised.vat_weight": 1.0,
    "semi_supervised.entropy_weight": 1.0,
    "semi_supervised.vat_radius": 0.5,
    "semi_supervised.teacher_weight": 0.0,
    "semi_supervised.consistency_start": 0,
}
_CONSISTENT_MLP = {  # of the MLP, without noise: the best of five settings on validation images: benchmarks/rows/semi-supervised.yaml
    "semi_supervised.input_noise": 0.0,
    "semi_supervised.hidden_noise": 0.0,
    "optimizer.discriminator_lr": 1e-3,
}
_FIXMATCH = {  # what the averaged weights read with confidence is learnt on strongly changed images (Sohn et al. 2020)
    "classifier.augmentation": "standard",
    "semi_supervised.labelled_batch": 50,
    "semi_supervised.teacher_weight": 1.0,
    "semi_supervised.teacher_augmentation": "trivialaugment",
}


@dataclass(frozen=True)
class Arm:
    """One way to train the classifier.

    Attributes:
        name: as it is chosen and shown; "name@share" is the same arm with another share of generated images.
        says: what it does, in a sentence.
        settings: configuration keys of the classifier that differ from the arm `real`.
        maker: what makes further images, of `MAKERS`; "spare" for further real ones, `PSEUDO` for those without labels; "" for none.
        learner: the preset that learns in place of the classifier, from images with and without labels; "" for none.
        taught_by: of pseudo-labels, the arm whose network reads the images without labels first; "" for the classifier itself.
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
    taught_by: str = ""
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
        return self if self.learner else ARMS[self.taught_by] if self.taught_by else None

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


_ROWS = [
    Arm("real", "The real images alone."),
    Arm(
        "oversampling",
        "Real images alone; rare classes are sampled as often as the largest (oversampling).",
        {"classifier.sampling": "balanced"},
        needs=(IMBALANCE,),
    ),
    Arm(
        "class-weights",
        "Real images alone; rare classes have higher weights in the loss.",
        {"classifier.class_weights": "balanced"},
        needs=(IMBALANCE,),
    ),
    Arm("classical", "Classical augmentation that keeps the labels, such as shifts and rotations.", STANDARD),
    Arm(
        "classical+weights",
        "Classical augmentation, with higher weights of rare classes in the loss.",
        {**STANDARD, "classifier.class_weights": "balanced"},
        needs=(IMBALANCE,),
    ),
    Arm(
        "classical+oversampling",
        "Classical augmentation; rare classes are sampled as often as the largest.",
        BALANCED,
        needs=(IMBALANCE,),
    ),
    Arm(
        "classical+adjustment",
        "Classical augmentation, with logit adjustment for rare classes.",
        {**STANDARD, "classifier.logit_adjustment": 1.0},
        needs=(IMBALANCE,),
    ),
    Arm(
        "logit-adjustment",
        "Real images alone, with logit adjustment for rare classes (Menon et al. 2021).",
        {"classifier.logit_adjustment": 1.0},
        needs=(IMBALANCE,),
    ),
    Arm("trivialaugment", "One random transform of random strength for each image (TrivialAugment).", TRIVIAL),
    Arm("mixup", "Classical augmentation, and mixtures of two images and their labels.", {**STANDARD, "classifier.mixing": "mixup"}),
    Arm("cutmix", "Classical augmentation, and a piece of one image in another.", {**STANDARD, "classifier.mixing": "cutmix"}),
    Arm("manifold", "Classical augmentation, and mixtures of the features of two images.", {**STANDARD, "classifier.mixing": "manifold"}),
    Arm("ensemble", "Several classifiers with classical augmentation vote; they take about the time of the GAN.", STANDARD, ensemble=True),
    Arm("gan", "Images of a conditional GAN beside the real ones.", maker="gan"),
    Arm("gan+filter", "Images of the GAN that pass the filters, beside the real ones.", maker="gan", filters="default"),
    Arm("classical+gan", "Real images and images of the GAN, both with classical augmentation.", STANDARD, maker="gan"),
    Arm(
        "classical+gan+filter",
        "Real images and filtered images of the GAN, both with classical augmentation.",
        STANDARD,
        maker="gan",
        filters="default",
    ),
    Arm(
        "trivialaugment+gan+filter",
        "Real images and filtered images of the GAN, both with TrivialAugment.",
        TRIVIAL,
        maker="gan",
        filters="default",
    ),
    Arm(
        "pretrain",
        "Filtered images of the GAN first, then real ones alone, with classical augmentation.",
        STANDARD,
        maker="gan",
        filters="default",
        pretrains=True,
    ),
    Arm(
        "soft-labels",
        "Images of the GAN with the class probabilities of a classifier as labels, with classical augmentation.",
        STANDARD,
        maker="gan",
        teacher=True,
    ),
    Arm(
        "regenerated",
        "Filtered images of the GAN, generated anew during the training, with classical augmentation.",
        STANDARD,
        maker="gan",
        filters="default",
        renewed=True,
    ),
    Arm(
        "recycled",
        "Filtered images, generated anew during the training, with the class probabilities of a classifier as labels.",
        STANDARD,
        maker="gan",
        filters="default",
        teacher=True,
        renewed=True,
    ),
    Arm(
        "boundary",
        "The half of the filtered images that is nearest to another class by a classifier.",
        STANDARD,
        maker="gan",
        filters="default+boundary",
    ),
    Arm("centre", "The half of the filtered images that is farthest from other classes.", STANDARD, maker="gan", filters="default+centre"),
    Arm("gan-plain", "Filtered images of a GAN that is trained without DiffAugment.", STANDARD, maker="gan-plain", filters="default"),
    Arm("gan-ada", "Filtered images of a GAN whose DiffAugment is adaptive (ADA).", STANDARD, maker="gan-ada", filters="default"),
    Arm(
        "balanced+gan",
        "Class-balanced batches for the classifier and the GAN, and filtered images of the GAN.",
        BALANCED,
        maker="gan-balanced",
        filters="default",
        needs=(IMBALANCE,),
    ),
    Arm(
        "balanced+dagan",
        "Class-balanced batches, and learnt variations of the images (DAGAN).",
        BALANCED,
        maker="dagan",
        needs=(IMBALANCE, PAIRS),
    ),
    Arm(
        "balanced+dagan+filter",
        "Class-balanced batches, and filtered learnt variations of the images (DAGAN).",
        BALANCED,
        maker="dagan",
        filters="default",
        needs=(IMBALANCE, PAIRS),
    ),
    Arm("dagan", "Learnt variations of the real images (DAGAN), with classical augmentation.", STANDARD, maker="dagan", needs=(PAIRS,)),
    Arm("learned-augmenter", "Learnt hard transforms of real images, with classical augmentation.", STANDARD, maker="learned-augmenter"),
    Arm(
        "extra-real",
        "As many further real images in place of the generated ones, with classical augmentation: an upper bound.",
        STANDARD,
        maker="spare",
        needs=(SPARE,),
        upper=True,
    ),
    Arm(
        "pseudo-labels",
        "Images without labels, with the confident predictions of a classifier as labels (self-training), with classical augmentation.",
        STANDARD,
        maker=PSEUDO,
        share=PSEUDO_SHARE,
        needs=(UNLABELLED,),
    ),
    Arm(
        "consistency",
        "The network of semi-supervised without generated images: predictions must be stable and have low entropy (VAT).",
        {**_CONSISTENT, **_CONSISTENT_MLP},
        learner="semi-supervised",
        needs=(UNLABELLED,),
    ),
    Arm(
        "consistency-conv",
        "The same with the network of semi-supervised-conv.",
        _CONSISTENT,
        learner="semi-supervised-conv",
        needs=(UNLABELLED,),
    ),
    Arm(
        "fixmatch",
        "The network of semi-supervised-conv without generated images: confident predictions are learnt on augmented images (FixMatch).",
        {**_FIXMATCH, "semi_supervised.gan": False},
        learner="semi-supervised-conv",
        needs=(UNLABELLED,),
    ),
    Arm(
        "semi-supervised",
        "The GAN whose discriminator is the classifier, on images with and without labels; for small centred images.",
        learner="semi-supervised",
        needs=(UNLABELLED,),
    ),
    Arm(
        "semi-supervised-conv",
        "The same with convolutions, for images of 28 to 64 pixels.",
        learner="semi-supervised-conv",
        needs=(UNLABELLED,),
    ),
    Arm(
        "semi-supervised-consistency",
        "semi-supervised-conv and consistency-conv together.",
        {**_CONSISTENT, "semi_supervised.gan": True},
        learner="semi-supervised-conv",
        needs=(UNLABELLED,),
    ),
    Arm(
        "semi-supervised-fixmatch",
        "semi-supervised-conv and fixmatch together.",
        _FIXMATCH,
        learner="semi-supervised-conv",
        needs=(UNLABELLED,),
    ),
]
_ROWS += [
    Arm(
        f"{name}+pseudo-labels",
        f"The same as pseudo-labels, but the network of {name} predicts the labels.",
        STANDARD,
        maker=PSEUDO,
        taught_by=name,
        share=PSEUDO_SHARE,
        needs=(UNLABELLED,),
    )
    for name in [row.name for row in _ROWS if row.learner]
]
ARMS = {row.name: row for row in _ROWS}
BASELINE = "real"
GAN_ARM = "classical+gan+filter"  # the arm with a GAN that is named where nothing is chosen
STRONGER = ("trivialaugment", "mixup")  # which of them suits the images, splits that choose must say
WITHOUT_LABELS = ("pseudo-labels", "semi-supervised-conv")  # where the user gives images without labels
TRANSFER_ARMS = ("balanced+dagan", "balanced+gan")  # in place of it where classes are new
RIVALS = ("classical+oversampling", "classical+weights", "classical", "real")  # without a GAN: the first there is is named by rule


def arm_of(name: str) -> Arm:
    """The arm of a name, or of "name@share".

    Raises:
        InputError: there is none, with the nearest one; a share that is none, or of an arm that makes no images.
    """
    base, at, share = str(name).partition("@")
    if base not in ARMS:
        raise InputError(f"arms: there is no arm {name}; {did_you_mean(base, ARMS, 'choose from ' + ', '.join(ARMS), 0.4)}")
    if not at:
        return ARMS[base]
    try:
        value = float(share)
    except ValueError:
        value = 0.0
    if not 0 < value < 1 or not ARMS[base].maker or ARMS[base].pretrains:
        raise InputError(f"arms: {name}: a share is a number between 0 and 1, of an arm with generated images (such as gan@0.1)")
    return replace(ARMS[base], name=str(name), share=value)


def is_gan(maker: str) -> bool:
    """Whether images come from the GAN of a study, whose preset `--gan` names."""
    return maker in MAKERS and MAKERS[maker][0] == _GAN


def missing_need(arm: Arm, *, imbalanced: bool, spare: bool, pairs: bool, unlabelled: bool = False) -> str:
    """Why an arm cannot work on data with these properties; "" if it can."""
    have = {IMBALANCE: imbalanced, SPARE: spare, PAIRS: pairs, UNLABELLED: unlabelled}
    return next((REASONS[need] for need in arm.needs if not have[need]), "")


def chosen_arms(names: Sequence[str], *, imbalanced: bool, spare: bool, pairs: bool, unlabelled: bool = False) -> List[Arm]:
    """The arms of some names, without repetition, and the arm `real` first.

    Raises:
        InputError: an unknown name, or an arm that cannot work on this data, with the reason.
    """
    found = {arm.name: arm for arm in map(arm_of, [BASELINE, *names])}
    for arm in found.values():
        why = missing_need(arm, imbalanced=imbalanced, spare=spare, pairs=pairs, unlabelled=unlabelled)
        if why:
            raise InputError(f"arms: {arm.name} cannot work here: {why}")
    return list(found.values())


def default_arms(*, imbalanced: bool, spare: bool, pairs: bool, unlabelled: bool = False) -> List[str]:
    """The names of the arms that a study without further wishes compares. unlabelled: whether images without labels were given."""
    balancing = ["oversampling", "class-weights", "logit-adjustment"]
    stronger = () if imbalanced else STRONGER
    names = [*balancing, "classical", "classical+weights", "classical+oversampling", *stronger, *WITHOUT_LABELS, GAN_ARM]
    have = {"imbalanced": imbalanced, "spare": spare, "pairs": pairs, "unlabelled": unlabelled}
    return ["real", *(name for name in names if not missing_need(ARMS[name], **have))]


def with_shares(names: Sequence[str], shares: Sequence[float]) -> List[str]:
    """The names with every arm of generated images once for each share; those that have one, or none, stay as they are."""
    found: List[str] = []
    for name in names:
        arm = arm_of(name)
        several = arm.makes and not arm.pretrains and "@" not in name
        found += [f"{name}@{share:g}" for share in shares] if several and shares else [name]
    return found
