"""A configuration is checked before Paddle is imported: its names, settings without effect, and what does not go together."""

import subprocess
import sys
from pathlib import Path

import pytest

from paddle_gan_aug.algorithms.checks import NAMES, OPTIONAL, check_config, is_read
from paddle_gan_aug.algorithms.registry import ALGORITHMS, DISCRIMINATORS, GENERATORS
from paddle_gan_aug.config.loading import load_config, presets, to_flat
from paddle_gan_aug.config.sections import Config
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("name", presets())
def test_every_preset_passes_and_reads_all_that_it_sets(name):
    config = load_config(name)
    check_config(config)
    usual = to_flat(Config())
    assert all(is_read(config, key) for key, value in to_flat(config).items() if value != usual[key])


@pytest.mark.parametrize("key", NAMES)
def test_a_wrong_name_is_answered_with_the_nearest(key):
    known = next(name for name in reversed(list(NAMES[key])))
    with pytest.raises(InputError, match=f"^{key} {known}x: there is none of that name; did you mean {known}"):
        check_config(load_config("dcgan-sn-hinge", {key: f"{known}x"}))
    with pytest.raises(InputError, match=f"^{key} QQQ: .*; known: {'none, ' if key in OPTIONAL else ''}{next(iter(NAMES[key]))}"):
        check_config(load_config("dcgan-sn-hinge", {key: "QQQ"}))


IGNORED = [  # preset, setting, value
    ("classifier", "loss.name", "hinge"),
    ("classifier", "loss.class_weight", 0.5),
    ("classifier", "regularizer.penalty", "r1"),
    ("classifier", "regularizer.lecam", 0.1),
    ("classifier", "diffaugment.policy", "digits"),
    ("classifier", "generator.width", 0.5),
    ("classifier", "discriminator.width", 0.5),
    ("classifier", "code.categories", 5),
    ("classifier", "variation.sources", 5),
    ("classifier", "health.every_steps", 5),
    ("classifier", "eval.count", 5),
    ("classifier", "train.real_target", 0.9),
    ("learned-augmenter", "classifier.mixing", "mixup"),
    ("learned-augmenter", "classifier.label_smoothing", 0.1),
    ("learned-augmenter", "classifier.augmentation", "standard"),
    ("learned-augmenter", "classifier.class_weights", "balanced"),
    ("learned-augmenter", "classifier.patience", 3),
    ("learned-augmenter", "discriminator.pack", 2),
    ("learned-augmenter", "discriminator.architecture", "dcgan"),
    ("learned-augmenter", "generator.ema", 0.9),
    ("learned-augmenter", "train.gradient_leaks", True),
    ("learned-augmenter", "variation.diversity", 2.0),
    ("dagan", "discriminator.pack", 2),
    ("dagan", "discriminator.architecture", "dcgan"),
    ("dagan", "loss.name", "hinge"),
    ("dagan", "train.gradient_leaks", True),
    ("dagan", "generator.activation", "relu"),
    ("dagan", "variation.hardness", 2.0),
    ("dcgan-sn-hinge", "code.categories", 5),
    ("dcgan-sn-hinge", "code.sorting_steps", 5),
    ("dcgan-sn-hinge", "variation.diversity", 2.0),
    ("dcgan-sn-hinge", "classifier.width", 2.0),
    ("dcgan-sn-hinge", "generated.source", "somewhere"),
    ("dcgan-sn-hinge", "discriminator.see_edges", False),
    ("dcgan-sn-hinge", "generator.variant", "upsample"),
    ("dcgan-sn-hinge", "generator.blocks", 2),
    ("dcgan-sn-hinge", "train.gradient_leaks", True),
    ("dcgan-sn-hinge", "loss.category_weight", 2.0),
    ("cgan", "discriminator.dropout", 0.3),
    ("r3gan", "generator.activation", "relu"),
    ("r3gan", "generator.init_std", 0.1),
    ("infogan", "loss.class_weight", 0.5),
    ("classic", "regularizer.penalty", "r1"),
    ("classic", "loss.name", "hinge"),
    ("classic", "generator.conditioning", "embedding"),
    ("classic", "train.accumulate", 2),
    ("classic", "diffaugment.adaptive", "ada"),
    ("classic", "diffaugment.target", 0.5),
    ("classic", "schedule.ema_images", 500),
    ("classic", "schedule.penalty", 0.5),
]


