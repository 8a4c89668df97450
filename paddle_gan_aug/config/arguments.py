"""Arguments of public functions, checked against their type hints before anything is read or written.

The hints say what a parameter takes, its range included (`fields.Positive` is a whole number from 1), so that a signature, its
documentation and its check are one. Python, the command line and a file of settings come through the same functions, and get the same
message.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import os
import re
import reprlib
import typing
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Literal, Mapping, Optional, Tuple, TypeVar, Union, get_args, get_origin

import msgspec

from ..errors import InputError, did_you_mean

ONCE = "no item twice"  # in a hint Annotated[Sequence[...], ONCE]
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "True or False",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
    "ndarray": "a NumPy array",
    "Rows": "a NumPy array",  # one on the disk
}
Function = TypeVar("Function", bound=Callable[..., Any])


def checked(function: Function, narrower: Optional[Mapping[str, Any]] = None) -> Function:
    """Decorate a function whose type hints are to be checked at every call; a parameter without a hint takes anything.

    The function gets plain values: see `check_argument`.

    Args:
        function: The function. narrower: {parameter: hint} in place of its own.

    Raises (the decorated function):
        InputError: An argument does not fit its hint; the message begins with the parameter's name.
    """
    signature = inspect.signature(function)
    hints_of = functools.cache(lambda: {**typing.get_type_hints(function, include_extras=True), **(narrower or {})})

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given, hints = signature.bind(*args, **kwargs), hints_of()
        for name, value in given.arguments.items():
            if name in hints and signature.parameters[name].kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
                given.arguments[name] = check_argument(name, value, hints[name])
        return function(*given.args, **given.kwargs)

    return typing.cast(Function, call)


def check_argument(name: str, value: Any, hint: Any) -> Any:
    """Check that a value fits a type hint.

    Args:
        name: What the message calls it. value: Any; NumPy's numbers count as Python's, every sequence or set as a list.
        hint: Of the types that public functions use.

    Returns:
        The value, with Python's numbers in place of NumPy's; a list in place of an iterator or an array of one axis, and text or a
        `pathlib.Path` in place of another path, where the hint asks for these.

    Raises:
        InputError: It does not.
    """
    value = _plain(value, _kinds(hint))
    problem = _problem(value, hint)
    if problem is not None:
        raise InputError(f"{name}: {problem}")
    return value


def _plain(value: Any, kinds: List[Any]) -> Any:
    """A value as a hint of these kinds takes it, see `check_argument`."""
    if isinstance(value, os.PathLike) and not isinstance(value, Path):
        value = Path(os.fsdecode(value))
    if isinstance(value, Path) and str in kinds and not any(_is_path(kind) for kind in kinds):
        return str(value)
    is_array = getattr(value, "ndim", None) == 1 and not any(kind is type(value) for kind in kinds)
    if (is_array or isinstance(value, collections.abc.Iterator)) and any(map(_is_list, kinds)):
        value = list(value)
    return _plain_numbers(value)


def _plain_numbers(value: Any) -> Any:
    """Numbers of NumPy as Python's, also within lists, tuples and mappings."""
    if type(value) in (list, tuple):
        return type(value)(map(_plain_numbers, value))
    if type(value) is dict:
        return {key: _plain_numbers(inner) for key, inner in value.items()}
    return _plain_number(value)


def _is_path(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, os.PathLike)


def _is_list(kind: Any) -> bool:
    """Whether a hint is of a list, perhaps annotated."""
    base = get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind)
    return isinstance(base, type) and issubclass(base, collections.abc.Collection) and not issubclass(base, collections.abc.Mapping)


def _problem(value: Any, hint: Any) -> Optional[str]:
    """What is wrong with a value, in words; None if it fits the hint."""
    kinds = _kinds(hint)
    if value is None and type(None) in kinds:
        return None
    kinds = [kind for kind in kinds if kind is not type(None)]
    found = [_problem_of_one(value, kind) for kind in kinds]
    if None in found:
        is_place = isinstance(value, (str, os.PathLike)) and any(map(_is_path, kinds))
        return _problem_of_path(value) if is_place else None
    if len(found) == 1:
        return found[0]
    inside = [
        problem
        for problem, kind in zip(found, kinds)
        if problem.startswith(("item ", "the name ", "the value of ")) or _of_its_type(value, kind)
    ]
    return inside[0] if len(inside) == 1 else f"expected {_either(list(dict.fromkeys(map(_name, kinds))))}, got {shown(value)}"


def _kinds(hint: Any) -> List[Any]:
    """The members of a union, of unions within it too; [hint] of what is none."""
    if get_origin(hint) is Union:
        return [kind for part in get_args(hint) for kind in _kinds(part)]
    return [hint]


def _plain_number(value: Any) -> Any:
    """A number or truth value of NumPy as Python's; all else as it is."""
    is_numpys = type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0
    return value.item() if is_numpys else value


