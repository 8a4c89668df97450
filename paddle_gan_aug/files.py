"""Files: written whole or not at all, checked by their hash, and found from wherever the user stands."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import site
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterable, Iterator, Optional, Union

from .errors import InputError, nearest

MOST_NAMES = 2000  # of a folder, among which a misspelt one is looked for
LOCK, HOLDER = ".lock", ".lock.pid"  # the file that is locked, and one that names the process which holds it
LOCK_FILES = (LOCK, HOLDER)  # a killed process leaves them behind; they lock nothing then
PACKAGE_PARENT = Path(__file__).resolve().parent.parent
IN_WHEEL = ("share", "paddle_gan_aug", "mnist")  # where a wheel puts MNIST, see pyproject.toml
CACHE_VARIABLE = "PADDLE_GAN_AUG_CACHE"
NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[ .]$|^(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\.|$)', re.IGNORECASE)


@contextlib.contextmanager
def atomic_write(path: Union[str, Path], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file that takes the name `path` only once it is complete and on the disk.

    The folder must exist. When the block raises, the old file (if any) stays as it was and the temporary file is removed. In
    text, bytes of file names that are not UTF-8 are written as in `printable`; JSON and YAML read them back as the same name.
    No maintained library does this with the file and its folder put on the disk.
    """
    path = Path(path)
    with naming(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        options = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
        with naming(path), os.fdopen(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def remove_temporaries(folder: Union[str, Path], names: Iterable[str]) -> None:
    """Remove the temporary files of `names` that `atomic_write` left in a folder when its process was killed."""
    ours = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[a-z0-9_]{{8}}")  # as tempfile names them
    for path in Path(folder).iterdir():
        if ours.fullmatch(path.name) and path.is_file():
            path.unlink()


def printable(text: str, encoding: str = "utf-8") -> str:
    """`text` with escapes for what `encoding` cannot hold, such as \\udcc3 for a byte of a file name that is not UTF-8."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def is_portable(name: str) -> bool:
    """Whether every system takes `name` as that of a file or a folder: Windows refuses some signs, ends and words such as "nul"."""
    return name != "" and not NOT_ON_WINDOWS.search(name)


def distinct_names(names: Iterable[str], as_file_name: Callable[[str], str]) -> Dict[str, str]:
    """{name: part of a file name}, no two alike on any disk: of "a b" and "a/b", which are both "a-b", the second is "a-b-2".

    Args:
        as_file_name: What turns a name into one that a file can have.
    """
    found: Dict[str, str] = {}
    for name in names:
        own = as_file_name(name)
        choices = itertools.chain([own], (f"{own}-{number}" for number in itertools.count(2)))
        taken = {other.casefold() for other in found.values()}  # some disks do not tell cases apart
        found[name] = next(choice for choice in choices if choice.casefold() not in taken)
    return found


def ignores_case(folder: Union[str, Path]) -> bool:
    """Whether "a" and "A" are one file in a folder, which need not exist but could be made; nothing is left in it."""
    there = next(above for above in (Path(folder), *Path(folder).absolute().parents) if above.is_dir())
    with tempfile.NamedTemporaryFile(prefix=".Case-", dir=there) as file:
        return (there / Path(file.name).name.swapcase()).exists()


@contextlib.contextmanager
def naming(path: Union[str, Path]) -> Iterator[None]:
    """Name `path` in an OSError from within that names no file: the system names none when a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None and error.errno != errno.EPIPE:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Union[str, Path]) -> None:
    """Put a folder's entries on the disk (a rename is only durable after this). Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def lock_folder(folder: Union[str, Path]) -> Iterator[None]:
    """Hold an existing folder for this process alone. The lock ends with the process, however it ends.

    The lock is filelock's, which knows Windows and network file systems too. It may empty the locked file, and on Windows
    nobody else can read that file: hence the holder's number is in a file beside it.

    Raises:
        InputError: another process holds it.
    """
    from filelock import FileLock, Timeout

    lock, holder, process = FileLock(Path(folder) / LOCK, timeout=0), Path(folder) / HOLDER, os.getpid()
    try:
        lock.acquire()
    except Timeout:
        number = "unknown"
        with contextlib.suppress(OSError):
            number = holder.read_text(encoding="utf-8").strip() or number
        raise InputError(f"{folder} is in use by another process (number {number}): wait for it, or stop it") from None
    try:
        with naming(holder):
            holder.write_text(str(process), encoding="utf-8")
        yield
    finally:
        if os.getpid() == process:  # and not in a process that was forked within
            with contextlib.suppress(OSError):
                holder.unlink()
            lock.release()


def refuse_if_locked(folder: Union[str, Path]) -> None:
    """Check that no other process holds a folder, which need not exist; nothing is left in it.

    Raises:
        InputError: another process holds it.
    """
    if (Path(folder) / LOCK).exists():
        with lock_folder(folder):
            pass


def write_json(path: Union[str, Path], value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path, "w") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read_json(path: Union[str, Path]) -> Any:
    """What a JSON file in UTF-8 holds.

    Raises:
        OSError: It cannot be read. ValueError: It is no JSON, no UTF-8, or nested too deep to be read.
        InputError: It is no regular file.
    """
    try:
        return json.loads(regular(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def regular(path: Union[str, Path]) -> Path:
    """`path`, to be opened for reading: what comes from outside may be a device or a pipe, or a link to one, which may have no end.

    Raises:
        InputError: It is there, and neither a file nor a link to one.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return path  # opening it says what is wrong
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path} is no file but a device or a pipe: put a copy of the file there")
    return path


