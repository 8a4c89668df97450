"""The steps that are compared: which configuration a name stands for, and which of the peer's classes takes the same step."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError

PEER_STEPS = (
    "classic transpose",
    "classic upsample",
    "sngan-projection",
    "r3gan",
    "r3gan-projection",
    "lenet",
    "lenet-pooled",
    "resnet",
    "mlp",
)
CLASSIFIERS = ("lenet", "lenet-pooled", "resnet")  # steps of the preset `classifier`
SCHEDULED = ("learning_rate", "beta2", "penalty", "ema_images")  # what the R3GAN presets move in the course of a run
# What the same maths in both asks for: PyTorch has no two optimizers that share a scale, and each framework would drop other features.
ALIKE: Dict[str, Dict[str, Any]] = {
    "classic": {"optimizer.schedule": "constant", "optimizer.shared_scale": False},
    "gan": {"optimizer.schedule": "constant"},
    "paired": {"optimizer.schedule": "constant", "generator.ema": 0.999, **{f"schedule.{name}": None for name in SCHEDULED}},
    "classifier": {"optimizer.schedule": "constant", "classifier.dropout": 0.0},
}


def preset_and_variant(step: str) -> Tuple[str, Dict[str, Any]]:
    """ "classic upsample" -> ("classic", the overrides for that variant); the variant may be left out. "lenet" is of `classifier`.

    Raises:
        InputError: more words than two.
    """
    if step in CLASSIFIERS:
        return "classifier", {"classifier.architecture": step}
    preset, *variant = step.split() or [""]
    if len(variant) > 1:
        raise InputError(f"--steps '{step}': expected 'PRESET VARIANT', such as 'classic upsample'")
    return preset, {"generator.variant": variant[0]} if variant else {}


def peer_config(step: str, overrides: Dict[str, Any]) -> Tuple[str, Any]:
    """(the peer's name for the step, a key of `ALIKE`; its configuration with what the same maths asks for).

    Raises:
        InputError: a preset that the peer does not know.
    """
    preset, own = preset_and_variant(step)
    kind = _peer_of(load_config(preset, {**own, **overrides}))
    if kind is None:
        known = "classic, fast, sngan-projection, r3gan, r3gan-projection, lenet, lenet-pooled, resnet and mlp"
        raise InputError(f"--against pytorch: the peer has no {step}; it has {known}")
    return kind, load_config(preset, {**own, **overrides, **ALIKE[kind]})


def _peer_of(config: Any) -> Optional[str]:
    if config.algorithm == "classifier":
        return "classifier" if config.classifier.architecture in CLASSIFIERS else None
    if config.algorithm == "classic":
        return "classic" if config.discriminator.norm in ("none", "spectral") else None
    if config.algorithm != "gan" or config.discriminator.architecture != "dcgan":
        return None
    generator, discriminator, loss = config.generator, config.discriminator, config.loss.name
    conditioning = (generator.conditioning, discriminator.conditioning)
    if (generator.architecture, *conditioning, loss) == ("dcgan", "batch-norm", "projection", "hinge"):
        return "gan"
    normed = conditioning == ("batch-norm", "projection") or (conditioning == ("none", "none") and generator.norm == "batch")
    penalised = (loss, config.regularizer.penalty, discriminator.norm) == ("paired", "r1-r2", "none")
    return "paired" if generator.architecture == "residual" and normed and penalised else None
