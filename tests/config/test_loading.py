"""One configuration in YAML, on the command line and in Python; every mistake named with its key."""

import pytest

from paddle_gan_aug.config.loading import all_keys, from_tree, load_config, parse_overrides, presets, to_flat, to_tree, to_yaml
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
        ({"train.epochs": 0}, "train.epochs: expected a whole number >= 1, got 0"),
        ({"train.epochs": -3}, "got -3"),
        ({"train.steps": "many"}, "train.steps: expected a whole number or nothing, got 'many'"),
        ({"train.batch_size": 1.5}, "train.batch_size: expected a whole number"),
        ({"generator.variant": "nearest"}, "generator.variant: expected one of transpose, upsample, got 'nearest'"),
        ({"generator.activation": "sine"}, "expected one of tanh, relu, leaky_relu"),
        ({"generator": 3}, "generator is a section"),
        ({"train.steps.more": 3}, "unknown key|is not a section|expected"),
        ({"optimizer.generator_lr": 0}, "optimizer.generator_lr: expected a number > 0"),
        ({"optimizer.beta1": 1}, "optimizer.beta1: expected a number < 1"),
        ({"log.grid_images": 10**9}, "log.grid_images: expected a whole number <= 10000, got 1000000000"),
        ({"health.samples": 10_001}, "health.samples: expected a whole number <= 10000, got 10001"),
        ({"health.samples": 7}, "health.samples: expected a whole number >= 8, got 7"),
        ({"eval.count": 1_000_001}, "eval.count: expected a whole number <= 1000000, got 1000001"),
        ({"generated.per_class": 10**18}, "generated.per_class: expected a whole number <= 1000000"),
        ({"generator.latent_dim": 10**7}, "generator.latent_dim: expected a whole number <= 100000, got 10000000"),
        ({"variation.sources": 10**9}, "variation.sources: expected a whole number <= 1000000"),
        ({"semi_supervised.labelled_batch": 10**9}, "semi_supervised.labelled_batch: expected a whole number <= 1000000"),
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


