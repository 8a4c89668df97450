"""The arms of a study: ways to train the same classifier. Adding one is one row here."""

from dataclasses import replace
from typing import List, Sequence

from ..errors import InputError, did_you_mean
from .arm import IMBALANCE, PAIRS, PSEUDO, PSEUDO_SHARE, REASONS, SPARE, UNLABELLED, Arm

STANDARD = {"classifier.augmentation": "standard"}
TRIVIAL = {"classifier.augmentation": "trivialaugment"}
BALANCED = {**STANDARD, "classifier.sampling": "balanced"}
PRETRAINED = 0.4  # of the steps of the arm `pretrain`

_CONSISTENT = {  # virtual adversarial training with entropy minimisation (Miyato et al. 2018), and nothing generated
    "semi_supervised.gan": False,
    "semi_supervised.vat_weight": 1.0,
    "semi_supervised.entropy_weight": 1.0,
    "semi_supervised.vat_radius": 0.5,
    "semi_supervised.teacher_weight": 0.0,
    "semi_supervised.consistency_start": 0,
}
_INFORMED = {**_CONSISTENT, "semi_supervised.balance_weight": 1.0}  # entropy and balance: mutual information (Hu et al. 2017)
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
        "imsat",
        "consistency-conv; in the mean of the predictions all classes are to be equally frequent (IMSAT).",
        _INFORMED,
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
        "semi-supervised-imsat",
        "semi-supervised-conv and imsat together.",
        {**_INFORMED, "semi_supervised.gan": True},
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
        f"{row.name}+pseudo-labels",
        f"The same as pseudo-labels, but the network of {row.name} predicts the labels.",
        STANDARD,
        maker=PSEUDO,
        taught_by=row,
        share=PSEUDO_SHARE,
        needs=(UNLABELLED,),
    )
    for row in _ROWS[:]
    if row.learner
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
