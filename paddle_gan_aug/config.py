"""One typed configuration, the same in YAML, on the command line and in Python.

A preset is a YAML file that holds only what differs from the defaults of `config_sections`; `config.yaml` in a run holds everything. A
misspelt key or a value of the wrong type is an error that names the key and, for a misspelling, the nearest one: silently
ignored settings cost more time than any other mistake.
"""

import difflib
import re
import reprlib
from pathlib import Path
from typing import get_args

import msgspec
import yaml

from .config_sections import Config, Section
from .errors import InputError
from .files import find_path

PRESETS = Path(__file__).with_name("configs")


def presets():
    """The shipped presets as {name: one-line description}, in alphabetical order."""
    return {
        path.stem: (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("description", "")
        for path in sorted(PRESETS.glob("*.yaml"))
    }


def load_config(source="classic", overrides=None):
    """Read a configuration.

    Args:
        source: the name of a shipped preset, a YAML file, or a `Config`.
        overrides: {"section.key": value} laid over it; values may be strings as typed on a command line.

    Raises:
        InputError: no such preset or file, not YAML, an unknown key, a value of the wrong type or range.
    """
    if isinstance(source, Config):
        tree, source = to_tree(source), source.preset
    else:
        path = _source_path(source)
        tree = _read_yaml(path)
        tree.setdefault("preset", path.stem)
    for key, value in _without_old_place(_with_one_length(overrides or {})).items():
        _lay_over(tree, key, value)
    return from_tree(tree, where=str(source))


def _with_one_length(overrides):
    """Whoever says how long by one measure means that one, not the smaller of it and the preset's other measure."""
    length = [key for key in ("train.steps", "train.epochs") if overrides.get(key) is not None]
    if len(length) != 1:
        return overrides
    (other,) = {"train.steps", "train.epochs"} - set(length)
    return {other: None, **overrides}


def _without_old_place(overrides):
    """Whoever names other data does not mean the place of the former."""
    return {"data.place": None, **overrides} if "data.source" in overrides else overrides


def _source_path(source):
    if str(source) in presets():
        return PRESETS / f"{source}.yaml"
    path = find_path(source)
    if path.is_file():
        return path
    near = difflib.get_close_matches(str(source), presets(), n=1)
    hint = f"did you mean {near[0]}?" if near else "the presets are " + ", ".join(presets())
    raise InputError(f"no preset or configuration file named {source}; {hint}")


def _read_yaml(path):
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # no date, no text, too deep
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML: {reason}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected keys and values at the top level, found a {type(tree).__name__}")
    return tree


def parse_overrides(pairs):
    """["train.steps=100", …] -> {"train.steps": 100, …}; the right-hand side is read as YAML.

    Raises:
        InputError: an item without "=".
    """
    parsed = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"-o {pair}: expected section.key=value, for example -o train.steps=100")
        try:
            parsed[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            parsed[key.strip()] = text
    return parsed


def _lay_over(tree, dotted, value):
    *sections, key = dotted.split(".")
    for name in sections:
        inner = tree.get(name)
        if inner is None:
            inner = tree[name] = {}
        if not isinstance(inner, dict):
            raise InputError(f"{dotted}: {name} is not a section")
        tree = inner
    tree[key] = value


def from_tree(tree, where="configuration"):
    """A plain tree of dicts -> Config; the inverse of `to_tree`.

    Raises:
        InputError: an unknown key (the nearest is named), a wrong type or range.
    """
    _check_keys(tree, Config, "", where)
    try:
        return msgspec.convert(_numbers(tree, Config), Config, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at `$.")
        key = key.rstrip("`")
        raise InputError(f"{where}: {key or 'configuration'}: {_plain(message, key)}, got {_SHORT.repr(_value_at(tree, key))}") from None


_SHORT = reprlib.Repr()  # a value in a message: anything may stand in a file, however large
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100

_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def _numbers(value, kind):
    """YAML 1.1 reads 2e-4 as text; a number is meant. Sections alone are gone through: what else is nested is no value of ours."""
    if isinstance(kind, type) and issubclass(kind, Section):
        kinds = {field.name: field.type for field in msgspec.structs.fields(kind)}
        return {key: _numbers(inner, kinds[key]) for key, inner in value.items()}
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)
    return value


def _plain(message, key):
    if message.startswith("Invalid enum value"):
        return "expected one of " + ", ".join(_choices(key))
    return message.replace("`", "").replace("Expected", "expected").partition(", got")[0].replace("| null", "or nothing")


def _choices(dotted):
    """The values that a key of type Literal (or Optional[Literal]) may take."""
    section, kind = Config, None
    for name in dotted.split("."):
        kind = next(field.type for field in msgspec.structs.fields(section) if field.name == name)
        section = kind
    flat = [choice for part in get_args(kind) for choice in (get_args(part) or (part,))]
    return [str(choice) for choice in flat if choice is not type(None)]


def _value_at(tree, dotted):
    for name in dotted.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _check_keys(tree, section, prefix, where):
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in tree.items():
        if key not in fields:
            raise InputError(f"{where}: unknown key {prefix}{key}; {_nearest(prefix, str(key), fields)}")
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, Section):
            if not isinstance(value, dict):
                raise InputError(f"{where}: {prefix}{key} is a section; set its keys, such as {prefix}{key}.{_first_key(inner)}")
            _check_keys(value, inner, f"{prefix}{key}.", where)


def _first_key(section):
    return msgspec.structs.fields(section)[0].name


def _nearest(prefix, key, fields):
    everywhere = all_keys()
    near = (
        [prefix + name for name in difflib.get_close_matches(key, fields, n=1, cutoff=0.6)]
        or [dotted for dotted in everywhere if dotted.endswith(f".{key}")]  # the right key in the wrong section
        or difflib.get_close_matches(prefix + key, everywhere, n=1, cutoff=0.75)
    )
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(fields)


def all_keys(section=Config, prefix=""):
    """Every dotted key of the configuration, such as "train.steps"."""
    keys = []
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            keys += all_keys(field.type, f"{prefix}{field.name}.")
        else:
            keys.append(prefix + field.name)
    return keys


def to_tree(config):
    """Config -> a plain tree of dicts, lists, strings and numbers."""
    return msgspec.to_builtins(config)


def to_flat(config):
    """Config -> {"section.key": value}."""
    flat = {}
    for key in all_keys():
        value = config
        for name in key.split("."):
            value = getattr(value, name)
        flat[key] = value
    return flat


def to_yaml(config):
    """Config -> YAML text that `load_config` reads back to an equal Config."""
    return yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True)
