"""Which settings do not go together, and why: refused before anything is built or written. Without Paddle.

Each refusal is one row; its text says what clashes and what to set instead.
"""

from ..config.loading import Config, to_flat

SMOOTHED = ("non-saturating", "saturating", "softmax", "least-squares", "relativistic")  # losses with a label for reals
CENTRED = ("non-saturating", "saturating", "softmax", "hinge")  # losses under which a logit of 0 is where D cannot tell

OF_ADVERSARIAL = (  # what gan and infogan alone know: set for another GAN, it would be ignored
    *("loss.", "code.", "regularizer.", "train.discriminator_steps", "train.accumulate", "diffaugment.adaptive"),
    *("generator.architecture", "generator.conditioning", "discriminator.architecture", "discriminator.conditioning"),
    *("discriminator.dropout", "discriminator.pack", "discriminator.minibatch_std", "discriminator.blocks", "generator.norm"),
    *("generator.blocks", "schedule.penalty", "schedule.augment", "schedule.ema_images"),
)
OF_CLASSIC = ("train.gradient_leaks",)
NOT_OF_DOUBLING = ("generator.variant",)  # what only the classic architecture knows
OF_RESIDUAL = {"generator": ("generator.norm", "generator.blocks"), "discriminator": ("discriminator.blocks",)}  # what only that one knows
NOT_OF_RESIDUAL = {  # and what it does not know
    "generator": ("generator.activation", "generator.init_std"),
    "discriminator": tuple(f"discriminator.{key}" for key in ("norm", "head", "activation", "see_edges", "dropout", "minibatch_std")),
}


def _changed(config, keys):
    """The first key of the configuration that begins with one of `keys` and is not at its default, or None."""
    defaults = to_flat(Config())
    return next((key for key, value in to_flat(config).items() if key.startswith(tuple(keys)) and value != defaults[key]), None)


def _adversarial(config):
    return config.algorithm in ("gan", "infogan")


def _of_architecture(config, keys, residual):
    """The first of `keys` {network: keys} that is set for a network whose architecture is, or is not, `residual`; or None."""
    found = [_changed(config, keys[name]) for name in keys if (getattr(config, name).architecture == "residual") == residual]
    return next(filter(None, found), None)


def _conditional(config):
    return config.generator.conditioning != "none"


REFUSALS = [  # (when, why); a text may name {key}, what the condition found
    (
        lambda c: c.algorithm in ("classic", "dagan", "learned-augmenter") and _changed(c, OF_ADVERSARIAL),
        "{key} belongs to the algorithm gan, which has one optimizer for D, and would be ignored here: leave it out, or set algorithm: gan",
    ),
    (lambda c: c.algorithm != "classic" and _changed(c, OF_CLASSIC), "{key} is of the algorithm classic alone: leave it out"),
    (
        lambda c: _adversarial(c) and c.generator.architecture != "classic" and _changed(c, NOT_OF_DOUBLING),
        "{key} chooses between the two forms of the classic generator; the architecture here has one: leave it out",
    ),
    (
        lambda c: _adversarial(c) and (c.loss.name == "softmax") != (c.discriminator.head == "softmax"),
        "loss.name and discriminator.head do not fit: the loss softmax takes two logits (head softmax), every other one (head sigmoid)",
    ),
    (
        lambda c: c.train.real_target < 1 and _adversarial(c) and c.loss.name not in SMOOTHED,
        "train.real_target below 1 smooths the label of reals, which this loss has not: "
        f"set it to 1, or loss.name to one of {', '.join(SMOOTHED)}",
    ),
    (
        lambda c: c.regularizer.penalty != "none" and c.discriminator.norm == "batch",
        "regularizer.penalty needs each sample's own gradient, and a batch normalisation in D ties the samples together: "
        "set discriminator.norm to none, instance or spectral",
    ),
    (
        lambda c: c.regularizer.penalty != "none" and c.discriminator.architecture == "classic",
        "regularizer.penalty needs second derivatives, which the max-pools of the classic discriminator have not: "
        "set discriminator.architecture to dcgan, augmentor, folder or residual",
    ),
    (
        lambda c: _adversarial(c) and _of_architecture(c, NOT_OF_RESIDUAL, True),
        "{key} does not apply to the residual architecture: leave it out",
    ),
    (
        lambda c: _adversarial(c) and _of_architecture(c, OF_RESIDUAL, False),
        "{key} is of the residual architecture alone: leave it out, or set architecture: residual",
    ),
    (
        lambda c: c.regularizer.penalty == "r1-r2" and (c.regularizer.every_steps > 1 or c.discriminator.minibatch_std),
        "regularizer.penalty r1-r2 acts at every step of D, on every sample by itself: "
        "set regularizer.every_steps to 1 and discriminator.minibatch_std to false",
    ),
    (
        lambda c: c.schedule.learning_rate is not None and c.optimizer.schedule != "constant",
        "schedule.learning_rate and optimizer.schedule both move the learning rates: set one of them",
    ),
    (
        lambda c: c.schedule.augment is not None and (c.diffaugment.policy == "none" or c.diffaugment.adaptive == "ada"),
        "schedule.augment moves how often the changes of diffaugment.policy act, which there must be and ada must not steer",
    ),
    (
        lambda c: _adversarial(c) and _conditional(c) != (c.discriminator.conditioning != "none"),
        "generator.conditioning and discriminator.conditioning go together: a class that only one of both is told teaches nothing",
    ),
    (
        lambda c: c.algorithm == "infogan" and _conditional(c),
        "infogan finds the classes by itself: leave generator.conditioning and discriminator.conditioning at none",
    ),
    (
        lambda c: _conditional(c) and c.data.class_name is not None,
        "data.class_name leaves one class, and nothing to be told: use a preset without conditioning for a single class",
    ),
    (
        lambda c: c.discriminator.pack > 1 and (c.discriminator.conditioning != "none" or c.algorithm == "infogan"),
        "discriminator.pack judges several images at once, which have no one class or code: "
        "set it to 1, or discriminator.conditioning to none",
    ),
    (
        lambda c: c.discriminator.conditioning == "projection" and c.discriminator.head == "softmax",
        "discriminator.conditioning projection adds to one logit: set discriminator.head to sigmoid and loss.name accordingly",
    ),
    (
        lambda c: c.train.batch_size % c.discriminator.pack,
        "discriminator.pack must divide train.batch_size, so that every image finds its fellows",
    ),
    (
        lambda c: c.diffaugment.adaptive == "ada" and c.diffaugment.policy == "none",
        "diffaugment.adaptive ada steers how often the changes act, and diffaugment.policy is none: choose a policy",
    ),
    (
        lambda c: c.diffaugment.adaptive != "none" and c.loss.name not in CENTRED,
        "diffaugment.adaptive reads the sign of D's logits, which says nothing under this loss: "
        f"set loss.name to one of {', '.join(CENTRED)}",
    ),
]


def check_combination(config):
    """Refuse settings that do not go together.

    Raises:
        ValueError: they do not; the text says why, and what to set.
    """
    for applies, text in REFUSALS:
        found = applies(config)
        if found:
            raise ValueError(text.format(key=found))