@pytest.mark.parametrize("preset, key, value", IGNORED)
def test_a_changed_setting_that_is_not_read_is_refused(preset, key, value):
    config = load_config(preset, {key: value})
    with pytest.raises(InputError, match=rf"^{key}: the (algorithm {config.algorithm}|\w+ architecture \w+) .*leave it out$"):
        check_config(config)
    check_config(load_config(config, {key: to_flat(Config())[key]}))  # set back to its default


def test_the_message_names_all_that_are_not_read_and_who_would():
    with pytest.raises(InputError) as refused:
        check_config(load_config("classifier", {"loss.name": "hinge", "regularizer.lecam": 0.1}))
    assert str(refused.value) == (
        "loss.name, regularizer.lecam: the algorithm classifier (unlike gan, infogan) does not read them, so they would have no effect; "
        "leave them out"
    )
    with pytest.raises(InputError, match="generator.variant: the generator architecture dcgan does not read it, so it would have"):
        check_config(load_config("lsgan", {"generator.variant": "upsample"}))


def test_settings_that_do_not_go_together_are_refused_with_the_algorithm():
    with pytest.raises(InputError, match="^algorithm gan: loss.name and discriminator.head do not fit"):
        check_config(load_config("lsgan", {"discriminator.head": "softmax"}))


def test_what_a_run_has_stored_is_not_refused_but_a_change_is():
    stored = load_config("classifier", {"loss.name": "hinge", "classifier.width": 0.5})
    check_config(stored, before=stored)
    check_config(load_config(stored, {"train.steps": 7, "loss.name": "non-saturating"}), before=stored)
    with pytest.raises(InputError, match="loss.name: the algorithm classifier"):
        check_config(load_config(stored, {"loss.name": "paired"}), before=stored)
    with pytest.raises(InputError, match="regularizer.lecam: the algorithm classifier"):
        check_config(load_config(stored, {"regularizer.lecam": 0.5}), before=stored)


def test_architectures_and_algorithms_read_settings_that_exist():
    settings = set(to_flat(Config()))
    for section, table in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS)):
        assert {f"{section}.{key}" for keys in table.values() for key in keys} == {key for key in settings if key.startswith(f"{section}.")}
    assert {key for key in settings if any(row.reads_key(key) for row in ALGORITHMS.values())} == settings


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "-o", "loss.name=hing"],
        ["train", "--gan", "classifier", "-o", "loss.name=hinge"],
        ["train", "--gan", "lsgan", "-o", "discriminator.head=softmax"],
        ["classify", "-o", "generator.width=0.5"],
        ["augment", "--data", "mnist", "--to", "/nowhere/at/all", "-o", "code.categories=3"],
    ],
)
def test_the_command_line_refuses_without_importing_paddle(arguments):
    code = (
        "import sys; from paddle_gan_aug.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, 'paddle' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.stdout == "2 False False\n", done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("unread", [{"loss.name": "hinge"}, {"discriminator.minibatch_std": True}])
def test_a_run_with_settings_that_earlier_versions_ignored_opens_and_goes_on(tiny, small_mnist, tmp_path, unread):
    """Its config.yaml holds them; only a change made now is refused."""
    import shutil

    import paddle_gan_aug
    from paddle_gan_aug.config.loading import to_yaml

    run = tmp_path / "old"
    shutil.copytree(tiny["classifier"], run)
    stored = load_config(run / "config.yaml", unread)
    (run / "config.yaml").write_text(to_yaml(stored))
    assert paddle_gan_aug.open_run(run).step == 60
    options = {"output": tmp_path, "log": tmp_path, "resume": True, "quiet": True}
    assert paddle_gan_aug.classify(run="old", overrides={"train.steps": 62}, **options).run.step == 62
    with pytest.raises(InputError, match="loss.class_weight"):
        paddle_gan_aug.classify(run="old", overrides={"train.steps": 64, "loss.class_weight": 0.5}, **options)
