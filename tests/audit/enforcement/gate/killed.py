"""What is killed: the gate's command, with a record that is compacted all the time, and a memory of a week."""

import io
import os
from contextlib import redirect_stdout
from datetime import timedelta

os.environ["POLARS_MAX_THREADS"] = "1"  # a process that is forked has no threads yet

from audit.enforcement import gate  # noqa: F401 - imported before the fork
from audit.enforcement.gate import gate_state, record
from audit.queries import documents  # noqa: F401 - imported before the fork
from tui.cli import run

gate_state.LEAST = timedelta(days=7)
record.WORTH, record.SYNCED_EVERY = 20_000, 0.01

with redirect_stdout(io.StringIO()):
    run(["presets", "--json"])  # whatever a command imports is there


def answering(rules, workspace):
    run(["gate", "--rules", rules, "--workspace", workspace])
