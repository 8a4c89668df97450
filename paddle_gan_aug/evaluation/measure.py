"""How good generated images are: every measure of `metrics` in the features of one network, each beside its real floor.

The floor is what the same measure gives for real images: training images, as many as there are generated ones, in place of the
generated ones. It is not zero, and it depends on the count; a generator at the floor is as good as more data.

Validation images are the reference for whatever happens during training and for any choice; test images for final figures.

A measure that needs more images than there are is left out, and the result says why; the others are taken all the same.
"""

import functools
import math
from dataclasses import dataclass, field, replace

import numpy as np

from .. import runtime
from ..data import LabelledImages, as_spec, check_overlap, load, to_network
from ..errors import InputError, NoSuchPart
from ..metrics import (
    class_histogram,
    class_shares,
    closeness_to_training,
    duplicate_share,
    first_occurrences,
    frechet_distance,
    histogram_divergence,
    inception_score,
    kernel_distance,
    mean_pairwise_distance,
    nearness,
    precision_recall_density_coverage,
    repeated_share,
)
from ..metrics.frechet import ROWS_PER_FEATURE
from ..metrics.kid import SUBSETS
from ..metrics.memorisation import NEAR
from ..metrics.prdc import NEIGHBOURS
from .feature_network import feature_network as find_feature_network
from .feature_network import read_real, train_classifier

PARTS = ("valid", "test")
ALPHA = 0.001  # of the test for memorisation
REFERENCES_KEPT = 4  # in memory
LEAST_IMAGES = 2  # generated ones; most measures need more
SPLITS, LEAST_SPLIT = 10, 100  # parts of the inception score; of fewer images than that it is taken over all at once
METRICS = (
    "frechet",
    "kid",
    "inception_score",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_histogram",
    "diversity",
    "memorisation",
    "classifier_accuracy_score",
)


def evaluate_images(
    images,
    source="mnist",
    part="valid",
    count=None,
    seed=0,
    feature_network=None,
    classifier_accuracy_score=False,
    labels=None,
):
    """Measure generated images against real ones.

    Args:
        images: uint8 [N, C, H, W], of the shape of the real ones.
        source: the real data, by name, path or as a `DataSpec`, which may name one class alone.
        part: the reference: "valid" (during training, and for every choice) or "test" (test images: final figures only).
        count: how many of the images, the first ones; None = all. The reference and the floor use as many real images, or all there are.
        seed: of all random choices: which real images, and the shuffles of KID and inception score.
        feature_network: a `FeatureNetwork`; None = the one of the data.
        classifier_accuracy_score: train a classifier on the images and `labels`, test it on the reference: minutes.
        labels: int64 [N]; for the classifier accuracy score only.

    Returns:
        A dict of plain values, ready for JSON. For each of `METRICS` (the last one when asked for) a dict with `value`, its
        `error` where there is an estimate, and its `floor`; further keys are said in the functions below. Where there are too few
        images the value is None, and `why` says how many are needed. Beside them count,
        reference (which real images, how many), floor_count (training images that stood in for generated ones),
        feature_network (name, accuracy), and seed.

    Raises:
        InputError: images of another type or shape than the data, less than two of them, or labels that do not fit.
    """
    if part not in PARTS:
        raise InputError(f"part {part!r}: the reference is one of {', '.join(PARTS)}")
    source = as_spec(source)
    network = feature_network or _network_of(source)
    _check_type(images, network)
    given = len(images)
    images = _first(images, count)
    _check_enough(len(images))
    reference = _reference(network, source, part)
    if classifier_accuracy_score:
        labelled = _labelled(images, labels, given, reference.images.class_names)
    real_count, floor_count = min(len(images), len(reference.images)), min(len(images), len(reference.training))
    floor = reference.floor(floor_count, real_count, seed)
    result = _measure(images, network.read(images), reference, reference.chosen(real_count, seed), seed)
    for name, value in floor.items():
        result[name]["floor"] = value
    if classifier_accuracy_score:
        result["classifier_accuracy_score"] = _classifier_accuracy_score(labelled, reference, floor_count, seed)
    return {
        **_finite(result),
        "count": len(images),
        "reference": {
            "source": str(source),
            "part": part,
            "class_name": source.class_name,
            "split": source.split,
            "count": real_count,
            "fingerprint": reference.images.fingerprint(),
        },
        "floor_count": floor_count,
        "feature_network": {"name": network.name, "accuracy": network.accuracy},
        "seed": seed,
    }


