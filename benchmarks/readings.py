"""The numbers by which runs are compared: the quick metrics of the registry, under the keys that stored results have."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from paddle_gan_aug import runtime
from paddle_gan_aug.data import DataSpec
from paddle_gan_aug.evaluation.measure import measure
from paddle_gan_aug.evaluation.real_images import read_real_images
from paddle_gan_aug.evaluation.reference import Reference, reference_of
from paddle_gan_aug.evaluation.registry import METRICS
from paddle_gan_aug.evaluation.samples import draw_samples
from paddle_gan_aug.runs.opened import open_run

READINGS = ("class_histogram", "diversity", "confident", "smallest_class", "agreement", "diversity_within", "code_accuracy")
COUNT = 5000  # samples of a run


def reference_for(spec: DataSpec, part: str = "valid") -> Reference:
    """Real images in features of all training images of their data, however few a run learns of them."""
    return reference_of(read_real_images(spec, part, network_of_all=True))


def readings(algorithm: Any, reference: Reference, count: int, seed: int) -> Dict[str, Any]:
    """What is read in `count` fresh samples of a GAN.

    Returns:
        A dict of plain values: `count`, `classes` (the share that is read as each class), each of `READINGS` that the samples allow,
        `smallest_agreement` (of the worst class), and where one class was learnt `read_as_class`.
    """
    spec, real = reference.real.spec, reference.real.training
    index = None if spec.class_name is None else real.class_index(spec.class_name)
    samples = draw_samples(algorithm, count, runtime.rng(seed, "judged samples"), index)
    names = [name for name in READINGS if set(METRICS[name].needs) <= set(samples.known)]
    result = measure(samples, reference, metrics=names)
    numbers = {"count": count, "classes": {name: round(share, 4) for name, share in result["class_histogram"]["shares"].items()}}
    numbers.update({name: _rounded(result[name]["value"]) for name in names if name != "class_histogram"})
    if result.get("agreement", {}).get("value") is not None:
        numbers["smallest_agreement"] = _rounded(result["agreement"]["smallest"])
    if index is not None:
        numbers["read_as_class"] = numbers["classes"][real.class_names[index]]
    return numbers


def _rounded(value: Any) -> Any:
    return None if value is None else round(value, 4)


def provenance(reference: Reference) -> Dict[str, Any]:
    """What the readings stand on."""
    real = reference.real
    return {"feature_network": reference.network.name, "reference": {"source": real.reference.source, "count": len(real.reference)}}


def samples(runs: Sequence[str], part: str = "test", count: int = COUNT) -> Tuple[List[Dict[str, Any]], str]:
    """`samples`: the readings of fresh samples of trained runs, in features of the real training images."""
    import json

    rows = []
    for name in runs:
        run = open_run(name)
        reference = reference_for(DataSpec.of(run.config.data), part)
        numbers = readings(run.algorithm, reference, count, run.config.train.seed)
        rows.append({"run": run.folder.name, "step": run.step, **provenance(reference), **numbers})
    return rows, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def features(data: str, seed: int = 0, to: Any = None) -> Tuple[Dict[str, Any], str]:
    """`features`: train the feature network of a data set anew, as the shipped one was made."""
    from paddle_gan_aug.evaluation.feature_network import train_feature_network

    runtime.start("cpu")
    network = train_feature_network(data, to=to, seed=seed)
    accuracy = "no validation images" if network.accuracy is None else f"accuracy {100 * network.accuracy:.2f} % on validation images"
    return {"name": network.name, **network.description}, f"{network.name}: {accuracy}"


def agreement(set: str, data: str = "mnist") -> Tuple[Dict[str, Any], str]:
    """`agreement`: how often the images of a labelled set are read as their labels say.

    Args:
        set: a set on the disk, in any form that `load` reads. data: the real data whose feature network reads it.

    Returns:
        A dict: count, agreement (0 to 1) in all and per class, counts per class.
    """
    from paddle_gan_aug.classification.generated import as_classes
    from paddle_gan_aug.data import load
    from paddle_gan_aug.evaluation.samples import Samples

    runtime.start("cpu")
    reference = reference_for(DataSpec(data))
    real = reference.real.training
    images = as_classes(load(DataSpec(set, image_size=real.image_size, channels=real.channels), "train", split="full"), real)
    entry = measure(Samples(images.images, images.labels), reference, metrics=["agreement"])["agreement"]
    counts = {name: int(count) for name, count in zip(images.class_names, images.counts()) if count}
    result = {"count": len(images), "agreement": entry["value"], "classes": entry["classes"], "counts": counts}
    text = f"{100 * entry['value']:.2f} % of {len(images)} images are read as labelled by {reference.network.name}"
    return {"feature_network": reference.network.name, **result}, text
