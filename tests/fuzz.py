"""Mutated files for every reader: each must be read, or refused by an `InputError` of one line; nothing else may happen.

    python -m tests.fuzz --minutes 60              # all forms in turn, until the time is over
    python -m tests.fuzz --form npz --count 500    # so many mutants of one form
    python -m tests.fuzz --form npz --seed 0 --first 17 --count 1 --keep DIR    # one mutant again, left on the disk

A mutant is made from small valid files by (seed, its number) alone. It is read in a child process: 20 s of its CPU, and 1.5 GB more than
it had before, are what a mutant may take. A damaged run may also end in `RunFailed`, as the commands that open it do.
"""

import argparse
import gzip
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

import numpy as np

from tests.fuzz_forms import FORMS, Wrong

ROOT = Path(__file__).resolve().parent.parent
SECONDS, MEMORY = 20, 3 << 29  # that a mutant may take: of CPU, since the machine may be busy, and bytes


# ---- mutation ------------------------------------------------------------------------------------------------------------

WORDS = (
    *b"1e999 -1 NaN null 1000000000000 {} [] 0.5 true True ~ % ' 0x 1:99 2024-99-99 \xff\xfe \\u0000".split(),
    b"../../etc/passwd", b"!!python/name:os.system", b"&a [*a, *a]", b"'|O'", b"'<f8'", b"'<U9999999'", b"(1000000000000, 9)",
    b"[" * 5000, b"{" * 500, b"9" * 5000, b'""', b"\n", b"\t", b"\0", b"- ", b": ", b"? ",
)  # fmt: skip
VALUES = (
    None, True, 0, -1, 1, 3, 0.5, -1.5, 1e308, 10**12, 2**70, "", "x", "1", "\0", "\ud800", "../x",
    [], [[]], [0, 0, 0], [10**9] * 3, {}, {"x": 1},
)  # fmt: skip
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 10**12, 2**63 - 1, 2**64 - 1)


def mutate(content, rng):
    """Bytes changed one to four times: a bit, a number at a limit, a cut, a piece doubled, lost, random or of another place, a word."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(content) + 1))
        if rng.random() < 0.4:
            at = int(rng.integers(0, min(len(content), 200) + 1))  # headers are worth more
        size = int(rng.integers(1, 1 + max(1, len(content) // 4)))
        kind = rng.integers(0, 8)
        if kind == 0 and content:
            content[at % len(content)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            width = int(rng.choice([1, 2, 4, 8]))
            number = NUMBERS[rng.integers(0, len(NUMBERS))] % (1 << 8 * width)
            content[at : at + width] = number.to_bytes(width, "little" if rng.random() < 0.5 else "big")
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            content[at:at] = content[at : at + size]
        elif kind == 4:
            del content[at : at + size]
        elif kind == 5:
            content[at : at + size] = rng.bytes(size)
        elif kind == 6:
            other = int(rng.integers(0, len(content) + 1))
            content[at : at + size] = content[other : other + size]
        else:
            content[at:at] = _word(content, at, rng)
    return bytes(content)


def _word(content, at, rng):
    """A word to insert; half of the time the number or text that stands there is taken out for it."""
    found = re.compile(rb"[\w.+-]+").search(content, at)
    if found and rng.random() < 0.5:
        del content[found.start() : found.end()]
    return WORDS[rng.integers(0, len(WORDS))]


def mutated_file(path, rng):
    """Mutate a file, half of the time inside what packs it, so that the reader gets past the checksums."""
    content = path.read_bytes()
    inside = rng.random() < 0.6
    try:
        if inside and path.suffix in (".json", ".jsonl") and len(content) < 100_000:
            path.write_bytes(_mutated_json(content, rng))
            return
        if inside and path.suffix == ".safetensors":
            path.write_bytes(_mutated_safetensors(content, rng))
            return
        if inside and content[:2] == b"\x1f\x8b":
            path.write_bytes(gzip.compress(mutate(gzip.decompress(content), rng), 1))
            return
        if inside and content[:2] == b"PK":
            path.write_bytes(_mutated_zip(content, rng))
            return
    except Exception:  # noqa: BLE001 - it is damaged already
        pass
    path.write_bytes(mutate(content, rng))


def _mutated_json(content, rng):
    """A line of JSON in which one value is another, or gone."""
    lines = content.decode().splitlines() if b"\n{" in content else [content.decode()]
    at = int(rng.integers(0, len(lines)))
    tree = json.loads(lines[at])
    places = [(None, None)]

    def walk(value):
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            places.append((value, key))
            walk(value[key])

    walk(tree)
    holder, key = places[rng.integers(0, len(places))]
    value = VALUES[rng.integers(0, len(VALUES))]
    if holder is None:
        tree = value
    elif rng.random() < 0.2:
        del holder[key]
    else:
        holder[key] = value
    lines[at] = json.dumps(tree)
    return "\n".join(lines).encode()


def _mutated_safetensors(content, rng):
    """A file of tensors whose header, a length and JSON, is mutated and has its right length again."""
    size = int.from_bytes(content[:8], "little")
    head = (_mutated_json if rng.random() < 0.5 else mutate)(content[8 : 8 + size], rng)
    return len(head).to_bytes(8, "little") + head + content[8 + size :]


def _mutated_zip(content, rng):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        members = old.infolist()
        chosen = int(rng.integers(0, len(members)))
        for i, info in enumerate(members):
            new.writestr(info.filename, mutate(old.read(info), rng) if i == chosen else old.read(info), info.compress_type)
    return buffer.getvalue()


def mutant(valid, to, rng):
    """A copy of a folder of valid files with one or two of them mutated, swapped or gone."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(valid, to)
    files = sorted(file for file in to.rglob("*") if file.is_file())
    for _ in range(rng.integers(1, 3)):
        file, kind = files[rng.integers(0, len(files))], rng.random()
        if not file.is_file():
            continue
        if kind < 0.9:
            mutated_file(file, rng)
        elif kind < 0.95:
            shutil.copyfile(files[0] if files[0].is_file() else file, to / "swapped")
            os.replace(to / "swapped", file)
        else:
            file.unlink()
    if rng.random() < 0.8:
        for sums in to.rglob("checksums.json"):  # as if it had been written so
            _write_checksums(sums)


