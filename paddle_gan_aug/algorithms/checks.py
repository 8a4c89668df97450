"""Check a configuration before anything is built, read or written. Nothing here imports Paddle.

`config` checks types and ranges. This module checks the rest: names that stand in no table of `registry`, settings that the algorithm
does not read, and settings that do not go together.
"""

from __future__ import annotations

from typing import Collection, Dict, Optional

from ..augment.diffaugment_policies import DIFFAUGMENT_POLICIES
from ..config.loading import to_flat
from ..config.sections import Config
from ..errors import InputError, did_you_mean
from .combinations import check_combination
from .registry import ALGORITHMS, CLASSIFIERS, DISCRIMINATORS, GENERATORS, LOSSES, PENALTIES

NAMES: Dict[str, Collection[str]] = {  # setting -> the table that holds its values, beside "none"
    "algorithm": ALGORITHMS,
    "generator.architecture": GENERATORS,
    "discriminator.architecture": DISCRIMINATORS,
    "classifier.architecture": CLASSIFIERS,
    "loss.name": LOSSES,
    "regularizer.penalty": PENALTIES,
    "diffaugment.policy": DIFFAUGMENT_POLICIES,
}
OPTIONAL = ("regularizer.penalty", "diffaugment.policy")  # settings that may be "none"


def check_config(config: Config, before: Optional[Config] = None) -> None:
    """Refuse a configuration that cannot be trained as it stands.

    Args:
        config: the configuration.
        before: the stored configuration of the run that is opened or resumed. Settings that are as they were there are accepted although
            the algorithm does not read them; earlier versions stored such settings.

    Raises:
        InputError: a name stands in no table, the algorithm does not read a setting that is not at its default, or settings do not go
            together. The message names the setting.
    """
    check_names(config)
    check_all_read(config, before)
    try:
        check_combination(config)
    except ValueError as error:
        raise InputError(f"algorithm {config.algorithm}: {error}") from None


def check_names(config: Config) -> None:
    """Refuse a name that stands in no table; the message names the nearest one.

    Raises:
        InputError: there is such a name.
    """
    settings = to_flat(config)
    for key, table in NAMES.items():
        name, known = settings[key], [*(["none"] if key in OPTIONAL else []), *table]
        if name not in known:
            hint = did_you_mean(name, known, "known: " + ", ".join(known))
            raise InputError(f"{key} {name}: there is none of that name; {hint}")


def is_read(config: Config, key: str) -> bool:
    """Whether training with `config` reads the setting `key`: its algorithm does, and so does the architecture of the network it is for."""
    if not ALGORITHMS[config.algorithm].reads_key(key):
        return False
    section, _, name = key.partition(".")
    table = {"generator": GENERATORS, "discriminator": DISCRIMINATORS}.get(section)
    if table is None or not ALGORITHMS[config.algorithm].reads_key(f"{section}.architecture"):
        return True
    return name in table[getattr(config, section).architecture]


def check_all_read(config: Config, before: Optional[Config] = None) -> None:
    """Refuse settings that were changed and would have no effect; see `check_config`.

    Raises:
        InputError: there are some. The message names them and the algorithm.
    """
    usual, settings = to_flat(Config()), to_flat(config)
    stored = usual if before is None else to_flat(before)
    ignored = [key for key, value in settings.items() if value not in (usual[key], stored[key]) and not is_read(config, key)]
    if not ignored:
        return
    who = _who_does_not_read(config, ignored[0])
    keys = [key for key in ignored if _who_does_not_read(config, key) == who]
    they, them = ("it", "it") if len(keys) == 1 else ("they", "them")
    raise InputError(f"{', '.join(keys)}: {who} does not read {them}, so {they} would have no effect; leave {them} out")


def _who_does_not_read(config: Config, key: str) -> str:
    """The algorithm that does not read `key`, and which ones do; or the architecture that does not, in an algorithm that would."""
    if ALGORITHMS[config.algorithm].reads_key(key):
        section = key.partition(".")[0]
        return f"the {section} architecture {getattr(config, section).architecture}"
    readers = [name for name, row in ALGORITHMS.items() if row.reads_key(key)]
    return f"the algorithm {config.algorithm} (unlike {', '.join(readers)})" if readers else f"the algorithm {config.algorithm}"
