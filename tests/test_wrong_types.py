"""Values of the wrong type, given to the public functions: one line that names the argument, and nothing is written."""

import pytest

import paddle_gan_aug as package
from paddle_gan_aug.errors import InputError

WRONG = [
    (lambda to: package.load(image_size="x"), "data.image_size: expected a whole number, got 'x'"),
    (lambda to: package.load(image_size=-1), "data.image_size: expected a whole number >= 1, got -1"),
    (lambda to: package.load(channels=7), "data.channels: expected one of 1, 3, got 7"),
    (lambda to: package.load(3), "data: expected text, a path or a DataSpec, got 3"),
    (lambda to: package.load(window="ab"), "data.window: expected a list, got 'ab'"),
    (lambda to: package.DataSpec(classes="5"), "data.classes: expected a list, got '5'"),
    (lambda to: package.load_config("classic", ["a"]), "overrides: expected a mapping {name: value}, got ['a']"),
    (lambda to: package.train(3, output=to), "config: expected a Config, text or a path, got 3"),
    (lambda to: package.train(overrides="x", output=to), "overrides: expected a mapping {name: value}, got 'x'"),
    (lambda to: package.train(output="", run="r"), "output: '' is no path: give one, such as . for the current folder, or leave it out"),
    (lambda to: package.train(output=to, run=""), "run : a run's name is one folder name without / \\ % : and does not start with a dot"),
    (lambda to: package.train_per_class(classes="5", output=to), "classes: expected a list, got '5'"),
    (lambda to: package.classify(test=3, output=to), "test: expected text or a path, got 3"),
    (lambda to: package.open_run(None), "run: expected text or a path, got None"),
    (lambda to: package.predict("r", 5), "images: expected text, a path or a list, got 5"),
    (lambda to: package.generate("r", to=to, per_class=2.5), "per_class: expected a whole number, got 2.5"),
    (lambda to: package.generate("r", to=to, count=1, filters="none"), "filters: expected a Filters, got 'none'"),
    (lambda to: package.generate("r", to="", count=1), "to: '' is no path: give one, such as . for the current folder, or leave it out"),
    (lambda to: package.Filters(attempts="x"), "attempts: expected a whole number, got 'x'"),
    (lambda to: package.augment_data("mnist", to=to, per_class="9"), "per_class: expected a whole number, got '9'"),
    (lambda to: package.vary("r", to=to, count=2.5), "count: expected a whole number, got 2.5"),
    (lambda to: package.evaluate("r", to=to, seed="x"), "seed: expected a whole number, got 'x'"),
    (lambda to: package.export("r", to=to, form=1), "form: expected text, got 1"),
]


@pytest.mark.parametrize("call, message", WRONG, ids=[message for _, message in WRONG])
def test_wrong_types_end_in_one_line(tmp_path, call, message):
    with pytest.raises(InputError) as caught:
        call(tmp_path / "new")
    assert str(caught.value) == message and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["train", "--output", ""], "output: '' is no path"),
        (["train", "--log", ""], "log: '' is no path"),
        (["train", "--data", ""], "(data.source)"),
        (["augment", "--data", "", "--to", "more"], "(data.source)"),
        (["train", "-c", ""], "'' is no path"),
        (["generate", "r", "--to", ""], "--to: '' is no path"),
        (["augment", "--data", "mnist", "--to", ""], "--to: '' is no path"),
        (["evaluate", "r", "--to", ""], "--to: '' is no path"),
        (["export", "r", "--to", ""], "--to: '' is no path"),
        (["study", "--data", "mnist", "--to", ""], "--to: '' is no path"),
        (["study", "--data", "mnist", "--output", ""], "--output: '' is no path"),
        (["study", "--data", ""], "--data"),
        (["study", "--report", ""], "'' is no path"),
        (["dashboard", ""], "'' is no path"),
    ],
)
def test_an_empty_path_does_not_mean_the_default(here, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    error = here(*arguments, code=2).stderr
    assert said in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_classes_that_are_not_there(small_mnist, tmp_path):
    for classes, words in ((["zzz"], "no class 'zzz'"), ([], "classes: none that has images is given")):
        with pytest.raises(InputError, match=words):
            package.train_per_class("fast", classes=classes, output=tmp_path, overrides={"data.source": str(small_mnist)})
    assert list(tmp_path.iterdir()) == []
