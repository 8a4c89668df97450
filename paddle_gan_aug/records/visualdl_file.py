"""VisualDL's record files (vdlrecords): written record by record, read, and cut where a resumed run goes on.

For each record such a file holds its length in eight bytes and a protobuf message. VisualDL's own writer and reader are
replaced, since the one loses records when the process is killed and the other fails at a record that is cut short.
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Tuple, Union

from ..errors import InputError
from ..files import atomic_write, make_folder, regular


def import_visualdl() -> Any:
    """Import VisualDL, and return the module.

    It creates folders in the user's home as it is imported. Where that is impossible, a temporary folder stands for the home.

    Raises:
        ImportError: it is not installed. OSError: neither the home nor the temporary folder can be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            make_folder(Path.home() / ".visualdl" / "conf")
        except (InputError, OSError, RuntimeError):
            elsewhere = stack.enter_context(tempfile.TemporaryDirectory())
            for name in ("HOME", "USERPROFILE"):
                stack.callback(_set_variable, name, os.environ.get(name))
                os.environ[name] = elsewhere
        import visualdl
    return visualdl


def _set_variable(name: str, value: Optional[str]) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@functools.cache
def log_writer_class() -> type:
    """The class of log writers: VisualDL's, with `RecordFile` as its file end."""
    LogWriter = import_visualdl().LogWriter  # noqa: N806 - a class

    class DirectLogWriter(LogWriter):
        """A LogWriter that writes its records itself.

        VisualDL's own hands them to a thread. That thread drops data when the process is killed, prints its errors among the
        program's output instead of raising them, and ignores the flush period (max_queue and flush_secs are swapped).
        """

        def _get_file_writer(self) -> RecordFile:
            if self._file_writer is None:
                self._file_writer = RecordFile(Path(self.logdir) / self._file_name)
                self._all_writers[self.logdir] = self._file_writer  # flush() and close() look here
            return self._file_writer

    return DirectLogWriter


class RecordFile:
    """The file end of a LogWriter: each record is with the operating system when `add_record` returns, whole or not at all."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for the whole run
        self._size = self._file.seek(0, os.SEEK_END)

    def add_record(self, record: Any) -> None:
        data = record.SerializeToString()
        packet = struct.pack("<Q", len(data)) + data
        rest = memoryview(packet)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            self._file.close()
            raise
        self._size += len(packet)

    def get_filename(self) -> str:
        return str(self._path)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        self._file.close()


def cut_records(path: Union[str, Path], step: float) -> int:
    """Drop the records of steps after `step`, and a last record that is cut short. The file is replaced atomically.

    Records of the whole run stay: the meta records and the hyper-parameters. The file keeps its length: an empty record
    fills the gap. A VisualDL server that has read the old file goes on at its old offset; inside a record it would stop
    updating for good.

    Returns:
        How many whole records were dropped.
    """
    return rewrite_records(path, lambda value: value.WhichOneof("one_value") in ("meta_data", "hparam") or value.id <= step)


def rewrite_records(path: Union[str, Path], keep: Callable[[Any], bool]) -> int:
    """Drop the records for whose values `keep` is false, as `cut_records` does; returns how many were dropped."""
    path = Path(path)
    length = path.stat().st_size
    kept = [len(packet) if keep(value) else 0 for packet, value in read_records(path)]
    if sum(kept) != length:
        with atomic_write(path) as file:
            file.writelines(packet for packet, value in read_records(path) if keep(value))
            file.write(_filler(length - sum(kept)))
    return kept.count(0)


def _filler(length: int) -> bytes:
    """An empty record of `length` bytes in the file, or no bytes where `length` is too small for one."""
    from visualdl.proto.record_pb2 import Record

    meta = Record.Value(tag="meta_data_tag", meta_data=Record.MetaData())
    data = Record(values=[meta]).SerializeToString() + b"\xfa\x01"  # the key of field 31, which VisualDL does not know: bytes
    padding = length - len(data) - 8 - 5
    if padding < 0:
        return b""
    size = bytes((padding >> shift & 0x7F) | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))  # a varint of always 5 bytes
    return struct.pack("<Q", length - 8) + data + size + bytes(padding)


def holds_no_record(path: Union[str, Path]) -> bool:
    """Whether a file has bytes, and no record at its beginning: it was named like a record file, or is damaged from there on."""
    try:
        return next(read_records(path), None) is None and os.path.getsize(path) > 0
    except InputError:  # a device or a pipe
        return True
    except OSError:  # gone since, or not to be read
        return False


def read_records(path: Union[str, Path], offset: int = 0) -> Iterator[Tuple[bytes, Any]]:
    """Yield each record's bytes and its only value, up to the end of the file or the first damaged record.

    Args:
        path: the file; a missing one has no records.
        offset: the byte at which the first record to read begins.

    Raises:
        InputError: it is no regular file.
    """
    from google.protobuf.message import DecodeError
    from visualdl.proto.record_pb2 import Record

    path = Path(path)
    if not path.exists():
        return
    with open(regular(path), "rb") as file:
        rest = file.seek(0, os.SEEK_END) - offset
        file.seek(offset)
        while rest >= 8:
            header = file.read(8)
            (length,) = struct.unpack("<Q", header)
            rest -= 8 + length
            if rest < 0:
                return
            data = file.read(length)
            try:
                yield header + data, Record.FromString(data).values[0]
            except (DecodeError, IndexError):
                return
