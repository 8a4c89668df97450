"""The two kinds of record files, and what a resumed run does with them: read, mend torn ends, cut what came later.

metrics.jsonl is one JSON object a line. A vdlrecords file is VisualDL's: for each record its length in eight bytes and a protobuf.
"""

import contextlib
import functools
import json
import os
import struct
import tempfile
from pathlib import Path

from ..errors import InputError
from ..files import atomic_write, make_folder


def import_visualdl():
    """Import VisualDL, which makes folders in the user's home as it is imported: where none can be made, in one that is removed again.

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


def _set_variable(name, value):
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@functools.cache
def log_writer_class():
    LogWriter = import_visualdl().LogWriter  # noqa: N806 - a class

    class DirectLogWriter(LogWriter):
        """A LogWriter that writes its records itself.

        VisualDL's own passes them to a thread, which drops data when the process is killed, prints its errors among the program's
        output instead of raising them, and cannot be told its flush period (max_queue and flush_secs are passed on swapped).
        """

        def _get_file_writer(self):
            if self._file_writer is None:
                self._file_writer = _RecordFile(Path(self.logdir) / self._file_name)
                self._all_writers[self.logdir] = self._file_writer  # flush() and close() look here
            return self._file_writer

    return DirectLogWriter


class _RecordFile:
    """The file end of a LogWriter: each record is with the operating system when `add_record` returns, whole or not at all."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for the whole run
        self._size = self._file.seek(0, os.SEEK_END)

    def add_record(self, record):
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

    def get_filename(self):
        return str(self._path)

    def flush(self):
        pass

    def close(self):
        self._file.close()


def cut_visualdl_records(path, step):
    """Drop the records of steps after `step` from a vdlrecords file, and a torn last one; the file is replaced atomically.

    What describes the run and not a step stays: the meta records and the hyper-parameters. The file keeps its length, with an
    empty record for what is gone: a VisualDL server that has read the old file goes on at its old offset, and would otherwise
    land inside a record and stop updating for good.

    Returns:
        How many whole records were dropped.
    """
    return rewrite_records(path, lambda value: value.WhichOneof("one_value") in ("meta_data", "hparam") or value.id <= step)


def rewrite_records(path, keep):
    path = Path(path)
    length = path.stat().st_size
    kept = [len(packet) if keep(value) else 0 for packet, value in read_records(path)]
    if sum(kept) != length:
        with atomic_write(path) as file:
            file.writelines(packet for packet, value in read_records(path) if keep(value))
            file.write(_filler(length - sum(kept)))
    return kept.count(0)


def _filler(length):
    """A record that means nothing, of `length` bytes in the file, or no bytes where so few cannot make one."""
    from visualdl.proto.record_pb2 import Record

    meta = Record.Value(tag="meta_data_tag", meta_data=Record.MetaData())
    data = Record(values=[meta]).SerializeToString() + b"\xfa\x01"  # the key of field 31, which VisualDL does not know: bytes
    padding = length - len(data) - 8 - 5
    if padding < 0:
        return b""
    size = bytes((padding >> shift & 0x7F) | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))  # a varint of always 5 bytes
    return struct.pack("<Q", length - 8) + data + size + bytes(padding)


def read_records(path, offset=0):
    """Yield (the record's bytes in the file, its only value) from a vdlrecords file, up to its end or the first damaged record.

    Args:
        path: the file; none there is as good as an empty one.
        offset: where to start, in bytes; a record must start there.
    """
    from google.protobuf.message import DecodeError
    from visualdl.proto.record_pb2 import Record

    path = Path(path)
    if not path.exists():
        return
    with open(path, "rb") as file:
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


def read_metrics(path):
    """Read a metrics.jsonl file as a list of dicts. A last line that was torn off by a crash is left out.

    Raises:
        InputError: the file is missing, or a line before the last is no JSON object.
    """
    lines = _metric_lines(path)
    for number, (_, entry) in enumerate(lines, 1):
        if entry is None and number < len(lines):
            raise InputError(f"{path}, line {number} is damaged: it is no JSON object with a step")
    return [entry for _, entry in lines if entry is not None]


def cut_metrics(path, step):
    """Drop the lines of steps after `step` from a metrics.jsonl file, and damaged ones; the file is replaced atomically, if it exists."""
    path = Path(path)
    if not path.exists():
        return
    kept = b"".join(line + b"\n" for line, entry in _metric_lines(path) if entry is not None and entry["step"] <= step)
    if kept != path.read_bytes():
        with atomic_write(path) as file:
            file.write(kept)


def _metric_lines(path):
    """[(line without its end, its object or None where it is damaged)]"""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return [(line, _metric(line)) for line in lines if line]


def _metric(line):
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