def check_measurable(shape, count, source, part, allow_overlap=False):
    """See that `evaluate_images` can measure generated images, before a feature network learns or an image is drawn.

    Args:
        shape: (C, H, W) of the generated images. count: how many there will be. The others are as for `evaluate_images`.

    Raises:
        InputError: images of another shape than the real ones; less than two; no real images; test images that are training images.
    """
    _check_enough(count)
    reference, training = (load(source, name) for name in (part, "train"))
    for images in (reference, training):
        if tuple(shape) != tuple(images.shape):
            sizes = " and ".join(" x ".join(map(str, size)) for size in (shape, images.shape))
            raise InputError(f"the generated images and those of {source} differ in shape ({sizes}): name data like them (--data)")
    if part == "test":
        check_overlap(training, reference, allow_overlap)


def compare(first, second):
    """Set two results of `evaluate_images` side by side.

    Returns:
        {metric: (value of the first, value of the second)} of the metrics that both have.

    Raises:
        InputError: they were measured by different feature networks, against different real images, or at different counts;
            then the numbers say nothing about each other.
    """
    names = [result["feature_network"]["name"] for result in (first, second)]
    if names[0] != names[1]:
        raise InputError(f"results of the feature networks {names[0]} and {names[1]} cannot be compared: evaluate both with one")
    for key, what in (("fingerprint", "real images"), ("count", "numbers of real images")):
        sides = [result["reference"][key] for result in (first, second)]
        if sides[0] != sides[1]:
            raise InputError(f"results against different {what} ({sides[0]} and {sides[1]}) cannot be compared: evaluate both alike")
    if first["count"] != second["count"]:
        raise InputError(f"results of {first['count']} and {second['count']} images cannot be compared: evaluate both with one --count")
    return {name: (first[name]["value"], second[name]["value"]) for name in METRICS if name in first and name in second}


# ---- the real side -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Reference:
    """What real images look like to a feature network; read once per process."""

    network: object
    images: LabelledImages  # the reference
    training: LabelledImages  # what the generator learnt from
    read: tuple  # features, probabilities of the reference
    training_read: tuple
    held_out: np.ndarray  # features beside which memorisation looks for the nearest training image
    unseen: object  # the `Nearness` of other real images that the generator did not learn; None: there are too few
    _floors: dict = field(default_factory=dict)  # by the counts and the seed

    @functools.cached_property
    def classes(self):
        """The class that the network reads in each image of the reference."""
        return self.read[1].argmax(1)

    def chosen(self, count, seed):
        """Indices of `count` images of the reference."""
        return runtime.rng(seed, "reference images").permutation(len(self.images))[:count]

    def floor(self, count, real_count, seed):
        """{metric: value} of `count` training images in place of generated ones, against `real_count` of the reference.

        The inception score's floor is that of the reference: the network learnt the training images and is surer of them.
        For memorisation unseen images take the generated ones' place: training images would be copies.
        """
        key = count, real_count, seed
        if key not in self._floors:
            stand_in = runtime.rng(seed, "floor images").permutation(len(self.training))[:count]
            chosen = self.chosen(real_count, seed)
            measured = _against(tuple(part[stand_in] for part in self.training_read), self, chosen, seed)
            measured["inception_score"] = _inception_score(self.read[1][chosen], seed)
            floors = {name: entry["value"] for name, entry in measured.items()}
            if self.unseen is not None:
                halves = np.array_split(runtime.rng(seed, "halves").permutation(len(self.unseen.ratios)), 2)
                floors["memorisation"] = closeness_to_training(*map(self.unseen.subset, halves))["closer"]
            self._floors[key] = floors
        return dict(self._floors[key])


_networks, _references = {}, {}  # by the content of the data: a folder that was edited is other data


