"""Settings that do not go together are refused with the reason, before Paddle is imported; those of the presets go together."""

import pytest

from paddle_gan_aug.algorithms.combinations import CENTRED, REFUSALS, SMOOTHED, check_combination
from paddle_gan_aug.config.loading import load_config, presets

GAN = {"algorithm": "gan"}
WRONG = [  # one for each row of REFUSALS, in order
    ({"regularizer.penalty": "r1"}, "regularizer.penalty belongs to the algorithm gan"),
    ({**GAN, "train.gradient_leaks": True}, "train.gradient_leaks is of the algorithm classic"),
    ({**GAN, "generator.architecture": "dcgan", "generator.variant": "upsample"}, "generator.variant chooses"),
    ({**GAN, "loss.name": "hinge", "discriminator.head": "softmax"}, "takes two logits"),
    ({**GAN, "loss.name": "hinge", "train.real_target": 0.9}, "smooths the label of reals"),
    ({**GAN, "regularizer.penalty": "gradient-penalty", "discriminator.norm": "batch"}, "ties the samples together"),
    ({**GAN, "regularizer.penalty": "r1"}, "max-pools of the classic discriminator have not"),
    ({**GAN, "discriminator.architecture": "residual", "discriminator.norm": "spectral"}, "discriminator.norm does not apply"),
    ({**GAN, "generator.blocks": 2}, "generator.blocks is of the residual architecture alone"),
    ({**GAN, "discriminator.architecture": "dcgan", "regularizer.penalty": "r1-r2", "regularizer.every_steps": 4}, "at every step of D"),
    ({**GAN, "schedule.learning_rate": 0.1, "optimizer.schedule": "linear"}, "both move the learning rates"),
    ({**GAN, "schedule.augment": 0.3}, "which there must be"),
    ({**GAN, "generator.conditioning": "embedding"}, "go together"),
    (
        {"algorithm": "infogan", "generator.conditioning": "embedding", "discriminator.conditioning": "embedding"},
        "finds the classes by itself",
    ),
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
    ({**GAN, "discriminator.pack": 3, "train.batch_size": 64}, "must divide train.batch_size"),
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


@pytest.mark.parametrize("name", ["dagan", "learned-augmenter"])
def test_what_would_be_ignored_is_refused(name):
    for key, value in (("discriminator.pack", 2), ("discriminator.architecture", "dcgan"), ("train.gradient_leaks", True)):
        with pytest.raises(ValueError, match=f"{key} .*leave it out"):
            check_combination(load_config(name, {key: value}))


def test_clipping_goes_with_batch_normalisation():
    check_combination(load_config("wgan", {"discriminator.norm": "batch"}))


def test_the_lists_of_losses_are_those_of_the_losses(process):
    from paddle_gan_aug.algorithms.losses import LOSSES

    assert set(SMOOTHED) == {name for name, loss in LOSSES.items() if loss.smooths}
    assert set(CENTRED) < set(LOSSES)


def test_a_refused_run_writes_nothing(cli, small, small_mnist):
    done = cli("train", "--gan", "dcgan-sn-hinge", "--data", small_mnist, *small, "discriminator.head=softmax", code=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "takes two logits" in done.stderr
    assert not cli.output.exists()
