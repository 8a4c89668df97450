"""argparse with errors of one line, and with a guess at the flag that was meant."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, Dict, List, NoReturn, Optional, Sequence

from ..errors import did_you_mean, nearest
from .flags import FLAGS
from .messages import ANY_KEY
from .result import BAD_INPUT

ALSO_KNOWN_AS = {  # what other programs call a flag that is no setting -> those that may be meant, of which a command has one
    **dict.fromkeys(("output_dir", "out_dir", "outdir", "save_dir", "out", "results_dir", "save_path"), ("--output", "--to")),
    **dict.fromkeys(("name", "exp", "experiment", "exp_name", "run_name"), ("--run",)),
    **dict.fromkeys(("model", "arch", "preset", "algorithm"), ("--gan",)),
    **dict.fromkeys(("cfg", "conf", "config_file"), ("--config",)),
    **dict.fromkeys(("num", "n", "num_images", "n_samples", "num_samples", "samples"), ("--count",)),
    **dict.fromkeys(("weights", "ckpt", "pretrained", "load"), ("--checkpoint", "--resume")),
    **dict.fromkeys(("test_dir", "test_data", "val_dir", "valid"), ("--test",)),
    **dict.fromkeys(("logdir", "log_dir", "tensorboard"), ("--log",)),
    **dict.fromkeys(("gpu", "gpus", "cuda", "use_gpu", "cpu"), ("--device",)),
    **dict.fromkeys(("workers", "num_workers", "jobs"), ("--threads",)),
    **dict.fromkeys(("dataset", "data_dir", "data_path", "data_root", "dataroot", "input"), ("--data", "--from")),
}


class CommandParser(argparse.ArgumentParser):
    """argparse whose errors are one line and name its help. It never guesses a flag from its beginning."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False, add_help=False)
        self.add_argument("-h", "--help", action="help", help="Show this help and exit.")

    def error(self, message: str) -> NoReturn:
        """End with an error of one line and the exit code for bad input."""
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            message += did_you_mean(wrong[1], re.findall(r"[\w.-]+", wrong[2]), before="; ")
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # as argparse's
        """Parse as argparse does, and keep in `given` which arguments the flags set, also to their defaults."""
        tokens = sys.argv[1:] if args is None else list(args)
        short = [token[:2] if token[:1] == "-" and token[1:2] != "-" else "" for token in tokens]  # of -oKEY=VALUE it is -o
        known = self._option_string_actions
        actions = [known.get(token.partition("=")[0], known.get(start)) for token, start in zip(tokens, short)]
        found, unknown = super().parse_known_args(tokens, namespace)
        found.given = getattr(found, "given", set()) | {action.dest for action in actions if action is not None}
        return found, unknown

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with an error that names the unknown arguments, and the flag that the first was perhaps meant to be."""
        meant = self._meant(*unknown[:2])
        self.error(f"unknown arguments: {' '.join(unknown)}" + (f"; did you mean {meant}?" if meant else ""))

    def flags(self, args: argparse.Namespace) -> Dict[str, str]:
        """{configuration key or parameter: its flag here}, for `messages.with_flags`.

        Where two flags set one key, it is the one that was given in `args`. A key without a flag has `ANY_KEY`, if there is an -o.
        """
        flags = {}
        if "--override" in self._option_string_actions:
            from ..config.loading import all_keys

            flags = dict.fromkeys(all_keys(), ANY_KEY)
        for action in self._actions:
            flag = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
            flags.setdefault(action.dest, flag)
            key = FLAGS[flag].key if flag in FLAGS else None
            if key and (flags.get(key, ANY_KEY) == ANY_KEY or getattr(args, action.dest, None) is not None):
                flags[key] = flag
        return flags

    def _meant(self, flag: str, value: str = "") -> Optional[str]:
        """The flag or setting that an unknown flag stands for, by what other programs call it or by its letters."""
        from ..config.loading import KNOWN_AS

        flag, equals, assigned = flag.partition("=")
        value, flags = assigned if equals else value, self._option_string_actions
        name = flag.strip("-").replace("-", "_").lower()
        key = KNOWN_AS.get(name)
        if key == "optimizer.generator_lr" and "--patience" in flags:
            key = "optimizer.classifier_lr"
        known: List[str] = [own for own, row in FLAGS.items() if row.key == key]
        here = next((own for own in (*known, *ALSO_KNOWN_AS.get(name, ())) if own in flags), None)
        if here:
            return f"{here} {'cpu' if name == 'cpu' else 'gpu'}" if here == "--device" else here
        if key and "--override" in flags:
            return f"-o {key}={'VALUE' if not value or value.startswith('-') else value}"
        near = nearest(name, [own.strip("-").replace("-", "_") for own in flags], 0.75)
        return f"--{near.replace('_', '-')}" if near else None


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where it says something."""

    def _get_help_string(self, action: argparse.Action) -> Optional[str]:
        if action.default is None or action.default is False or action.default == [] or "default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)