def test_class_names_that_look_like_numbers_stay_as_they_are_written(tmp_path):
    written = "[010, 3, 2024-01-02, 1e3, no, 'x y', ~]"
    names = ["010", "3", "2024-01-02", "1e3", "no", "x y", "~"]
    assert load_config(overrides=parse_overrides([f"data.classes={written}"])).data.classes == names
    (tmp_path / "x.yaml").write_text(f"data:\n  classes: {written}\n  seed: 010\ntrain: {{steps: 5}}\n")
    config = load_config(tmp_path / "x.yaml")
    assert (config.data.classes, config.data.seed, config.train.steps) == (names, 10, 5)
    (tmp_path / "y.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "y.yaml").data.classes == names
    with pytest.raises(InputError, match="data.classes: expected a list or nothing"):
        load_config(overrides=parse_overrides(["data.classes=3"]))
    assert load_config(overrides=parse_overrides(["data.classes=null"])).data.classes is None


@pytest.mark.parametrize("text", ["010", "2024", "2024-01-02", "1e5", "on", "1:30", "# 5", "a: b", "[x]", "{", "花", "0x1F", ".nan"])
def test_a_key_for_text_takes_any_text(text, tmp_path):
    for key in ("data.source", "data.class_name", "generated.source", "generated.teacher", "description"):
        section, _, name = key.rpartition(".")
        assert parse_overrides([f"{key}={text}"]) == {key: text}
        config = load_config("classifier", parse_overrides([f"{key}={text}"]))
        assert to_flat(config)[key] == text
        path = tmp_path / "config.yaml"
        path.write_text(to_yaml(config), encoding="utf-8")
        assert to_flat(load_config(path))[key] == text
        if text not in ("# 5", "a: b", "[x]", "{"):  # these are no plain text in a file
            path.write_text(f"{section}: {{{name}: {text}}}\n" if section else f"{name}: {text}\n", encoding="utf-8")
            assert to_flat(load_config(path))[key] == text


def test_nothing_and_quoted_text():
    assert parse_overrides(["data.class_name=null", "generated.source="]) == {"data.class_name": None, "generated.source": None}
    assert parse_overrides(["data.class_name='null'", 'data.source="a b"']) == {"data.class_name": "null", "data.source": "a b"}
    assert parse_overrides(["data.classes=[010, 3, a, 2024-01-02]"]) == {"data.classes": ["010", "3", "a", "2024-01-02"]}
    assert parse_overrides(["train.steps=010", "log.visualdl=off"]) == {"train.steps": 10, "log.visualdl": False}
    typed = parse_overrides(["train.steps=0100", "train.batch_size=08", "data.background=#ffffff", "data.window=[010, 4095]"])
    assert typed == {"train.steps": 100, "train.batch_size": 8, "data.background": "#ffffff", "data.window": [10, 4095]}
    with pytest.raises(InputError, match="train.steps: expected a whole number.*got '1:30'"):
        load_config("classic", parse_overrides(["train.steps=1:30"]))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB, "too many values, or aliases of aliases"),
        ("train: &a [*a]", "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        ("a: " * 3 + "1", "not valid YAML"),
        ("x" * 5_000_000, "too many for settings"),
        ("description: " + "x" * 1_000_001, "too many for settings"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not valid YAML"),
        ("train: {steps: 1\x00}", "not valid YAML"),
        ("train: {steps: 1, steps: 2}", "the key train.steps stands there twice"),
        ("train: {steps: 1}\ntrain: {epochs: 2}", "the key train stands there twice"),
        ("train: {steps: !!python/name:os.system }", "not valid YAML"),
        ("train: {steps: !mine 3}", "not valid YAML"),
        ("train: !!set {steps}", "train is a section"),
        ("train: {steps: 1}\n---\ntrain: {steps: 2}", "not valid YAML"),
        ("optimizer: {generator_lr: .nan}", "optimizer.generator_lr: expected a finite number"),
        ("optimizer: {generator_lr: .inf}", "optimizer.generator_lr: expected a finite number"),
        ("optimizer: {generator_lr: 1e999}", "optimizer.generator_lr: expected a finite number"),
        ("train: {steps: 1" + "0" * 40 + "}", "train.steps: expected a finite number, at most 9223372036854775807"),
        ("train: {seed: 1" + "0" * 6000 + "}", "not valid YAML"),
        ("train: {steps: 2024-13-45}", "not valid YAML"),
        ("train: {steps: !!bool x}", "not valid YAML: a value is not what the tag before it says"),
        ("train: {steps: !!int ''}", "not valid YAML: a value is not what the tag before it says"),
        ("train: {steps: !!float ''}", "not valid YAML: a value is not what the tag before it says"),
        ("train: {steps: !!timestamp x}", "not valid YAML: a value is not what the tag before it says"),
        ("1: 2", "unknown key 1"),
        ("true: 2", "unknown key True"),
        ("[a, b]: 2", "a key is no text"),
        ("train: {? {a: b} : 3}", "a key is no text"),
        ("train: 3", "train is a section"),
        ("? " + "x" * 70_000 + "\n: 3", "unknown key xxx"),
    ],
)
def test_a_file_that_is_malformed_or_hostile_is_one_line(tmp_path, content, words):
    path = tmp_path / "config.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as refused:
        load_config(path)
    message = str(refused.value)
    assert words in message and str(path) in message
    assert "\n" not in message and len(message) < 1000


def test_anchors_and_merges_still_work(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("eval: &often {every_steps: 7}\nhealth: {<<: *often, samples: 9}\n")
    config = load_config(path)
    assert (config.eval.every_steps, config.health.every_steps, config.health.samples) == (7, 7, 9)


def test_a_setting_as_other_programs_call_it():
    for key, meant in (("lr", "optimizer.generator_lr"), ("batch-size", "train.batch_size"), ("train.bs", "train.batch_size")):
        with pytest.raises(InputError, match=f"did you mean {meant}"):
            load_config("classic", {key: 1})


def test_a_list_of_two_numbers_and_a_word_or_a_number():
    for text, window in (("[0,4095]", [0, 4095]), ("[-.42,2.8e0]", [-0.42, 2.8]), ("[1e-3, 2]", [0.001, 2])):
        assert load_config("classic", parse_overrides([f"data.window={text}"])).data.window == window
    assert load_config("classic", {"data.classes": ["1e5"]}).data.classes == ["1e5"]  # a name stays one
    assert [load_config("classic", {"data.background": ground}).data.background for ground in ("white", 0, 255)] == ["white", 0, 255]
    wrong = {
        "window=[1,two]": "data.window.*expected a number",
        "window=[1,2,3]": "length",
        "background=blue": "white, black, a whole number",
    }
    for override, message in wrong.items():
        with pytest.raises(InputError, match=message):
            load_config("classic", parse_overrides([f"data.{override}"]))


@pytest.mark.parametrize("overrides", [None, {"data.source": "mnist"}, {"train.steps": 3}])
def test_a_section_that_is_a_number_is_named_with_its_file(tmp_path, overrides):
    (tmp_path / "x.yaml").write_text("data: 3\n")
    with pytest.raises(InputError, match=f"^{tmp_path / 'x.yaml'}: data is a section; set its keys, such as data.source$"):
        load_config(tmp_path / "x.yaml", overrides)
