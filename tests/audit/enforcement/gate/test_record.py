"""The gate's record on disk: whole at every moment, compacted as it grows."""

import os
import threading
import time

import pytest

from audit.enforcement.gate import record as records
from audit.enforcement.gate.record import Record
from audit.errors import WorkspaceError


@pytest.fixture
def place(tmp_path):
    return tmp_path / "gate"


def opened(place):
    return Record.open(place, lambda: None)


def even(line):
    return int(line) % 2 == 0


def numbers(made):
    return [int(line) for line in made.lines()]


def test_what_is_not_needed_is_left_out_and_what_is_appended_meanwhile_stays(place):
    with opened(place) as made:
        made.append(b"".join(b"%d\n" % number for number in range(1000)))
        looked = []

        def needed(line):
            if not looked:
                made.append(b"1001\n1003\n")
            looked.append(line)
            return even(line)

        made.compact_with(needed)
        made.compact()
        made.append(b"1005\n")
        kept = [*range(0, 1000, 2), 1001, 1003, 1005]
        assert numbers(made) == kept
    with opened(place) as again:
        assert numbers(again) == kept
    assert sorted(path.name for path in place.iterdir()) == ["lock", "record.ndjson"]
    assert (place / "record.ndjson").stat().st_mode & 0o777 == 0o600


def test_it_is_compacted_by_itself_once_it_is_long_and_not_again_before_it_doubled(place, monkeypatch):
    monkeypatch.setattr(records, "WORTH", 1000)
    monkeypatch.setattr(records, "SYNCED_EVERY", 0.01)
    done = threading.Event()
    compact = Record.compact

    def watched(made):
        compact(made)
        done.set()

    monkeypatch.setattr(Record, "compact", watched)
    with opened(place) as made:
        made.compact_with(even)
        made.append(b"".join(b"%d\n" % number for number in range(500)))
        assert done.wait(10)
        assert numbers(made) == list(range(0, 500, 2))
        done.clear()
        made.append(b"502\n")
        assert not done.wait(0.1)


def test_where_there_is_no_room_for_a_second_file_the_record_stays_as_it_is(place, monkeypatch):
    with opened(place) as made:
        made.append(b"1\n2\n")
        made.compact_with(even)
        with monkeypatch.context() as patch:
            patch.setattr(Record, "_sift", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
            made.compact()
        made.append(b"3\n")
        assert numbers(made) == [1, 2, 3]
    assert sorted(path.name for path in place.iterdir()) == ["lock", "record.ndjson"]


def test_what_a_killed_compaction_left_behind_goes(place):
    with opened(place) as made:
        made.append(b"1\n")
    (place / ".record.ndjson.compacted").write_bytes(b"half")
    with opened(place) as made:
        assert numbers(made) == [1]
    assert sorted(path.name for path in place.iterdir()) == ["lock", "record.ndjson"]


def test_a_stopping_gate_does_not_wait_for_a_compaction(place):
    with opened(place) as made:
        made.append(b"".join(b"%d\n" % number for number in range(200_000)))
        made.compact_with(lambda line: made._ended.set() or even(line))
        started = time.monotonic()
        made.compact()
        assert time.monotonic() - started < 10
        assert len(numbers(made)) == 200_000


def test_lines_are_written_whole_or_not_at_all(place, monkeypatch):
    write = os.write

    def full(handle, text):
        if len(text) > 4:
            return write(handle, text[:4])
        raise OSError(28, "No space left on device")

    with opened(place) as made:
        made.append(b"1\n")
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(WorkspaceError, match="no room left"):
                made.append(b"222222\n")
        made.append(b"3\n")
        assert numbers(made) == [1, 3]
