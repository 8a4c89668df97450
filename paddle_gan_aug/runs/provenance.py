"""What a run writes about itself: its configuration, and in every checkpoint where it comes from."""

from pathlib import Path
from typing import Any, Dict, List, Optional

from .. import __version__, runtime
from ..config.loading import Config, to_yaml
from ..data import LabelledImages
from ..files import atomic_write


def write_config(folder: Path, config: Config) -> None:
    """Write config.yaml into the folder of a run."""
    with atomic_write(folder / "config.yaml", "w") as file:
        file.write(to_yaml(config))


def provenance(
    images: LabelledImages,
    config: Config,
    rungs: List[str],
    process: runtime.Process,
    generated: Any = None,
    unlabelled: Optional[LabelledImages] = None,
) -> Dict[str, Any]:
    """What every checkpoint says about where it comes from.

    Args:
        images: The training images. config: The configuration. rungs: Those of the recovery under which the run trains.
        process: The process that trains it. generated: The generated part of a classifier's images, or None.
        unlabelled: The images that are learnt without a label, or None.
    """
    data = {
        "source": images.source,
        "fingerprint": images.fingerprint(),
        "count": len(images),
        "class_names": list(images.class_names),
        "counts": images.counts().tolist(),  # of each class: a class without images was not learnt
    }
    further = {} if generated is None else {"generated": generated.description}
    if unlabelled is not None:
        further["unlabelled"] = {"source": unlabelled.source, "fingerprint": unlabelled.fingerprint(), "count": len(unlabelled)}
    return {
        **further,
        "rungs": rungs,
        "seed": config.train.seed,
        "data": data,
        "image_shape": list(images.images.shape[1:]),
        "version": __version__,
        "process": vars(process).copy(),
    }