def _kept(cache, key, make):
    """What `make` gives for `key`, made once while the cache holds it."""
    if key not in cache:
        while len(cache) >= REFERENCES_KEPT:
            del cache[next(iter(cache))]
        cache[key] = make()
    return cache[key]


def _network_of(source):
    learnt = load(replace(source, classes=None, class_name=None, split="standard"), "train").fingerprint()
    return _kept(_networks, learnt, lambda: find_feature_network(source))


def _reference(network, source, part):
    def of_part(name):
        return load(source, name)

    images, training = of_part(part), of_part("train")
    try:
        held_out = of_part("valid")
    except NoSuchPart:  # too few to hold any out, or all are learnt
        held_out = None

    def read():
        read, training_read = read_real(network, images), read_real(network, training)
        halves = _held_out_halves(network, held_out) or _halves(read[0], images.labels)
        unseen = nearness(halves[1], training_read[0], halves[0]) if min(map(len, halves)) and len(halves[1]) > 1 else None
        return Reference(network, images, training, read, training_read, halves[0], unseen)

    contents = (known and known.fingerprint() for known in (images, training, held_out))
    return _kept(_references, (network.name, *contents), read)


def _held_out_halves(network, images):
    """Of the validation images: test images are often of another origin, and then nearer to one another than to training images.
    None where there are too few.
    """
    halves = images and _halves(read_real(network, images)[0], images.labels)
    return halves if halves and all(map(len, halves)) else None