def _of_its_type(value: Any, kind: Any) -> bool:
    """Whether a value has the type of an annotated hint, such as int, and so is only out of range."""
    base = get_args(kind)[0] if get_origin(kind) is Annotated else None
    return isinstance(base, type) and isinstance(value, base) and not isinstance(value, bool)


def _problem_of_one(value: Any, kind: Any) -> Optional[str]:
    """As `_problem`, of a hint that is no union."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return None
    if origin is Annotated and parts[1] == ONCE:
        return _problem_of_one(value, parts[0]) or _problem_of_twice(value)
    if origin is Literal:
        return None if value in parts and not isinstance(value, bool) else _problem_of_choice(value, parts)
    if origin is Annotated or kind in (int, float):
        return _problem_of_number(value, kind)
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        return _problem_of_mapping(value, parts)
    if origin is not None and issubclass(origin, collections.abc.Collection):
        return _problem_of_list(value, parts[0] if parts else Any)
    fits = callable(value) if origin is collections.abc.Callable else isinstance(value, origin or kind)
    return None if fits else f"expected {_name(kind)}, got {shown(value)}"


def _problem_of_number(value: Any, kind: Any) -> Optional[str]:
    """Of a number with its range, or a list with its length."""
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        return f"{in_words(str(error))}, got {shown(value)}"
    except UnicodeEncodeError:  # text of bytes that are no UTF-8
        return f"expected {_name(kind)}, got {shown(value)}"
    return None


def _problem_of_choice(value: Any, choices: Tuple[Any, ...]) -> str:
    return f"expected one of {', '.join(map(str, choices))}, got {shown(value)}{did_you_mean(value, choices, before='; ')}"


def _problem_of_mapping(value: Any, parts: Tuple[Any, ...]) -> Optional[str]:
    if not isinstance(value, collections.abc.Mapping):
        return f"expected a mapping {{name: value}}, got {shown(value)}"
    of_key, of_value = parts or (Any, Any)
    for key, inner in value.items():
        for what, part, kind in (("name", key, of_key), ("value of", inner, of_value)):
            problem = _problem(part, kind)
            if problem is not None:
                return f"the {what} {shown(key)}: {problem}"
    return None


def _problem_of_list(value: Any, of_item: Any) -> Optional[str]:
    is_array = hasattr(value, "ndim")  # whose truth value is none
    if isinstance(value, (str, bytes, collections.abc.Mapping)) or not isinstance(value, collections.abc.Collection) or is_array:
        return f"expected a list, got {shown(value)}"
    for number, item in enumerate(value, 1):
        problem = _problem(item, of_item)
        if problem is not None:
            return f"item {number}: {problem}"
    return None


def _problem_of_twice(value: Any) -> Optional[str]:
    items = list(value)
    twice = next((item for number, item in enumerate(items) if item in items[:number]), None)
    return None if twice is None else f"{shown(twice)} is there twice: give each once"


def _problem_of_path(value: Any) -> Optional[str]:
    text = os.fspath(value)
    if isinstance(text, str) and text.strip() and "\0" not in text:
        return None
    return f"{shown(text)} is no path: give one, such as . for the current folder, or leave it out"


def _name(kind: Any) -> str:
    """A hint in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _name(parts[0])
    if origin is Literal:
        return _either([repr(choice) for choice in parts])
    if origin is collections.abc.Callable:
        return "a function"
    if origin is not None:
        return WORDS["object" if issubclass(origin, collections.abc.Mapping) else "array"]
    if isinstance(kind, type) and issubclass(kind, os.PathLike):
        return "a path"
    return WORDS.get(kind.__name__, f"a {kind.__name__}")


def _either(words: List[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def in_words(message: str) -> str:
    """A message of msgspec without its marks and its "got": "expected a whole number >= 1", "expected text or nothing"."""
    found = message.replace("Expected", "expected").partition(", got")[0].partition(" - at ")[0]
    return re.sub("`([^`]*)`", lambda quoted: _either([WORDS.get(kind, kind) for kind in quoted[1].split(" | ")]), found)


def shown(value: Any) -> str:
    """A value for a message: long ones are cut."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    try:
        return " ".join(short.repr(value).split())
    except ValueError:  # a whole number of thousands of digits
        return "a number of thousands of digits"


def check_fields(values: Mapping[str, Any], hints: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    """Check several values that have a hint by their name; the message puts `prefix` before the name.

    Returns:
        {name: value} of those that have a hint, as `check_argument` gives them.

    Raises:
        InputError: One does not fit.
    """
    return {name: check_argument(prefix + name, value, hints[name]) for name, value in values.items() if name in hints}


def fields_of(section: type) -> Dict[str, Any]:
    """{name: type} of a section's settings."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}
