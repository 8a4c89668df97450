"""Read YAML strictly: one document of plain values, neither large nor deep, no key twice, and text as it was typed."""

from __future__ import annotations

import re
from typing import Any, Collection

import yaml

LARGEST = 1_000_000  # characters; the longest configuration has some thousand
DEEPEST = 20  # sections within sections
MOST = 50_000  # values, those of an alias counted wherever it stands
TEXT, NOTHING, WHOLE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null", "tag:yaml.org,2002:int"
NOTHINGS = ("", "~", "null", "Null", "NULL")


def read_tree(text: str, text_keys: Collection[str] = ()) -> Any:
    """Read a YAML document.

    Args:
        text: the document.
        text_keys: dotted keys whose values, or whose lists' items, are text: to YAML 010 is a number, and 2024-01-02 a date.

    Returns:
        A tree of dicts, lists, strings, numbers, booleans and None, or another plain value where YAML means one.

    Raises:
        ValueError: it is no YAML, or too large, too deep, has a key twice, or a tag that is no plain value's.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it has {len(text)} characters, too many for settings (at most {LARGEST})")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        _check(node, text_keys)
        return yaml.SafeLoader("").construct_document(node)
    except RecursionError:
        raise ValueError(f"it is nested too deep (at most {DEEPEST} levels)") from None
    except (LookupError, AttributeError):  # PyYAML's own, of texts such as x after !!bool or !!timestamp
        raise ValueError("a value is not what the tag before it says, such as !!int") from None
    except (yaml.YAMLError, ArithmeticError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _check(document: yaml.Node, text_keys: Collection[str]) -> None:
    """Check every value once for each place where it stands."""
    waiting, seen = [(document, "", 0, False)], 0
    while waiting:
        node, key, depth, in_list = waiting.pop()
        seen += 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested too deep (at most {DEEPEST} levels)")
        if seen > MOST:
            raise ValueError(f"it holds too many values, or aliases of aliases (at most {MOST})")
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, key)
            waiting += [(value, f"{key}.{name.value}" if key else str(name.value), depth + 1, False) for name, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, key, depth + 1, True) for item in node.value]
        elif key in text_keys and (in_list or node.tag != NOTHING) and node.tag.startswith(TEXT.rpartition(":")[0]):
            node.tag = TEXT
        elif isinstance(node, yaml.ScalarNode):
            _read_as_decimal(node)


def _read_as_decimal(node: yaml.ScalarNode) -> None:
    """Let 010 mean ten, and 1:30 nothing but text: YAML 1.1 reads them as eight and ninety."""
    if node.style is None and re.fullmatch(r"[+-]?0[0-9]+", node.value):
        node.tag, node.value = WHOLE, str(int(node.value))
    elif node.style is None and re.fullmatch(r"[+-]?[0-9]+(:[0-9.]+)+", node.value):
        node.tag = TEXT


def _check_keys(mapping: yaml.MappingNode, where: str) -> None:
    names = set()
    for name, _ in mapping.value:
        if not isinstance(name, yaml.ScalarNode):
            raise ValueError(f"a key is no text (line {name.start_mark.line + 1})")
        if name.value in names:
            dotted = f"{where}.{name.value}" if where else name.value
            raise ValueError(f"the key {dotted} stands there twice (line {name.start_mark.line + 1})")
        names.add(name.value)


def read_value(text: str, is_text: bool = False, is_list: bool = False) -> Any:
    """Read the value that was typed after `key=`.

    Args:
        is_text: the key is for text, which is taken as it stands; it may be quoted: '"null"' is the word, null is nothing.
        is_list: the key is for a list of text.

    Returns:
        A plain value: what YAML reads, or the text itself where that is no YAML.
    """
    if is_text and text in NOTHINGS:
        return None
    if is_text and text[:1] not in ("'", '"', "[" if is_list else "'"):
        return text
    try:
        value = read_tree(text, ("",) if is_text else ())
    except ValueError:
        return text
    return text if value is None and text not in NOTHINGS else value  # such as #ffffff, which YAML takes for a comment