def _write_checksums(path):
    from paddle_gan_aug.files import sha256

    files = [file for file in path.parent.iterdir() if file.is_file() and file.name != path.name]
    path.write_text(json.dumps({file.name: sha256(file) for file in files}))


# ---- running -------------------------------------------------------------------------------------------------------------


class TooLong(BaseException):
    """A mutant took more than its time."""


def _alarm(*_):
    raise TooLong


def work(form, seed, first, count, folder):
    """Read mutants in this process and print a JSON line for each fault, and the number of each mutant before it is read."""
    make, read = FORMS[form]
    project = folder / "project"
    (project / "work" / "mnist").mkdir(parents=True, exist_ok=True)  # a project of its own, whose cache is here
    os.chdir(project)
    valid = folder / "valid"
    if not valid.exists():
        valid.mkdir()
        (folder / "path").write_text(str(make(valid).relative_to(valid)))
    path = Path((folder / "path").read_text())
    if not read(valid / path):  # imports and caches, too, before memory is counted
        raise Wrong(f"the valid files of {form} are refused")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _alarm)
    errors = sys.stderr
    for number in range(first, first + count):
        print(json.dumps({"number": number}), flush=True)
        mutant(valid, folder / "mutant", np.random.default_rng([seed, number]))
        shutil.rmtree(project / "output", ignore_errors=True)
        sys.stderr = io.StringIO()  # what readers say of files that they leave out
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            print(json.dumps({"number": number, "read": read(folder / "mutant" / path)}), flush=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - all of it is a finding
            frames = reversed(traceback.extract_tb(error.__traceback__)[-4:])
            where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
            told = f"{type(error).__name__}: {str(error)[:300]} at {where}"
            print(json.dumps({"number": number, "fault": told}), flush=True)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            sys.stderr = errors


def check(form, seed, first, count, folder, deadline=None):
    """Read mutants in child processes, a new one after each that dies; returns (mutants tried, of them read, {number: fault})."""
    faults, valid, number, end = {}, 0, first - 1, first + count
    while number + 1 < end and (deadline is None or time.monotonic() < deadline):
        begin = number + 1
        command = [sys.executable, __file__, "--work", str(folder), "--form", form, "--seed", str(seed)]
        command += ["--first", str(begin), "--count", str(end - begin)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        watch = _Watch(child)
        for line in child.stdout:
            if not line.startswith("{"):
                continue
            found = json.loads(line)
            number = found["number"]
            watch.seen()
            if "fault" in found:
                faults[number] = found["fault"]
            valid += bool(found.get("read"))
            if deadline is not None and time.monotonic() > deadline:
                child.terminate()
                return number - first + 1, valid, faults
        child.stdout.close()
        last_words = child.stderr.read()[-1000:]
        child.stderr.close()
        if child.wait():
            if number < begin:
                raise RuntimeError(f"no mutant of {form} could be read: {last_words}")
            faults[number] = f"the process died with {child.returncode}: {last_words}"
        watch.stop()
    return number - first + 1, valid, faults


class _Watch:
    """Kills a child that has gone silent, as one does that hangs where no signal reaches it."""

    def __init__(self, child):
        import threading

        self._child, self._last, self._over = child, time.monotonic(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def seen(self):
        self._last = time.monotonic()

    def stop(self):
        self._over.set()

    def _look(self):
        while not self._over.wait(5) and self._child.poll() is None:
            if time.monotonic() - self._last > 10 * SECONDS:
                self._child.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, help="one form of files alone")
    parser.add_argument("--minutes", type=float, help="go on for so long, 300 mutants of each form in turn")
    parser.add_argument("--count", type=int, default=300, help="mutants of each form")
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutant")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="DIR", help="work in this folder and leave it")
    parser.add_argument("--work", metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.form, args.seed, args.first, args.count, Path(args.work))
        return 0
    deadline = args.minutes and time.monotonic() + 60 * args.minutes
    base = Path(args.keep).resolve() if args.keep else Path(tempfile.mkdtemp(prefix="fuzz-"))
    tried, read, faults, first = {}, 0, 0, args.first
    try:
        while True:
            for form in [args.form] if args.form else FORMS:
                (base / form).mkdir(parents=True, exist_ok=True)
                count, valid, found = check(form, args.seed, first, args.count, base / form, deadline)
                tried[form] = tried.get(form, 0) + count
                read += valid
                faults += len(found)
                for number, fault in found.items():
                    print(f"{form}, seed {args.seed}, mutant {number}: {fault}", flush=True)
                if deadline and time.monotonic() > deadline:
                    break
            first += args.count
            if not deadline or time.monotonic() > deadline:
                break
    finally:
        if not args.keep:
            shutil.rmtree(base, ignore_errors=True)
    by_form = ", ".join(f"{form} {count:,}" for form, count in tried.items())
    print(f"{sum(tried.values()):,} mutants, {read:,} of them read, {faults} faults: {by_form}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