def sha256(path: Union[str, Path]) -> str:
    """The SHA-256 of a file's bytes as 64 hexadecimal digits (hashlib reads files itself from Python 3.11 on).

    Raises:
        InputError: It is no regular file.
    """
    digest = hashlib.sha256()
    with open(regular(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def folder_size(folder: Union[str, Path]) -> int:
    """The bytes of all files in a folder and below it."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def project_root() -> Path:
    """The folder that holds `work/mnist`: the current one, the nearest parent, or the one beside the package.

    Where there is no such folder (the package was installed without its data), it is the current folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, PACKAGE_PARENT):
        if (folder / "work" / "mnist").is_dir():
            return folder
    return here


_chosen_cache: Optional[str] = None


def use_cache(folder: Optional[str]) -> None:
    """Let `cache_folder` be this folder in this process (`runtime.cache`); None leaves it as it is."""
    global _chosen_cache
    _chosen_cache = folder or _chosen_cache


def cache_folder() -> Path:
    """The folder of what can be made again: that of the variable PADDLE_GAN_AUG_CACHE, else of `use_cache`, else `output/.cache`."""
    chosen = os.environ.get(CACHE_VARIABLE) or _chosen_cache
    return expanded(chosen).absolute() if chosen else project_root() / "output" / ".cache"


def mnist_folder() -> Path:
    """The folder of the MNIST that ships: `work/mnist` in the project, else where the package was installed with it."""
    in_project = project_root() / "work" / "mnist"
    installed = (Path(base, *IN_WHEEL) for base in (sys.prefix, site.getuserbase(), PACKAGE_PARENT))
    return next((folder for folder in (in_project, *installed) if folder.is_dir()), in_project)


def expanded(path: Union[str, Path]) -> Path:
    """`path` with the home folder for ~ at its beginning; ~name stays as it is where no user has that name (pathlib raises an error)."""
    return Path(os.path.expanduser(path))


def find_path(path: Union[str, Path]) -> Path:
    """`path` as the user means it: from the current folder if it exists there, else from the project root."""
    path = expanded(path)
    if path.exists() or path.is_absolute():
        return path
    from_root = project_root() / path
    return from_root if from_root.exists() else path


def below(folder: Path, file: Path) -> str:
    """Return the path of a file below a folder, if it lies there by its name; else its whole path."""
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def did_you_mean_path(path: Union[str, Path], also: Iterable[str] = (), otherwise: str = "", before: str = "") -> str:
    """What a message says of a path at which nothing is: see `errors.did_you_mean`.

    Args:
        path: as the user gave it. One part of it may be misspelt. also: names that may be meant beside paths.
        otherwise, before: as for `did_you_mean`.
    """
    path = expanded(path)
    there = (_meant(path, base) for base in ([Path()] if path.is_absolute() else dict.fromkeys((Path.cwd(), project_root()))))
    meant = nearest(str(path), also) or next(filter(None, there), None)
    return f"{before}did you mean {meant}?" if meant else otherwise


def _meant(path: Path, base: Path) -> Optional[str]:
    """The path below `base` that is there and differs from `path` in one part that is like its own."""
    for position, name in enumerate(path.parts):
        above = path.parts[:position]
        if not (base / Path(*above) / name).exists():
            with contextlib.suppress(OSError):
                names = [entry.name for entry in itertools.islice(os.scandir(base / Path(*above)), MOST_NAMES)]
                near = nearest(name, (other for other in sorted(names) if not other.startswith(".")))
                meant = near and Path(*above, near, *path.parts[position + 1 :])
                return str(meant) if meant and (base / meant).exists() else None
    return None


def check_makeable(path: Union[str, Path]) -> Path:
    """Check that a folder can be made, or be written into where it is there; nothing is made.

    Raises:
        InputError: it cannot.
    """
    path = Path(path)
    there = next(above for above in (path, *path.absolute().parents) if os.path.lexists(above))
    if not there.is_dir():
        raise InputError(f"cannot write into folder {path}: {there} is a file of that name; choose another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write into folder {path}: {_why_closed(there)}; choose another or change its permissions")
    return path


def _why_closed(folder: Path) -> str:
    """The system's words for a folder that cannot be written into."""
    read_only = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if read_only else errno.EACCES)


def for_want_of_room(error: Optional[BaseException]) -> bool:
    """Whether an error, or one that it arose from, is that nothing more can be written to a disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
            return True
        error = error.__cause__ or error.__context__
    return False


def check_outside(to: Union[str, Path], data: Union[str, Path]) -> None:
    """Check that a folder is neither the folder of some data nor inside it: what is written there would be taken for a part of the data.

    Raises:
        InputError: it is.
    """
    folder, to = find_path(data), Path(to)
    if folder.is_dir() and to.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{to} lies inside the data {data}, where it would be taken for a part of it: choose another folder")


def is_in_use(path: Union[str, Path]) -> bool:
    """Whether something is at a path, but for an empty folder."""
    path = Path(path)
    return os.path.lexists(path) and (not path.is_dir() or any(path.iterdir()))


def check_new_folder(path: Union[str, Path]) -> Path:
    """Check that a folder is missing or empty, and can be made and written into; nothing is made.

    Returns:
        Its path.

    Raises:
        InputError: it is not, or cannot.
    """
    if is_in_use(path):
        raise InputError(f"{path} is not empty: nothing is overwritten; choose an empty or new folder")
    return check_makeable(path)


def make_folder(path: Union[str, Path]) -> Path:
    """Create a folder and make sure that files can be written into it.

    Raises:
        InputError: it cannot be created or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError:
        raise InputError(f"cannot write into folder {path}: a file of that name is there; choose another") from None
    except OSError as error:
        raise InputError(f"cannot write into folder {path}: {error.strerror or error}; choose another or change its permissions") from None
    return path
