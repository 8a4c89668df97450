"""Every setting has a sentence, and a new section joins the hyperparameters of a run."""

import ast
import re
from pathlib import Path

import msgspec

from paddle_gan_aug.config import process_sections, sections
from paddle_gan_aug.config.loading import all_keys, hyperparameters, load_config, to_flat
from paddle_gan_aug.config.sections import Config, Section

SOURCE = "\n".join(Path(module.__file__).read_text(encoding="utf-8") for module in (process_sections, sections))


def test_every_setting_has_sentences_above_it():
    lines, seen = SOURCE.splitlines(), 0
    for node in ast.parse(SOURCE).body:
        if not isinstance(node, ast.ClassDef) or node.name == "Section":
            continue
        assert ast.get_docstring(node).endswith(".")
        for field in node.body:
            is_setting = isinstance(field, ast.AnnAssign) and not ast.unparse(field.annotation).startswith("ClassVar")
            if not is_setting or "default_factory" in lines[field.lineno - 1]:
                continue
            assert re.fullmatch(r"    # [A-Z].*[.]", lines[field.lineno - 2]), f"{node.name}.{field.target.id}"
            seen += 1
    assert seen == len(all_keys())


def test_hyperparameters_follow_from_the_sections():
    kinds = {field.name: field.type for field in msgspec.structs.fields(Config) if isinstance(field.type, type)}
    without = {name for name, kind in kinds.items() if issubclass(kind, Section) and not kind.hyperparameters}
    assert without == {"checkpoint", "log", "eval", "health", "runtime"}
    config = load_config("classic")
    found = hyperparameters(config)
    expected = {key for key in to_flat(config) if key.partition(".")[0] not in {*without, "description", "preset"}}
    assert set(found) == expected - {"data.place"}
