"""The registry of arms."""

import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.arms import ARMS, GAN_ARM, RIVALS, arm_of, chosen_arms, default_arms
from paddle_gan_aug.study.cells import Settings, classifier_settings, learner_settings, maker_settings

LEVEL = {"imbalanced": False, "spare": False, "pairs": True}


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_is_a_configuration_that_loads(name):
    settings = Settings(policy="digits")
    assert ARMS[name].says.endswith(".")
    if ARMS[name].learner:
        learner = learner_settings(ARMS[name], settings, 3)
        assert load_config(learner.pop("preset"), learner).train.seed == 3
        return
    config = load_config("classifier", classifier_settings(ARMS[name], settings, 3))
    assert config.train.seed == 3 and config.train.steps == settings.steps
    if ARMS[name].makes:
        made = maker_settings(ARMS[name].maker, settings, 3)
        assert load_config(made.pop("preset"), made).train.steps == settings.gan_steps


def test_arms_by_name():
    assert arm_of("gan@0.1").share == 0.1 and arm_of("gan@0.1").name == "gan@0.1"
    with pytest.raises(InputError, match="did you mean classical"):
        arm_of("clasical")
    for wrong in ("gan@2", "gan@x", "real@0.1", "pretrain@0.5"):
        with pytest.raises(InputError, match="a share is a number between 0 and 1"):
            arm_of(wrong)
    assert {GAN_ARM, *RIVALS} <= set(ARMS)


def test_arms_that_cannot_work_are_refused_with_the_reason():
    assert [arm.name for arm in chosen_arms(["gan", "gan"], **LEVEL)] == ["real", "gan"]
    with pytest.raises(InputError, match="class-weights cannot work here: all classes have equally many"):
        chosen_arms(["class-weights"], **LEVEL)
    with pytest.raises(InputError, match="extra-real cannot work here: the data has no real images beyond"):
        chosen_arms(["extra-real"], **LEVEL)
    with pytest.raises(InputError, match="dagan cannot work here"):
        chosen_arms(["dagan"], **{**LEVEL, "pairs": False})
    assert default_arms(**LEVEL) == ["real", "classical", "trivialaugment", "mixup", GAN_ARM]
    assert default_arms(**{**LEVEL, "imbalanced": True})[-1] == GAN_ARM
    assert "class-weights" in default_arms(**{**LEVEL, "imbalanced": True})
