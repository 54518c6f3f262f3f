"""Killed in the middle of its edits, a book has lost no change that was acknowledged, and holds none by half.

A thousand kills: `WHYSENT_KILLS=1000 pytest -n0 tests/audit/rules -k kill`.
"""

import os
import random
import sqlite3
import sys
import time
from collections import defaultdict
from itertools import pairwise

import pytest

from audit.rules.book import Book
from tests.killing import Killing

KILLS = int(os.environ.get("WHYSENT_KILLS", "25"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")


def test_a_kill_during_an_edit_loses_no_acknowledged_change_and_leaves_none_by_half(tmp_path):
    dice, path = random.Random(7), tmp_path / "rules.db"
    acknowledged = 0
    with Killing("tests.audit.rules.killed", tmp_path) as killing:
        for _ in range(KILLS):
            with killing.child("editing", path) as child:
                for _ in range(dice.randrange(1, 5)):
                    acknowledged = int(child.stdout.readline())
                time.sleep(dice.random() * 0.02)
            check(Book(path), acknowledged)
    with sqlite3.connect(path) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def check(book, acknowledged):
    """Every change is there once, whole: both rules, one limit, versions without a gap."""
    changes = defaultdict(list)
    for version in book.history()[::-1]:
        changes[version.change].append(version)
    assert all(sorted(one.rule.id for one in both) == ["a", "b"] for both in changes.values())
    assert all(len({one.rule.limit for one in both}) == 1 for both in changes.values())
    assert [both[0].rule.version for both in changes.values()] == list(range(1, len(changes) + 1))
    edits = [both[0].rule.limit for both in changes.values() if both[0].action == "import"]
    assert all(before < after for before, after in pairwise(edits))
    undone = [both[0] for both in changes.values() if both[0].action == "undo"]
    done = max([*edits, *(one.change for one in undone)])
    assert done >= acknowledged
