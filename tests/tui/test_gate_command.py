"""The gate as a process: told to end, left by its reader, without room; nothing that it answered is lost."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from audit.workspace.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix")

RULES = (
    '[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 1\nwindow = "7d"\n'
    '[[rule]]\nid = "private"\nkind = "sensitive"\n'
    '[[rule]]\nid = "out"\nkind = "exclude_event"\nevents = ["p2"]\n'
)


@pytest.fixture
def place(tmp_path):
    Workspace.create(tmp_path / "workspace", synthetic=True)
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path


def line(day):
    row = {"customer_id": "007", "occurred_at": f"2026-01-{day:02d}T10:00:00Z", "message_id": f"m{day}"}
    return json.dumps({**row, "message_class": "marketing"}).encode() + b"\n"


@contextmanager
def running(place):
    command = [sys.executable, "-m", "tui", "gate", "--rules", "rules.toml", "--workspace", "workspace"]
    pipe = subprocess.PIPE
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        command,
        cwd=place,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, **paths},
    ) as gate:
        yield gate


def asked(gate, *days):
    gate.stdin.write(b"".join(map(line, days)))
    gate.stdin.flush()
    return [json.loads(gate.stdout.readline()) for _ in days]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_ends_in_order_and_goes_on_where_it_was(place, how):
    with running(place) as gate:
        first = asked(gate, 1, 2)
        gate.send_signal(how)
        _, told = gate.communicate()
        assert gate.returncode == 130
        assert told.decode().splitlines()[-1] == "whysent: stopped"
    with running(place) as gate:
        assert asked(gate, 1, 2) == first
        assert [one["decision"] for one in first] == ["allow", "stop"]
        assert asked(gate, 7)[0]["counted"]
        gate.stdin.close()
        assert gate.wait() == 0


def test_it_says_which_rules_cannot_judge_without_causes_and_the_rules_may_be_gone_then(place):
    with running(place) as gate:
        said = [gate.stderr.readline().decode() for _ in range(3)]
        assert said[0] == "3 rules; ready\n"
        assert sorted(said[1:]) == [
            f"rule {name} cannot judge a message that comes without its causes\n"
            for name in ("out", "private")
        ]
        (place / "rules.toml").unlink()
        assert asked(gate, 1)[0]["cannot_tell"] == ["private", "out"]
        gate.stdin.close()
        assert gate.wait() == 0


def test_left_by_its_reader_it_ends_without_a_complaint_and_what_went_out_counts(place):
    with running(place) as gate:
        first = asked(gate, 1)
        gate.stdout.close()
        gate.stdin.write(line(2))
        gate.stdin.close()
        assert gate.wait() == 0
        assert b"Error" not in gate.stderr.read()
    with running(place) as gate:
        assert asked(gate, 1) == first
        gate.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_without_room_for_the_record_nothing_is_answered_that_is_not_in_it(place):
    import resource

    with running(place) as gate:
        assert gate.stderr.readline() == b"3 rules; ready\n"
        resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
        days = b"".join(
            json.dumps(
                {"customer_id": "007", "occurred_at": "2026-01-01", "message_id": f"m{number}"}
            ).encode()
            + b"\n"
            for number in range(2000)
        )
        answers, told = gate.communicate(days)
        assert gate.returncode == 2
        assert told.decode().splitlines()[-1].startswith("whysent: workspace/gate/record.ndjson: ")
    record = (place / "workspace" / "gate" / "record.ndjson").read_bytes()
    kept = [row for row in map(json.loads, record.splitlines()) if "answer" in row]
    assert [row["answer"] for row in kept] == list(map(json.loads, answers.splitlines()))
    assert kept and record.endswith(b"\n")
