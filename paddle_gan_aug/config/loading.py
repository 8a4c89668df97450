"""One typed configuration, the same in YAML, on the command line and in Python.

A preset is a YAML file that holds only what differs from the defaults of `sections`; `config.yaml` in a run holds everything. A misspelt
key or a value of the wrong type is an error that names the key and, for a misspelling, the nearest one: silently ignored settings cost
more time than any other mistake. Names and settings that need their algorithm to be judged are checked by `algorithms.checks`.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterable, List, Literal, Mapping, Optional, Sequence, Type, Union, get_args, get_origin

import msgspec
import yaml

from ..errors import InputError, nearest
from ..files import did_you_mean_path, find_path
from .arguments import checked, in_words, shown
from .sections import Config, Section
from .yaml_tree import LARGEST, read_tree, read_value

PRESETS = Path(__file__).with_name("presets")
GAN_OF_ALL_CLASSES, GAN_OF_ONE_CLASS = "sngan-projection", "fast"  # the presets of `augment`: one GAN, or one for each class
VARYING = "dagan"  # the preset of `augment` for new classes
LARGEST_INTEGER = 2**63 - 1
KNOWN_AS = {  # what other programs call a setting -> the key
    **dict.fromkeys(("lr", "learning_rate", "g_lr", "lr_g"), "optimizer.generator_lr"),
    **dict.fromkeys(("d_lr", "lr_d"), "optimizer.discriminator_lr"),
    **dict.fromkeys(("b1", "beta_1"), "optimizer.beta1"),
    **dict.fromkeys(("b2", "beta_2"), "optimizer.beta2"),
    **dict.fromkeys(("bs", "batch", "batchsize"), "train.batch_size"),
    **dict.fromkeys(("epoch", "n_epochs", "num_epochs", "max_epochs"), "train.epochs"),
    **dict.fromkeys(("iters", "iterations", "max_iter", "max_steps", "num_steps", "total_steps"), "train.steps"),
    **dict.fromkeys(("gpu", "gpus", "cuda", "use_gpu", "cpu"), "runtime.device"),
    **dict.fromkeys(("amp", "use_amp", "amp_level", "fp16", "bf16", "mixed_precision", "dtype"), "runtime.precision"),
    **dict.fromkeys(("workers", "num_workers", "jobs", "num_threads"), "runtime.threads"),
    **dict.fromkeys(("dataset", "data_dir", "data_path", "data_root", "dataroot", "datadir", "train_dir", "input"), "data.source"),
    **dict.fromkeys(("img_size", "imsize", "size", "resolution", "image_width"), "data.image_size"),
    **dict.fromkeys(("z_dim", "nz", "latent_size", "latent", "noise_dim"), "generator.latent_dim"),
    **dict.fromkeys(("save_every", "save_interval", "save_freq", "snapshot_interval"), "checkpoint.every_steps"),
    **dict.fromkeys(("log_interval", "log_every", "print_freq"), "log.every_steps"),
    "random_seed": "train.seed",
}


def preset_of_classifier(overrides: Mapping[str, Any]) -> str:
    """The preset that `classify` takes where none is named: one that learns images without labels, if `data.unlabelled` is set."""
    return "semi-supervised-conv" if overrides.get("data.unlabelled") else "classifier"


def presets() -> Dict[str, str]:
    """Return the shipped presets as {name: one-line description}, in alphabetical order."""
    return {
        path.stem: (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("description", "")
        for path in sorted(PRESETS.glob("*.yaml"))
    }


@checked
def load_config(source: Union[str, Path, Config] = "classic", overrides: Optional[Mapping[str, Any]] = None) -> Config:
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
        _check_keys(tree, Config, "", str(source))  # before anything is laid over it
        tree.setdefault("preset", path.stem)
    for key, value in _without_old_place(_with_one_length(overrides or {})).items():
        _lay_over(tree, key, value)
    return from_tree(tree, where=str(source))


def _with_one_length(overrides: Mapping[str, Any]) -> Dict[str, Any]:
    """A length that is given in steps or epochs replaces both measures of the preset."""
    length = [key for key in ("train.steps", "train.epochs") if overrides.get(key) is not None]
    if len(length) != 1:
        return dict(overrides)
    (other,) = {"train.steps", "train.epochs"} - set(length)
    return {other: None, **overrides}


def _without_old_place(overrides: Dict[str, Any]) -> Dict[str, Any]:
    """Another `data.source` does not lie where the former one did."""
    return {"data.place": None, **overrides} if "data.source" in overrides else overrides


def _source_path(source: Union[str, Path]) -> Path:
    if str(source) in {path.stem for path in PRESETS.glob("*.yaml")}:  # reading them all for their names takes longer
        return PRESETS / f"{source}.yaml"
    path = find_path(source)
    if path.is_file():
        return path
    hint = did_you_mean_path(path, presets(), "the presets are " + ", ".join(presets()))
    raise InputError(f"no preset or configuration file named {source}; {hint}")


def _read_yaml(path: Path) -> Dict[str, Any]:
    try:
        if path.stat().st_size > 4 * LARGEST:  # bytes of a character
            raise ValueError(f"it has {path.stat().st_size} bytes, too many for settings")
        tree = read_tree(path.read_text(encoding="utf-8"), text_keys())
    except ValueError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected keys and values at the top level, found a {type(tree).__name__}")
    return tree


@checked
def parse_overrides(pairs: Sequence[str]) -> Dict[str, Any]:
    """Read ["train.steps=100", …] as {"train.steps": 100, …}. The right-hand side is YAML; for a key that takes text it is the text itself.

    Of a key that is there twice the last value counts, as it does for a flag.

    Raises:
        InputError: an item without "=".
    """
    parsed = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"-o {pair}: expected section.key=value, for example -o train.steps=100")
        key = key.strip()
        parsed[key] = read_value(text, key in text_keys(), key in text_keys() and _takes_list(_type_of(key)))
    return parsed


def _lay_over(tree: Dict[str, Any], dotted: str, value: Any) -> None:
    *sections, key = dotted.split(".")
    for name in sections:
        inner = tree.get(name)
        if inner is None:
            inner = tree[name] = {}
        if not isinstance(inner, dict):
            raise InputError(f"{dotted}: {name} is not a section")
        tree = inner
    tree[key] = value


def from_tree(tree: Dict[str, Any], where: str = "configuration") -> Config:
    """Make a configuration of a plain tree of dicts: the inverse of `to_tree`.

    Raises:
        InputError: an unknown key (the nearest is named), a wrong type or range.
    """
    _check_keys(tree, Config, "", where)
    try:
        return msgspec.convert(_numbers(tree, where), Config, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at `$.")
        key = key.rstrip("`")
        raise InputError(f"{where}: {key or 'configuration'}: {_plain(message, key)}, got {shown(_value_at(tree, key))}") from None
    except UnicodeEncodeError:
        raise InputError(f"{where}: a text in it is not Unicode") from None


_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+|[-+]\.\d+")


def _numbers(value: Any, where: str, key: str = "") -> Any:
    """Turn text such as 2e-4, which YAML 1.1 does not read as a number, into a number where the key does not take text.

    Raises:
        InputError: a number is not finite, or too large.
    """
    if isinstance(value, dict):
        return {name: _numbers(inner, where, f"{key}.{name}" if key else str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(item, where, key) for item in value]
    if isinstance(value, str) and key not in text_keys() and _FLOAT.fullmatch(value):
        value = float(value)
    if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
        raise InputError(f"{where}: {key}: expected a finite number, at most {LARGEST_INTEGER} if whole, got {shown(value)}")
    return value


def _plain(message: str, key: str) -> str:
    if message.startswith("Invalid enum value"):
        return "expected one of " + ", ".join(_choices(key))
    return in_words(message)


def _type_of(dotted: str) -> Any:
    kind = Config
    for name in dotted.split("."):
        kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
    return kind


def _choices(dotted: str) -> List[str]:
    """The values that a key of type Literal (or Optional[Literal]) may take."""
    flat = [choice for part in get_args(_type_of(dotted)) for choice in (get_args(part) or (part,))]
    return ["a whole number" if choice is int else str(choice) for choice in flat if isinstance(choice, (str, int)) or choice is int]


def _value_at(tree: Any, dotted: str) -> Any:
    for name in dotted.partition("[")[0].split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _check_keys(tree: Dict[str, Any], section: Type[Section], prefix: str, where: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in tree.items():
        if key not in fields:
            name = str(key)[:80]
            raise InputError(f"{where}: unknown key {prefix}{name}; {_nearest(prefix, name, fields)}")
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, Section):
            if not isinstance(value, dict):
                raise InputError(f"{where}: {prefix}{key} is a section; set its keys, such as {prefix}{key}.{_first_key(inner)}")
            _check_keys(value, inner, f"{prefix}{key}.", where)


def _first_key(section: Type[Section]) -> str:
    return msgspec.structs.fields(section)[0].name


def _nearest(prefix: str, key: str, fields: Iterable[str]) -> str:
    everywhere, key = all_keys(), key.replace("-", "_")
    here, elsewhere = nearest(key, fields), nearest(prefix + key, everywhere, 0.75)
    near = (
        ([KNOWN_AS[key]] if key in KNOWN_AS else [])
        or ([prefix + here] if here else [])
        or [dotted for dotted in everywhere if dotted.endswith(f".{key}")]  # the right key in the wrong section
        or ([elsewhere] if elsewhere else [])
    )
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(fields)


@functools.cache
def all_keys(section: Type[Section] = Config, prefix: str = "") -> List[str]:
    """Every dotted key of the configuration, such as "train.steps"."""
    keys = []
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            keys += all_keys(field.type, f"{prefix}{field.name}.")
        else:
            keys.append(prefix + field.name)
    return keys


@functools.cache
def text_keys() -> FrozenSet[str]:
    """The keys whose value is free text, or a list of such."""
    return frozenset(key for key in all_keys() if _takes_text(_type_of(key)))


def _takes_list(kind: Any) -> bool:
    return get_origin(kind) is list or any(map(_takes_list, get_args(kind)))


def _takes_text(kind: Any) -> bool:
    return kind is str or (get_origin(kind) is not Literal and any(map(_takes_text, get_args(kind))))


def to_tree(config: Config) -> Dict[str, Any]:
    """Return a configuration as a plain tree of dicts, lists, strings and numbers."""
    return msgspec.to_builtins(config)


def to_flat(config: Config) -> Dict[str, Any]:
    """Return a configuration as {"section.key": value}."""
    flat = {}
    for key in all_keys():
        value = config
        for name in key.split("."):
            value = getattr(value, name)
        flat[key] = value
    return flat


def hyperparameters(config: Config) -> Dict[str, Any]:
    """Return the settings that say what is learnt and how, {"section.key": value}: all but where the data lies and what is recorded."""
    sections = [field.name for field in msgspec.structs.fields(Config) if getattr(field.type, "hyperparameters", False)]
    chosen = ("algorithm", *(f"{name}." for name in sections))
    return {key: value for key, value in to_flat(config).items() if key.startswith(chosen) and key != "data.place"}


def to_yaml(config: Config) -> str:
    """Return a configuration as YAML text that `load_config` reads back to an equal Config."""
    return yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True)
