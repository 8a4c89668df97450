"""Settings that do not go together are refused with the reason, before Paddle is imported; those of the presets go together."""

import pytest

from paddle_gan_aug.algorithms.combinations import REFUSALS, check_combination
from paddle_gan_aug.config.loading import load_config, presets

GAN = {"algorithm": "gan"}
WRONG = [  # one for each row of REFUSALS, in order
    ({**GAN, "loss.name": "hinge", "discriminator.head": "softmax"}, "takes two logits"),
    ({**GAN, "loss.name": "hinge", "train.real_target": 0.9}, "smooths the label of reals"),
    ({**GAN, "regularizer.penalty": "gradient-penalty", "discriminator.norm": "batch"}, "ties the samples together"),
    ({**GAN, "regularizer.penalty": "r1"}, "max-pools of the classic discriminator have none"),
    ({**GAN, "discriminator.architecture": "dcgan", "regularizer.penalty": "r1-r2", "regularizer.every_steps": 4}, "at every step of D"),
    ({**GAN, "schedule.learning_rate": 0.1, "optimizer.schedule": "linear"}, "both move the learning rates"),
    ({**GAN, "schedule.augment": 0.3}, "choose a policy, and set"),
    ({**GAN, "generator.conditioning": "embedding"}, "go together"),
    (
        {"algorithm": "infogan", "generator.conditioning": "embedding", "discriminator.conditioning": "embedding"},
        "finds the classes by itself",
    ),
    ({"algorithm": "infogan", "code.sorting_rounds": 2, "loss.clustering_weight": 0.0}, "sorts no real images"),
    ({"algorithm": "infogan", "code.sorting_rounds": 2, "train.steps": 200}, "must be more than 100 times code.sorting_rounds"),
    (
        {**GAN, "generator.conditioning": "embedding", "discriminator.conditioning": "embedding", "data.class_name": "3"},
        "leaves one class",
    ),
    (
        {**GAN, "generator.conditioning": "embedding", "discriminator.conditioning": "projection", "discriminator.pack": 2},
        "judges several images",
    ),
    (
        {
            **{**GAN, "generator.conditioning": "embedding", "discriminator.conditioning": "projection"},
            **{"discriminator.head": "softmax", "loss.name": "softmax"},
        },
        "adds to one logit",
    ),
    ({**GAN, "data.unlabelled": "more"}, "images without labels, which this algorithm does not learn"),
    ({"algorithm": "semi-supervised", "data.class_name": "3"}, "nothing to classify"),
    ({"runtime.precision": "float16", "train.gradient_leaks": True}, "hands gradients from one optimizer to another"),
    ({**GAN, "discriminator.pack": 3, "train.batch_size": 64}, "must divide train.batch_size"),
    (
        {**GAN, "discriminator.conditioning": "auxiliary", "generator.conditioning": "embedding", "diffaugment.adaptive": "apa"},
        "shows D fakes as reals",
    ),
    ({"algorithm": "classifier", "classifier.logit_adjustment": 1.0, "classifier.sampling": "balanced"}, "have levelled already"),
    ({"algorithm": "classifier", "classifier.patience": 3}, "counts validations, and there are none"),
    (
        {**GAN, "diffaugment.policy": "colour", "diffaugment.strength": 2.1},
        "at most 4 for digits, 2 for objects, 2 for colour, 2 for mirrored, 8 for translation$",
    ),
    ({**GAN, "diffaugment.adaptive": "ada"}, "choose a policy"),
    ({**GAN, "diffaugment.adaptive": "apa", "loss.name": "wasserstein"}, "sign of D's logits"),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_every_refusal_says_why(number):
    overrides, words = WRONG[number]
    config = load_config("classic", overrides)
    assert REFUSALS[number][0](config)
    with pytest.raises(ValueError, match=words):
        check_combination(config)


@pytest.mark.parametrize("name", presets())
def test_presets_go_together(name):
    check_combination(load_config(name))


def test_clipping_goes_with_batch_normalisation():
    check_combination(load_config("wgan", {"discriminator.norm": "batch"}))


def test_a_refusal_lists_the_losses_that_would_do():
    with pytest.raises(ValueError, match="one of non-saturating, saturating, softmax, least-squares, relativistic$"):
        check_combination(load_config("classic", {**GAN, "loss.name": "hinge", "train.real_target": 0.9}))
    with pytest.raises(ValueError, match="one of non-saturating, saturating, softmax, hinge$"):
        check_combination(load_config("classic", {**GAN, "loss.name": "wasserstein", "diffaugment.adaptive": "apa"}))


def test_a_refused_run_writes_nothing(cli, small, small_mnist):
    done = cli("train", "--gan", "dcgan-sn-hinge", "--data", small_mnist, *small, "discriminator.head=softmax", code=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "takes two logits" in done.stderr
    assert not cli.output.exists()
