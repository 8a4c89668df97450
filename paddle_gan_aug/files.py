"""Files: written whole or not at all, checked by their hash, and found from wherever the user stands."""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows: runs are not locked
    fcntl = None

LOCK = ".lock"
PACKAGE_PARENT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def atomic_write(path, mode="wb"):
    """Open a temporary file that takes the name `path` only once it is complete and on the disk.

    The folder must exist. When the block raises, the old file (if any) stays as it was and the temporary one is removed. In text, the
    bytes of file names that are not UTF-8 are written as in `printable`; JSON and YAML read that back as the same name.
    """
    path = Path(path)
    with naming(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        options = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace"}
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


def remove_temporaries(folder, names):
    """Remove what `atomic_write` leaves in a folder when its process is killed while it writes one of `names`."""
    ours = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[a-z0-9_]{{8}}")  # as tempfile names them
    for path in Path(folder).iterdir():
        if ours.fullmatch(path.name) and path.is_file():
            path.unlink()


def printable(text, encoding="utf-8"):
    """`text` with what `encoding` cannot hold written as escapes, such as \\udcc3 for a byte of a file name that is not UTF-8."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextlib.contextmanager
def naming(path):
    """Let an OSError from within name `path` where it names no file: the system names none when a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None and error.errno != errno.EPIPE:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder):
    """Put a folder's entries on the disk (a rename is only durable after this). A no-op where the system has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def lock_folder(folder):
    """Hold `folder` for this process alone; the lock goes with the process, however it ends.

    Raises:
        InputError: another process holds it.
    """
    with open(Path(folder) / LOCK, "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise InputError(f"{folder} is in use by another process (number {holder}): wait for it, or stop it") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def write_json(path, value):
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path, "w") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")


def sha256(path):
    """The SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def project_root():
    """The folder that holds `work/mnist`: the current one, the nearest parent, or the one beside the package.

    Where there is none (the package was installed without its data), the current folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, PACKAGE_PARENT):
        if (folder / "work" / "mnist").is_dir():
            return folder
    return here


def find_path(path):
    """`path` as the user means it: from the current folder if it exists there, else from the project root."""
    path = Path(path).expanduser()
    if path.exists() or path.is_absolute():
        return path
    from_root = project_root() / path
    return from_root if from_root.exists() else path


def make_folder(path):
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
