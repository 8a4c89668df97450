"""The generated pages are those that their scripts make now."""

import importlib.util

import pytest

from benchmarks.documents import ROOT, read
from paddle_gan_aug.config.sections import Config


def script(name):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration", "api"])
def test_it_is_fresh(name):
    assert script(f"make_{name}").page() == read(ROOT / "docs" / f"{name}.md"), f"run: python docs/make_{name}.py"


def test_the_api_page_shows_what_public_functions_return():
    page = read(ROOT / "docs" / "api.md")
    for name in ("Run", "GeneratedSet", "AugmentedSet", "PerClassRuns", "Classification", "Prediction", "Evaluation"):
        assert page.count(f"### `{name}`\n") == 1, name
    assert "Run.sample(" in page and "Evaluation.table()" in page


def test_the_configuration_page_has_every_key():
    made = script("make_configuration")
    sections = {name: keys for name, _, keys in made.sections_of(made.source())}
    default = Config()
    plain = [name for name in Config.__struct_fields__ if not hasattr(getattr(default, name), "__struct_fields__")]
    assert [key.name for key in sections.pop("")] == plain
    assert list(sections) == [name for name in Config.__struct_fields__ if name not in plain]
    for name, keys in sections.items():
        assert [key.name for key in keys] == list(getattr(default, name).__struct_fields__)


def test_types_defaults_and_comments_are_read():
    made = script("make_configuration")
    source = '''
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Train(Section):
    """`train.*`: how long."""

    hyperparameters: ClassVar[bool] = False  # of the class
    # In
    # total.
    steps: Optional[Positive] = None
    # Of the images.
    fit: Literal["crop", "pad"] = "crop"


class Config(Section):
    preset: str = "classic"
    train: Train = msgspec.field(default_factory=Train)
'''
    (_, _, own), (name, text, keys) = made.sections_of(source)
    assert own == [("preset", "text", "`classic`", "")]
    assert (name, text) == ("train", "How long.")
    assert keys == [("steps", "whole number at least 1", "–", "In total."), ("fit", "`crop`, `pad`", "`crop`", "Of the images.")]
