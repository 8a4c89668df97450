"""VisualDL's record files: torn ends, and cuts under a server that reads them."""

import numpy as np
import pytest
from visualdl_page import Page

from paddle_gan_aug.records.metrics_file import read_metrics
from paddle_gan_aug.records.run_records import Records
from paddle_gan_aug.records.visualdl_file import cut_records, read_records


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "output" / "first", tmp_path / "log", "first"


def test_torn_ends_are_mended_wherever_they_were_torn(folders):
    with Records(*folders) as run:
        for step in range(3):
            run.scalars(step, {"g_loss": step})
    path = folders[1] / "first" / "g_loss" / "vdlrecords.first.log"
    whole, metrics = path.read_bytes(), run.metrics_path.read_bytes()
    packets = [packet for packet, _ in read_records(path)]
    ends = np.cumsum([len(packet) for packet in packets])
    assert len(packets) == 4 and ends[-1] == len(whole)  # the meta record and three points
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        kept = int((ends <= length).sum())
        assert cut_records(path, 99) == 0
        points = [value.id for _, value in read_records(path) if value.WhichOneof("one_value") == "value"]
        assert points == list(range(kept - 1))
    for tail in (b"\x00" * 50, b"\xff" * 50, whole[:20]):
        path.write_bytes(whole + tail)
        run.metrics_path.write_bytes(metrics + tail.replace(b"\n", b" "))
        with Records(*folders) as run:  # also without a resume
            run.scalars(3, {"g_loss": 3})
        assert [step for step, _ in Page(folders[1]).curve("g_loss @ first", "loss")] == [0, 1, 2, 3]
        assert [line["step"] for line in read_metrics(run.metrics_path)] == [0, 1, 2, 3]


def test_a_visualdl_server_that_read_the_file_survives_its_cut(folders):
    from visualdl.proto.record_pb2 import Record
    from visualdl.reader.record_reader import RecordReader

    path = folders[1] / "first" / "g_loss" / "vdlrecords.first.log"
    run = Records(*folders)
    for step in range(300):
        run.scalars(step, {"g_loss": step})
    reader = RecordReader(str(path))
    assert len(reader.get_remain()) == 301
    size = path.stat().st_size
    for last in (298, 200, 3):  # from a gap too small for a filler on
        run.cut(last)
        if last < 298:
            assert path.stat().st_size == size
        assert [value.id for _, value in read_records(path) if value.WhichOneof("one_value") == "value"] == list(range(last + 1))
        run.scalars(last + 1, {"g_loss": 1.0})
        size = path.stat().st_size
    reader = RecordReader(str(path))
    reader.get_remain()
    run.cut(2)
    run.scalars(3, {"g_loss": 0.5})
    run.close()
    values = [Record.FromString(data).values[0] for data in reader.get_remain()]
    assert [(value.id, value.value) for value in values if value.WhichOneof("one_value") == "value"] == [(3, 0.5)]
