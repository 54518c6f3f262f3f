"""What is killed: the gate's command, with a record that is compacted all the time, and a memory of a week."""

from datetime import timedelta

from audit import answers, gate  # noqa: F401 - imported before the fork
from audit.gate import record
from audit.rules import memory
from tui import commands  # noqa: F401
from tui.cli import run

memory.LEAST = timedelta(days=7)
record.WORTH, record.SYNCED_EVERY = 20_000, 0.01


def answering(rules, workspace):
    run(["gate", "--rules", rules, "--workspace", workspace])
