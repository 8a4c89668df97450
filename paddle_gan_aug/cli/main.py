"""The table of commands, and what all of them share: parsing, printing, exit codes and signals."""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import importlib
import os
import signal
import sys
import threading
from typing import Any, List, NamedTuple, Optional

from .. import __version__, runtime
from ..console import naming_settings, one_line, prepare_console
from ..errors import InputError, Interrupted, RunFailed
from ..files import for_want_of_room
from ..machine import asked_for
from .messages import started_as, with_flags
from .parser import CommandParser, HelpFormatter
from .result import BAD_INPUT, FAILED, INTERRUPTED, show


class Command(NamedTuple):
    """A command: its name, its module in this room (with `add_flags(parser)` and `run(args) -> Result`), and its help."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("train", "train", "Train a GAN (or any other algorithm) as a run in output/, with VisualDL records in log/."),
    Command("generate", "generate", "Write images from trained runs as PNG files, npz, IDX or mnist.json.gz."),
    Command("augment", "augment", "Write a labelled data set with generated images beside its real ones."),
    Command("classify", "classify", "Train a classifier on labelled images and test it, with its confusion matrix."),
    Command("predict", "predict", "Classify images with a trained classifier."),
    Command("evaluate", "evaluate", "Measure generated images against real ones, with a page of pictures."),
    Command("study", "study", "Compare ways to train a classifier, with and without generated images, and train the best one."),
    Command("export", "export", "Write the networks of a run for Paddle Inference or ONNX Runtime."),
    Command("dashboard", "dashboard", "Show the training curves in a browser with VisualDL."),
    Command("cache", "cache", "Show or delete the cache of decoded pictures and feature networks."),
)

SHARED = ("train", "generate", "evaluate")  # the commands whose work several processes share


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command and return its exit code: 0 done, 1 the work failed, 2 bad input or arguments, 130 interrupted."""
    if argv is None:
        started_as(sys.argv[0])
    return run_command(_parser(), argv)


def _parser() -> CommandParser:
    parser = CommandParser(prog="paddle_gan_aug", description="From a few labelled images to a better classifier, with the proof.")
    parser.add_argument("--version", action="version", version=f"paddle_gan_aug {__version__}", help="Show the version and exit.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", parser_class=CommandParser)
    for row in COMMANDS:
        module = importlib.import_module(f"{__package__}.{row.module}")
        command = commands.add_parser(row.name, help=row.help, description=row.help, formatter_class=HelpFormatter)
        command.add_argument("--json", action="store_true", help="Print the result as one JSON object.")
        module.add_flags(command)
        command.set_defaults(command=module.run, parser=command)
    return parser


def run_command(parser: CommandParser, argv: Optional[List[str]] = None) -> int:
    """Parse `argv` with `parser`, run the command that it names, print its result and return the exit code; see `main`.

    The parser sets `command` (arguments -> `Result`) and `parser` (the parser of that command) as defaults, and has a flag --json.
    """
    prepare_console()
    args, unknown = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    if unknown:
        args.parser.refuse(unknown)
    interrupt = _handle_signals()
    try:
        _check_processes(args)
        with naming_settings(functools.partial(_with_its_flags, args)):
            result = args.command(args)
        if runtime.launched_first():
            show(result, args.json)
        if result.then is not None:
            result.then()
        return result.code
    except (InputError, RunFailed) as error:
        _complain(args, _with_its_flags(args, str(error)))
        return BAD_INPUT if isinstance(error, InputError) else FAILED
    except MemoryError as error:
        _complain(args, f"not enough memory ({asked_for(error) or 'for this data or these settings'})")
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever read our output has enough
            what = "write" if for_want_of_room(error) else "use"
            _complain(args, f"cannot {what} {error.filename or 'a file'}: {error.strerror or error}")
        _drop_output()
        return BAD_INPUT if error.errno == errno.ENAMETOOLONG else FAILED
    except (KeyboardInterrupt, ImportError) as error:
        if isinstance(error, ImportError) and not interrupt.came:
            raise
        said = str(error) if isinstance(error, Interrupted) else ""
        _complain(args, said or "interrupted" + getattr(args, "after_interrupt", ""))
        return INTERRUPTED


def _with_its_flags(args: argparse.Namespace, message: str) -> str:
    return with_flags(message, args.parser.flags(args))


def _check_processes(args: argparse.Namespace) -> None:
    """Refuse several processes for a command that they would all carry out alike, over each other's files."""
    name, dry_run = getattr(args, "name", "this command"), getattr(args, "dry_run", False)
    if runtime.launched() > 1 and (name not in SHARED or dry_run):
        name += " --dry-run" * dry_run
        raise InputError(
            f"{runtime.launched()} processes were started, and {name} runs in one: start it without paddle.distributed.launch; "
            f"several share the work of {', '.join(SHARED)}"
        )


class _Interrupt:
    """A signal's handler that remembers whether it came: an import that is interrupted raises an ImportError."""

    came = False

    def __call__(self, number: int, frame: Any) -> None:
        self.came = True
        raise KeyboardInterrupt


def _handle_signals() -> _Interrupt:
    """Let SIGTERM end a command as Ctrl-C does. A training takes both as the wish to stop."""
    interrupt = _Interrupt()
    if threading.current_thread() is threading.main_thread():  # no other may say what signals do
        signal.signal(signal.SIGTERM, interrupt)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
    return interrupt


def _complain(args: argparse.Namespace, message: str) -> None:
    print(f"{args.parser.prog}: {one_line(message)}", file=sys.stderr)


def _drop_output() -> None:
    """Let nothing that is still buffered for standard output fail a second time as the process ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
