"""Arguments against type hints: what fits, and the message about what does not."""

import json
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Callable, Dict, List, Literal, Mapping, Optional, Sequence, Union

import numpy as np
import pytest

from paddle_gan_aug.config.arguments import ONCE, check_argument, checked
from paddle_gan_aug.config.fields import Positive, Probability, Window
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize(
    "value, hint",
    [
        (3, Positive),
        (np.int64(3), Positive),
        (np.array(3), Optional[Positive]),
        (1, float),
        (np.float32(0.5), Probability),
        (None, Optional[int]),
        ("x", Union[str, Path, None]),
        (Path("x"), Union[str, Path, None]),
        ((), Sequence[str]),
        (range(3), Sequence[int]),
        ({"a"}, Sequence[str]),
        ({"a": 1}, Mapping[str, Positive]),
        ([5, 6], Annotated[Sequence[Positive], ONCE]),
        ((np.float64(0), 255), Window),
        (print, Callable[[int], Any]),
        (np.bool_(True), bool),
        ("\udce5", Union[int, str]),
        ("", str),
        ("b", Literal["a", "b"]),
    ],
)
def test_what_fits(value, hint):
    check_argument("x", value, hint)


@pytest.mark.parametrize(
    "value, hint, message",
    [
        (-1, Positive, "x: expected a whole number >= 1, got -1"),
        (2.5, Optional[Positive], "x: expected a whole number, got 2.5"),
        ("8", Positive, "x: expected a whole number, got '8'"),
        (True, int, "x: expected a whole number, got True"),
        (1, bool, "x: expected True or False, got 1"),
        (float("nan"), Probability, "x: expected a number >= 0.0, got nan"),
        (None, Union[str, Path], "x: expected text or a path, got None"),
        ("", Union[str, Path], "x: '' is no path: give one, such as . for the current folder, or leave it out"),
        ("a\0", Union[str, Path], "x: 'a\\x00' is no path: give one, such as . for the current folder, or leave it out"),
        (5, Sequence[int], "x: expected a list, got 5"),
        ("a", Sequence[str], "x: expected a list, got 'a'"),
        (np.zeros((2, 2)), Sequence[int], "x: expected a list, got array([[0., 0.], [0., 0.]])"),
        ([1, 0], Sequence[Positive], "x: item 2: expected a whole number >= 1, got 0"),
        ([5, 5], Annotated[Sequence[Positive], ONCE], "x: 5 is there twice: give each once"),
        ({"a": 0}, Dict[str, Positive], "x: the value of 'a': expected a whole number >= 1, got 0"),
        ({5: 1}, Mapping[str, Any], "x: the name 5: expected text, got 5"),
        (3, np.ndarray, "x: expected a NumPy array, got 3"),
        (["a"], Mapping[str, Any], "x: expected a mapping {name: value}, got ['a']"),
        ([1], Window, "x: expected a list of length >= 2, got [1]"),
        ("digit", Literal["auto", "digits"], "x: expected one of auto, digits, got 'digit'; did you mean digits?"),
        (7, Optional[Union[str, List[str]]], "x: expected text or a list, got 7"),
        ([7], Optional[Union[str, List[str]]], "x: item 1: expected text, got 7"),
        (0, Union[Positive, str], "x: expected a whole number >= 1, got 0"),
        (3, Callable[[], None], "x: expected a function, got 3"),
    ],
)
def test_what_does_not_fit(value, hint, message):
    with pytest.raises(InputError) as caught:
        check_argument("x", value, hint)
    assert str(caught.value) == message


def test_a_decorated_function_is_as_before_and_checks_what_it_is_given():
    @checked
    def power(base: int, *more: int, exponent: Positive = 2, **unknown: int) -> int:
        """Raise."""
        return base**exponent

    assert (power(3), power(3, exponent=3), power.__doc__, power.__name__) == (9, 27, "Raise.", "power")
    with pytest.raises(InputError, match="^exponent: expected a whole number >= 1, got 0$"):
        power(3, exponent=0)
    with pytest.raises(TypeError, match="missing a required argument"):
        power()


@pytest.mark.parametrize(
    "value, hint, plain",
    [
        (np.int64(3), Positive, 3),
        (np.float32(0.5), Optional[float], 0.5),
        ([np.int64(1), 2], Sequence[int], [1, 2]),
        ((np.int64(1), 2), Sequence[int], (1, 2)),
        ({"a": {"b": np.int64(2)}}, Mapping[str, Any], {"a": {"b": 2}}),
        (np.arange(2), Sequence[int], [0, 1]),
        ((number for number in (1, 2)), Annotated[Sequence[Positive], ONCE], [1, 2]),
        (PurePosixPath("a/b"), Union[str, Path], Path("a/b")),
        (Path("a/b"), Optional[str], "a/b"),
    ],
)
def test_a_function_gets_plain_values(value, hint, plain):
    found = check_argument("x", value, hint)
    assert found == plain and type(found) is type(plain)
    assert json.dumps(found if not isinstance(found, Path) else str(found))
