"""What is killed: the gate's command, with a record that is compacted all the time, and a memory of a week."""

import io
import os
from contextlib import redirect_stdout
from datetime import timedelta

os.environ["POLARS_MAX_THREADS"] = "1"  # a process that is forked has no threads yet

from audit import answers, gate  # noqa: F401 - imported before the fork
from audit.gate import record
from audit.rules import memory
from tui.cli import run

memory.LEAST = timedelta(days=7)
record.WORTH, record.SYNCED_EVERY = 20_000, 0.01

with redirect_stdout(io.StringIO()):
    run(["formats", "--json"])  # whatever a command imports is there


def answering(rules, workspace):
    run(["gate", "--rules", rules, "--workspace", workspace])