def _halves(features, labels):
    """The first and the second half of each class in file order: what lies side by side is often of one hand, and so very near."""
    first = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        first[mine[: len(mine) // 2]] = True
    return features[first], features[~first]


# ---- the measures ------------------------------------------------------------------------------------------------------


def _measure(images, read, reference, chosen, seed):
    """Every metric of generated images that were `read`, against the images `chosen` of the reference."""
    result = _against(read, reference, chosen, seed)
    result["inception_score"] = _inception_score(read[1], seed)
    result["diversity"]["repeated"] = repeated_share(images)
    result["memorisation"] = _memorisation(images, read[0], reference)
    return {name: result[name] for name in METRICS if name in result}


def _against(read, reference, chosen, seed):
    """The metrics that compare two sets, and therefore have a floor of their own."""
    features, probabilities = read
    real = reference.read[0][chosen]
    counts, width = (len(features), len(real)), features.shape[1]
    around = _if_enough(counts, NEIGHBOURS + 1, f"more than the {NEIGHBOURS} neighbours looked at")
    compared = dict.fromkeys(("precision", "recall", "density", "coverage"), around)
    if around is None:
        compared = {name: {"value": value} for name, value in precision_recall_density_coverage(real, features).items()}
    return {
        "frechet": _if_enough(counts, ROWS_PER_FEATURE * width, f"twice the {width} features")
        or {"value": frechet_distance(real, features)},
        "kid": _if_enough(counts, 4, "two subsets of two") or _kid(real, features, seed),
        **{name: dict(entry) for name, entry in compared.items()},
        "class_histogram": _class_histogram(probabilities, reference),
        "diversity": _if_enough(counts, 2, "a pair") or _diversity(features, real),
    }


def _if_enough(counts, least, because):
    """None, or where one of `counts` (generated and real images) is below `least`, what stands for a measure that cannot be taken."""
    if min(counts) >= least:
        return None
    return {"value": None, "why": f"needs {least} generated and {least} real images ({because}), there are {counts[0]} and {counts[1]}"}


def _kid(real, features, seed):
    subsets = min(SUBSETS, len(real) // 2, len(features) // 2)
    value, error = kernel_distance(real, features, runtime.rng(seed, "kernel distance"), subsets)
    return {"value": value, "error": error}


def _inception_score(probabilities, seed):
    """`error` is the standard deviation over ten parts, as is usual, not the standard error; None where images are too few for parts."""
    splits = SPLITS if len(probabilities) >= LEAST_SPLIT else 1
    value, deviation = inception_score(probabilities, runtime.rng(seed, "inception score"), splits)
    return {"value": value, "error": deviation if splits > 1 else None}


def _class_histogram(probabilities, reference):
    """`value`: KL(classes read in the images || those read in the whole reference), in nats; null where the reference lacks
    a class. `kl_uniform`: the same against equal shares. `shares`: of each class of the network.
    """
    shares = class_shares(probabilities)
    real = class_histogram(reference.classes, len(shares))
    return {
        "value": histogram_divergence(shares, real),
        "kl_uniform": histogram_divergence(shares),
        "shares": dict(zip(reference.network.description["class_names"], map(float, shares))),
    }


def _diversity(features, real):
    """`value`: the mean distance of two generated images over that of two real ones; 1 is as diverse as real."""
    distance, real_distance = mean_pairwise_distance(features), mean_pairwise_distance(real)
    return {"value": distance / real_distance if real_distance else math.nan, "distance": distance, "real_distance": real_distance}


def _memorisation(images, features, reference):
    """`value`: how often a generated image is relatively closer to training than an unseen real one, 0.5 for new images;
    `p_value` of the test that it is no more often than that, `copied`: the p value is below 0.001. Shares of the images: `near_duplicates`
    of training images (`near_floor` of unseen real ones are: 0.1 %, or where they are few, one of them), `exact_duplicates`, pixel for
    pixel. An image that is repeated counts once.
    """
    exact = duplicate_share(images, reference.training.images)
    if reference.unseen is None:
        why = "needs at least 4 real images of one class that the generator did not learn"
        unknown = dict.fromkeys(("value", "p_value", "copied", "near_duplicates", "near_floor"))
        return {**unknown, "exact_duplicates": exact, "why": why}
    fake = nearness(features[first_occurrences(images)], reference.training_read[0], reference.held_out)
    measured = closeness_to_training(fake, reference.unseen)
    return {
        "value": measured["closer"],
        "p_value": measured["p_value"],
        "copied": measured["p_value"] < ALPHA,
        "near_duplicates": measured["near_duplicates"],
        "near_floor": max(NEAR, 1 / (len(reference.unseen.ratios) + 1)),
        "exact_duplicates": exact,
    }


def _classifier_accuracy_score(labelled, reference, real_count, seed):
    """Train on generated images, test on real ones (Ravuri & Vinyals 2019, arXiv:1905.10887).

    `value`: accuracy on the reference. `floor`: the same after training on as many real images (the largest count there
    is, said in `floor_count`).
    """
    value = _accuracy_after(labelled, reference.images, seed)
    key = "classifier_accuracy_score", real_count, seed
    if key not in reference._floors:
        chosen = runtime.rng(seed, "floor images").permutation(len(reference.training))[:real_count]
        reference._floors[key] = _accuracy_after(reference.training.subset(chosen), reference.images, seed)
    return {"value": value, "floor": reference._floors[key], "floor_count": real_count}


def _accuracy_after(training, test, seed):
    _, algorithm = train_classifier(training, seed)
    probabilities, _ = algorithm.read(to_network(test.images))
    return float((probabilities.argmax(1) == test.labels).mean())


# ---- input and output --------------------------------------------------------------------------------------------------


def _check_type(images, network):
    shape = network.description["image_shape"]
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or list(images.shape[1:]) != shape:
        what = f"{images.dtype} {list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
        raise InputError(f"generated images must be uint8 [N, {', '.join(map(str, shape))}] as the real ones are, not {what}")


def _first(images, count):
    if count is not None and not 1 <= count <= len(images):
        raise InputError(f"count {count}: there are {len(images)} images")
    return images[:count]


def _check_enough(count):
    if count < LEAST_IMAGES:
        raise InputError(f"{count} generated images are too few to measure anything: make at least {LEAST_IMAGES}")


def _labelled(images, labels, given, class_names):
    if labels is None:
        raise InputError("the classifier accuracy score needs the labels of the generated images")
    if len(labels) != given:
        raise InputError(f"{given} generated images but {len(labels)} labels")
    try:
        return LabelledImages(images, np.asarray(labels, dtype=np.int64)[: len(images)], class_names, "generated images")
    except ValueError as error:
        raise InputError(f"generated images: {error}") from None


def _finite(value):
    """NaN and infinity, which JSON does not have, as None; all else as it is."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
