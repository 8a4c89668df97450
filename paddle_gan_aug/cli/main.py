"""The command line: parsing only. Paddle is imported once the arguments are known to be good."""

import argparse
import contextlib
import difflib
import errno
import json
import os
import re
import signal
import sys
import threading

from .. import __version__
from ..errors import InputError, RunFailed
from ..files import naming, one_line, prepare_console
from . import sets as cli_sets
from . import study as cli_study
from .flags import positive, seed

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv=None):
    """Run one command and return its exit code: 0 done, 1 the work failed, 2 bad input or arguments, 130 interrupted."""
    return run_command(_parser(), argv)


def run_command(parser, argv=None):
    """Parse `argv` with `parser`, run the command that it names and return the exit code; see `main`."""
    prepare_console()
    args, unknown = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    if unknown:
        args.parser.refuse(unknown)
    interrupt = _Interrupt()
    if threading.current_thread() is threading.main_thread():  # no other may say what signals do
        signal.signal(signal.SIGTERM, interrupt)  # ends a command as Ctrl-C does; a training takes both for a wish
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
    try:
        code = args.command(args)
        with naming("standard output"):
            sys.stdout.flush()  # or a full disk would be noticed after this function
        return code
    except InputError as error:
        _complain(args, error)
        return BAD_INPUT
    except RunFailed as error:
        _complain(args, error)
        return FAILED
    except MemoryError as error:
        _complain(args, f"not enough memory ({error or 'for this data or these settings'})")
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever read our output has enough
            what = "write" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS) else "use"
            _complain(args, f"cannot {what} {error.filename or 'a file'}: {error.strerror or error}")
        _drop_output()
        return FAILED
    except (KeyboardInterrupt, ImportError) as error:
        if isinstance(error, ImportError) and not interrupt.came:
            raise
        print(f"{args.parser.prog}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _complain(args, error):
    print(f"{args.parser.prog}: {one_line(str(error))}", file=sys.stderr)


def _drop_output():
    """Let nothing that is still buffered for standard output fail a second time as the process ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Interrupt:
    """A signal's handler that remembers whether it came: what is interrupted while it is imported raises an ImportError."""

    came = False

    def __call__(self, number, frame):
        self.came = True
        raise KeyboardInterrupt


class CommandParser(argparse.ArgumentParser):
    """argparse, with its errors in one line and its own help for them; a flag is never guessed from its beginning."""

    def __init__(self, **options):
        super().__init__(**options, allow_abbrev=False)

    def error(self, message):
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            near = difflib.get_close_matches(wrong[1], re.findall(r"[\w.-]+", wrong[2]), n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")

    def refuse(self, unknown):
        """End with an error that names the arguments nobody asked for, and the flag that the first was perhaps meant to be."""
        meant = self._meant(*unknown[:2])
        self.error(f"unknown arguments: {' '.join(unknown)}" + (f"; did you mean {meant}?" if meant else ""))

    def _meant(self, flag, value=""):
        """The flag or setting that an unknown flag stands for, by what other programs call it or by its letters; None: there is none."""
        from ..config.loading import KNOWN_AS

        flag, equals, given = flag.partition("=")
        value, flags = given if equals else value, self._option_string_actions
        name = flag.strip("-").replace("-", "_").lower()
        key = KNOWN_AS.get(name)
        if key == "optimizer.generator_lr" and "--patience" in flags:
            key = "optimizer.classifier_lr"
        known = (*(own for own, row in FLAGS.items() if row[0] == key), *ALSO_KNOWN_AS.get(name, ()))
        here = next((own for own in known if own in flags), None)
        if here:
            return f"{here} {'cpu' if name == 'cpu' else 'gpu'}" if here == "--device" else here
        if key and "--override" in flags:
            return f"-o {key}={'VALUE' if not value or value.startswith('-') else value}"
        near = difflib.get_close_matches(name, [own.strip("-").replace("-", "_") for own in flags], n=1, cutoff=0.75)
        return f"--{near[0].replace('_', '-')}" if near else None


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults are shown where they say something."""

    def _get_help_string(self, action):
        if action.default in (None, False) or action.default == [] or "default:" in action.help:
            return action.help
        return super()._get_help_string(action)


def _parser():
    parser = CommandParser(prog="paddle_gan_aug", description="From a few labelled images to a better classifier, with the proof.")
    parser.add_argument("--version", action="version", version=f"paddle_gan_aug {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", parser_class=CommandParser)
    for name, (build, run, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, formatter_class=_Help)
        command.add_argument("--json", action="store_true", help="print the result as one JSON object on standard output")
        build(command)
        command.set_defaults(command=run, parser=command)
    return parser


def _say(args, result, text):
    """The result of a command: JSON for machines, or a line for people."""
    with naming("standard output"):
        print(json.dumps(result, ensure_ascii=False) if args.json else text)


# ---- train, classify ---------------------------------------------------------------------------------------------------

FLAGS = {  # flag -> (configuration key, help)
    "--data": ("data.source", "what to learn: mnist, a folder of class folders or of IDX files, a list file, an .npz, a mnist.json.gz"),
    "--image-size": ("data.image_size", "resize the images' shorter side to so many pixels and crop the longer one"),
    "--channels": ("data.channels", "1 makes all images grey, 3 colour"),
    "--policy": ("data.policy", "which classical changes leave the labels right: digits, objects, mirrored, or auto"),
    "--skip-bad": ("data.skip_bad", "leave out files that cannot be used, which are listed, instead of refusing the data"),
    "--allow-overlap": ("data.allow_overlap", "go on where test images are training images, instead of refusing them"),
    "--split": ("data.split", "standard keeps the last sixth of the training images for validation, full trains on it too"),
    "--generator": ("generator.variant", "upsample or transpose"),
    "--epochs": ("train.epochs", "passes over the data, in total"),
    "--steps": ("train.steps", "training steps, in total"),
    "--batch-size": ("train.batch_size", "real images per step"),
    "--seed": ("train.seed", "root of all randomness"),
    "--device": ("runtime.device", "auto, cpu or gpu"),
    "--threads": ("runtime.threads", "CPU threads, 0 = one per physical core"),
    "--eval-every": ("eval.every_steps", "measure samples against validation images every so many steps, and keep the best checkpoint"),
    "--generated": ("generated.source", "learn from generated images too: a set on disk, or a GAN's run that makes them"),
    "--generated-share": ("generated.share", "the share of every batch that is generated, above 0 and at most 1"),
    "--regenerate-every": ("generated.every_steps", "make the images of a GAN's run anew every so many steps"),
    "--patience": ("classifier.patience", "end after so many validations (--eval-every) without a better one, and test the best"),
    "--recover": ("health.recover", "on or off: what to do when the samples have collapsed"),
    "--cpu-tuning": ("runtime.cpu_tuning", "on or off: MKL code path, threads and allocator as fits this CPU"),
}

SWITCHES = ("--skip-bad", "--allow-overlap")  # flags without a value
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


def training_flags(command, flags, run=True):
    """Add flags of `FLAGS`, -c, -o and where runs go; with `run`, the name of the run."""
    given = command.add_argument_group("what to train")
    source = given.add_mutually_exclusive_group()
    source.add_argument("-c", "--config", metavar="FILE_OR_PRESET", default=argparse.SUPPRESS, help="a YAML file or a shipped preset")
    source.add_argument("--gan", metavar="NAME", default=argparse.SUPPRESS, help="a shipped preset (the readable spelling of -c)")
    for flag in flags:
        kind = {"action": "store_const", "const": "true"} if flag in SWITCHES else {"metavar": "…"}
        given.add_argument(flag, **kind, default=argparse.SUPPRESS, help=f"{FLAGS[flag][1]} ({FLAGS[flag][0]})")
    given.add_argument(
        "-o",
        "--override",
        nargs="+",
        action="extend",
        metavar="KEY=VALUE",
        default=[],
        help="any configuration key, such as generator.width=0.5",
    )
    place = command.add_argument_group("where")
    if run:
        place.add_argument("--run", metavar="NAME", help="the run's name; without it preset-data-date-time")
    what = "go on with --run, or with the newest unfinished run" if run else "go on where the same command was interrupted"
    place.add_argument("--resume", action="store_true", help=what)
    if run:
        changed = "with --resume: go on although the images have changed since, in the same classes"
        place.add_argument("--allow-changed-data", action="store_true", help=changed)
    place.add_argument("--output", metavar="DIR", help="the folder of runs (output)")
    place.add_argument("--log", metavar="DIR", help="the folder of VisualDL records (log)")


def _train_flags(command):
    training_flags(command, [flag for flag in FLAGS if flag not in CLASSIFIERS_ONLY])
    digit = command.add_mutually_exclusive_group()
    digit.add_argument("--digit", metavar="D", default=argparse.SUPPRESS, help="learn this digit alone (data.class_name)")
    digit.add_argument("--class", dest="class_name", metavar="NAME", default=argparse.SUPPRESS, help="learn this class alone")
    command.add_argument("--per-class-runs", action="store_true", help="train one run for each class, side by side in the folder --run")
    command.add_argument("--list-presets", action="store_true", help="print the presets, a line each, and end")


def overrides_of(args):
    """{configuration key: value} of all flags that were given."""
    from ..config.loading import parse_overrides, text_keys

    overrides, given = {}, {}
    for flag, (key, _) in FLAGS.items():
        text = getattr(args, flag[2:].replace("-", "_"), None)
        if text is not None:
            overrides[key], given[key] = text if key in text_keys() else parse_overrides([f"{key}={text}"])[key], (flag, text)
    for name, flag in (("digit", "--digit"), ("class_name", "--class")):
        if hasattr(args, name):
            overrides["data.class_name"], given["data.class_name"] = str(getattr(args, name)), (flag, getattr(args, name))
    set_by_key = parse_overrides(args.override)
    for key, (flag, text) in given.items():
        if key in set_by_key and set_by_key[key] != overrides[key]:
            raise InputError(f"{flag} {text} and -o {key}={set_by_key[key]} are one setting with two values: leave one of them out")
    return {**overrides, **set_by_key}


def _run_options(args):
    options = {"run": args.run, "resume": args.resume, "output": args.output, "log": args.log, "overrides": overrides_of(args)}
    options["allow_changed_data"] = args.allow_changed_data
    return {"config": getattr(args, "config", getattr(args, "gan", None)), **options}


def check_config(options, default):
    """Read the configuration before Paddle is imported, so that a mistake costs no wait; an error names the flag beside the key."""
    from ..config.loading import load_config

    try:
        load_config(options["config"] or default, options["overrides"])
    except InputError as error:
        message = str(error)
        for flag, (key, _) in FLAGS.items():
            message = message.replace(f": {key}: ", f": {flag} ({key}): ")
        raise InputError(message) from None
    return options


def _train(args):
    if args.list_presets:
        from ..config.loading import presets

        known = presets()
        width = max(map(len, known))
        _say(args, known, "\n".join(f"{name:{width}}  {text}" for name, text in known.items()))
        return DONE
    options = check_config(_run_options(args), "classic")
    if args.per_class_runs:
        return _train_per_class(args, options)
    from ..runs.run import train

    run = train(**options)
    result = {"run": str(run.folder), "step": run.step, "interrupted": run.interrupted}
    samples = f"; samples in {run.folder / 'samples'}" if any((run.folder / "samples").glob("*.png")) else ""
    _say(args, {**result, "best": run.best}, f"{_ending(run)}{_best(run.best)}{samples}")
    return INTERRUPTED if run.interrupted else DONE


def _best(best):
    if best is None:
        return ""
    return f"; best of its measures on validation images: {best['metric']} {best['value']:.4g} at step {best['step']}"


def _train_per_class(args, options):
    from ..runs.per_class import train_per_class

    folder, runs = train_per_class(**options)
    interrupted = runs[-1].interrupted
    result = {"runs": [str(run.folder) for run in runs], "interrupted": interrupted}
    after = f"; go on with: --per-class-runs --run {folder.name} --resume" if interrupted else f"; generate {folder} --per-class N"
    _say(args, result, f"{len(runs)} runs in {folder}{after}")
    return INTERRUPTED if interrupted else DONE


def _ending(run):
    if run.interrupted:
        return f"interrupted ({run.interrupted}) at step {run.step}, checkpoint saved; go on with: --run {run.folder.name} --resume"
    return f"run {run.folder} is at step {run.step}"


CLASSIFY_FLAGS = [flag for flag in FLAGS if flag not in ("--generator", "--recover")]
CLASSIFIERS_ONLY = ("--policy", "--generated", "--generated-share", "--regenerate-every", "--patience", "--allow-overlap")


def _classify_flags(command):
    training_flags(command, CLASSIFY_FLAGS)
    command.add_argument("--test", metavar="NAME_OR_PATH", help="the labelled test set; without it the test part of --data")


def _classify(args):
    options = check_config(_run_options(args), "classifier")
    from ..classification.generated import classify

    run, report = classify(test=args.test, **options)
    if run.interrupted:
        _say(args, {"run": str(run.folder), "step": run.step, "interrupted": run.interrupted}, _ending(run))
        return INTERRUPTED
    accuracy = f"accuracy {100 * report['accuracy']:.2f} % on {report['test']['count']} test images"
    best = ", the best by validation accuracy" if run.config.classifier.patience else ""
    text = f"{_ending(run)}{best}; {accuracy}; {run.folder / 'report' / 'confusion.png'}"
    _say(args, {**report, "run": str(run.folder)}, text)
    return DONE


# ---- evaluate ----------------------------------------------------------------------------------------------------------


def _evaluate_flags(command):
    command.add_argument("run_or_images", metavar="RUN_OR_IMAGES", help="a trained run, a folder of images, or an .npz file")
    command.add_argument("--data", metavar="NAME_OR_PATH", help="the real images; without it what the run learnt, or mnist")
    command.add_argument("--image-size", type=positive, metavar="N", help="resize and crop images to so many pixels; of a run, as it did")
    command.add_argument("--channels", type=int, choices=[1, 3], help="1 makes all images grey, 3 colour")
    command.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be used, which are listed")
    command.add_argument("--allow-overlap", action="store_true", help="go on where test images are training images of the data")
    command.add_argument("--part", choices=["test", "valid"], default="test", help="test images, or validation images for any choice")
    command.add_argument("--count", type=positive, metavar="N", help="how many images; without it 10,000 of a run, all of a folder")
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="of the latents and of all random choices")
    command.add_argument("--checkpoint", default="last", metavar="last|best|N", help="of the run: the last, the best, or a step")
    command.add_argument("--to", metavar="DIR", help="where the page of pictures goes; without it the run's report folder")
    command.add_argument("--cas", action="store_true", help="the classifier accuracy score too: labelled images, some minutes")
    command.add_argument("--tsne", action="store_true", help="a t-SNE plot too: about a minute")
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"], help="where to compute")
    command.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads, 0 = one per physical core")


def _evaluate(args):
    from ..runs.evaluate import evaluate, table

    result, page = evaluate(
        args.run_or_images,
        args.data,
        args.part,
        args.count,
        args.seed,
        args.checkpoint,
        args.to,
        classifier_accuracy_score=args.cas,
        tsne=args.tsne,
        device=args.device,
        threads=args.threads,
        image_size=args.image_size,
        channels=args.channels,
        skip_bad=args.skip_bad,
        allow_overlap=args.allow_overlap,
    )
    shown = f"\n{page}" if page else ""
    _say(args, {**result, "page": page and str(page)}, table(result) + shown)
    return DONE


# ---- dashboard ---------------------------------------------------------------------------------------------------------


def _dashboard_flags(command):
    command.add_argument("log", nargs="?", metavar="LOG", help="the folder of VisualDL records (log)")
    command.add_argument("--port", type=int, default=8040, help="where to listen on 127.0.0.1; 0 = any free port")
    command.add_argument("--language", choices=["en", "zh"], default="en", help="of the page")


def _dashboard(args):
    from ..files import find_path, project_root
    from ..records.dashboard import serve

    serve(find_path(args.log) if args.log else project_root() / "log", args.port, args.language, as_json=args.json)
    return DONE


# ---- augment -----------------------------------------------------------------------------------------------------------


def _augment_flags(command):
    training_flags(command, cli_sets.AUGMENT_FLAGS, run=False)
    cli_sets.augment_flags(command)


def _augment(args):
    from ..config.loading import GAN_OF_ALL_CLASSES, GAN_OF_ONE_CLASS

    options = {"config": getattr(args, "config", getattr(args, "gan", None)), "overrides": overrides_of(args)}
    return cli_sets.augment(args, check_config(options, GAN_OF_ONE_CLASS if args.per_class_runs else GAN_OF_ALL_CLASSES))


# ---- the table ---------------------------------------------------------------------------------------------------------


def _of(work):
    def command(args):
        try:
            _say(args, *work(args))
        except KeyboardInterrupt:
            if getattr(args, "resume", None) is None:
                raise
            print(f"{args.parser.prog}: interrupted; go on with the same command and --resume", file=sys.stderr)
            return INTERRUPTED
        return DONE

    return command


def _study(args):
    result = cli_study.run(args)
    _say(args, result.value, result.text)
    return result.code


COMMANDS = {  # name -> (flags, what to do, one line)
    "train": (_train_flags, _train, "Train a GAN (or any other algorithm) as a run in output/, with records for VisualDL in log/."),
    "generate": (cli_sets.generate_flags, _of(cli_sets.generate), "Write images from trained runs: PNG files, npz, IDX or mnist.json.gz."),
    "augment": (_augment_flags, _of(_augment), "From a labelled data set to one with generated images beside the real."),
    "predict": (cli_sets.predict_flags, _of(cli_sets.predict), "Read images with a trained classifier."),
    "classify": (_classify_flags, _classify, "Train a classifier on labelled images and test it, with its confusion matrix."),
    "evaluate": (_evaluate_flags, _evaluate, "Measure generated images against real ones, with a page of pictures."),
    "study": (cli_study.add_flags, _study, cli_study.HELP),
    "dashboard": (_dashboard_flags, _dashboard, "Serve the VisualDL page of the records at 127.0.0.1."),
}
