"""Killed while it answers, and while its record is compacted, a gate has lost nothing that it answered.

A thousand kills: `WHYSENT_KILLS=1000 pytest -n0 tests/audit/enforcement/gate -k kill`.
"""

import json
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from audit.workspace.workspace import Workspace
from tests.killing import Killing

KILLS = int(os.environ.get("WHYSENT_KILLS", "25"))
PEOPLE, START, APART, WEEK = 50, datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=10), 7 * 144
CAP = '[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 2\nwindow = "7d"\n'

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


def line(number):
    """A message to one of fifty people, ten minutes after the one before."""
    at = (START + number * APART).isoformat()
    row = {"customer_id": f"p{number % PEOPLE}", "occurred_at": at, "message_id": f"m{number}"}
    return json.dumps({**row, "channel": "email", "message_class": "marketing"}).encode() + b"\n"


def test_a_kill_loses_nothing_that_was_answered(tmp_path):
    """Started again, it gives again what it had answered; and all of what went out has counted."""
    dice = random.Random(7)
    ws = Workspace.create(tmp_path / "workspace", synthetic=True)
    (tmp_path / "rules.toml").write_text(CAP)
    seen: dict[int, bytes] = {}
    with Killing("tests.audit.enforcement.gate.killed", tmp_path) as killing:
        for _ in range(KILLS):
            first = len(seen)
            begin = max(0, first - 100)
            with killing.child("answering", tmp_path / "rules.toml", ws.path) as gate:
                gate.stdin.write(b"".join(line(number) for number in range(begin, first + 200)))
                for number in range(begin, first + dice.randrange(1, 180)):
                    answer = gate.stdout.readline()
                    assert answer.endswith(b"\n")
                    assert seen.setdefault(number, answer) == answer
                time.sleep(dice.random() * 0.02)
    assert list(seen) == list(range(len(seen)))
    went_out: dict[int, list[int]] = {}
    for number, answer in seen.items():
        if json.loads(answer)["decision"] == "allow":
            went_out.setdefault(number % PEOPLE, []).append(number)
    for numbers in went_out.values():
        assert all(later - earlier >= WEEK for earlier, later in pairwise(numbers[::2]))
