"""One configuration in YAML, on the command line and in Python; every mistake named with its key."""

import pytest

from paddle_gan_aug.config import all_keys, from_tree, load_config, parse_overrides, presets, to_flat, to_tree, to_yaml
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("name", presets())
def test_every_preset_loads_and_survives_yaml(name, tmp_path):
    config = load_config(name)
    assert presets()[name] == config.description != ""
    assert config.preset == name
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config))
    assert load_config(path) == config
    assert from_tree(to_tree(config)) == config
    assert config.train.steps or config.train.epochs


def test_overrides_lie_over_the_preset():
    overrides = parse_overrides(
        ["train.steps=7", "optimizer.beta1=.25", "data.class_name=3", "generator.init_std=null", "log.visualdl=off"]
    )
    config = load_config("classic", overrides | {"data.class_name": "3"})
    assert (config.train.steps, config.optimizer.beta1, config.data.class_name) == (7, 0.25, "3")
    assert config.generator.init_std is None
    assert config.log.visualdl is False
    assert load_config("classic", {"optimizer.generator_lr": "1e-3"}).optimizer.generator_lr == 0.001
    assert to_flat(config)["train.steps"] == 7
    assert set(to_flat(config)) == set(all_keys())


@pytest.mark.parametrize(
    "overrides, words",
    [
        ({"train.stepz": 1}, "unknown key train.stepz; did you mean train.steps?"),
        ({"generator.widht": 1}, "did you mean generator.width?"),
        ({"beta1": 0.5}, "did you mean optimizer.beta1?"),
        ({"train.nothing_like_it": 1}, "known here: epochs"),
        ({"train.epochs": 0}, "train.epochs: expected int >= 1, got 0"),
        ({"train.epochs": -3}, "got -3"),
        ({"train.steps": "many"}, "train.steps: expected int or nothing, got 'many'"),
        ({"train.batch_size": 1.5}, "train.batch_size: expected int"),
        ({"generator.variant": "nearest"}, "generator.variant: expected one of transpose, upsample, got 'nearest'"),
        ({"generator.activation": "sine"}, "expected one of tanh, relu, leaky_relu"),
        ({"generator": 3}, "generator is a section"),
        ({"train.steps.more": 3}, "unknown key|is not a section|expected"),
        ({"optimizer.generator_lr": 0}, "optimizer.generator_lr: expected float > 0"),
        ({"optimizer.beta1": 1}, "optimizer.beta1: expected float < 1"),
    ],
)
def test_every_mistake_names_its_key(overrides, words):
    with pytest.raises(InputError, match=words.replace("?", r"\?").replace("|", "|")):
        load_config("classic", overrides)


def test_files_and_presets_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"did you mean classic\?"):
        load_config("clasic")
    with pytest.raises(InputError, match="the presets are"):
        load_config("qqq")
    bad = tmp_path / "bad.yaml"
    bad.write_text("train: [1, 2")
    with pytest.raises(InputError, match="not valid YAML"):
        load_config(bad)
    bad.write_text("- 1\n- 2\n")
    with pytest.raises(InputError, match="keys and values"):
        load_config(bad)
    bad.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(InputError, match="not valid YAML"):
        load_config(bad)
    with pytest.raises(InputError, match="section.key=value"):
        parse_overrides(["train.steps"])


LAUGHS = "".join(f"l{i + 1}: &l{i + 1} [*l{i}, *l{i}, *l{i}, *l{i}]\n" for i in range(40))


@pytest.mark.parametrize(
    "text, message",
    [
        ("[" * 5000, "not valid YAML"),
        ("description: 2024-99-99", "not valid YAML: month must be in 1..12"),
        ("train: {seed: " + "9" * 5000 + "}", "not valid YAML|train.seed"),
        ("l0: &l0 ha\n" + LAUGHS, "unknown key l0"),
        ("data: {classes: &l0 [a]}\ndescription: &l1 [" + "*l0, " * 9 + "]\nalgorithm: [" + "*l1, " * 9 + "]", "description: expected str"),
        ("\0", "not valid YAML"),
    ],
)
def test_hostile_yaml(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        load_config(tmp_path / "c.yaml")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1000


def test_a_value_that_aliases_make_endless(tmp_path):
    nested = "".join(f", &l{i + 1} [*l{i}, *l{i}, *l{i}, *l{i}]" for i in range(40))
    (tmp_path / "c.yaml").write_text(f"description: [&l0 [ha]{nested}]")
    with pytest.raises(InputError, match="description: expected str"):
        load_config(tmp_path / "c.yaml")


def test_overrides_that_yaml_cannot_read_are_text():
    assert parse_overrides(["data.source=2024-99-99"]) == {"data.source": "2024-99-99"}
    assert parse_overrides(["data.source=" + "[" * 5000])["data.source"] == "[" * 5000


def test_a_length_that_is_asked_for_replaces_the_presets_other_measure():
    assert load_config("classic", {"train.epochs": 30}).train.steps is None
    original = load_config("classic-original", {"train.steps": 7}).train
    assert (original.steps, original.epochs) == (7, None)
    both = load_config("classic", {"train.epochs": 3, "train.steps": 9}).train
    assert (both.steps, both.epochs) == (9, 3)
    assert load_config("classic", {"train.seed": 1}).train.steps == load_config("classic").train.steps


def test_a_list_of_two_numbers_and_a_word_or_a_number():
    for text, window in (("[0,4095]", [0, 4095]), ("[-.42,2.8e0]", [-0.42, 2.8]), ("[1e-3, 2]", [0.001, 2])):
        assert load_config("classic", parse_overrides([f"data.window={text}"])).data.window == window
    assert load_config("classic", {"data.classes": ["1e5"]}).data.classes == ["1e5"]  # a name stays one
    assert [load_config("classic", {"data.background": ground}).data.background for ground in ("white", 0, 255)] == ["white", 0, 255]
    wrong = {"window=[1,two]": "data.window.*float", "window=[1,2,3]": "length", "background=blue": "white, black, a whole number"}
    for override, message in wrong.items():
        with pytest.raises(InputError, match=message):
            load_config("classic", parse_overrides([f"data.{override}"]))
