"""An import is a process of its own: what takes too much is named in one line, and the rest goes in."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import polars as pl
import pytest

from audit.errors import InputError
from tui.commands.limits import Limits, read

SCRIPT = """
import os, sqlite3, sys, time
from pathlib import Path
from tui.commands.limits import Limits, guarded

folder = Path(sys.argv[1])
guard = guarded(Limits(memory=200_000_000, time=1, file=1_000), folder)
for path in (folder / "bad", folder / "good"):
    if path not in guard.without:
        with guard.reading([path]):
            if path.name == "bad":
                {bad}
        print(path.name, flush=True)
{end}
"""


def script(tmp_path, bad, end=""):
    return [sys.executable, "-c", SCRIPT.format(bad=bad, end=end), str(tmp_path)]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("bytearray(10**10)", "bad: takes more than 200 MB of memory to read, and nothing of it came in"),
        ("while True: pass", "bad: takes more than 1 second of processor time to read"),
        ('(folder / "out").write_bytes(bytes(10_000))', "bad: takes more than 0 MB on disk in one file"),
        (
            'sqlite3.connect(folder / "v.db").executescript("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(99999))")',
            "bad: takes more than 0 MB on disk in one file",
        ),
        ("os.abort()", "bad: takes more than 200 MB of memory"),
        ("os.kill(os.getpid(), 9)", "bad: stopped while it was read, as by a system short of memory"),
    ],
    ids=["memory", "time", "file", "database", "aborted", "killed"],
)
def test_what_takes_too_much_is_named_and_left_out(tmp_path, bad, said):
    done = subprocess.run(script(tmp_path, bad), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "good\n")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_ends_as_the_import_does_and_with_whoever_waits(tmp_path):
    done = subprocess.run(
        script(tmp_path, "pass", "sys.exit(1)"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "bad\ngood\n", "")

    waits = script(tmp_path, "print(os.getpid(), flush=True); time.sleep(60)")
    with subprocess.Popen(waits, stdout=subprocess.PIPE, text=True) as waiting:
        child = int(waiting.stdout.readline())
        waiting.send_signal(signal.SIGKILL)
    with suppress(ProcessLookupError):
        for _ in range(100):
            os.kill(child, 0)
            time.sleep(0.05)
        pytest.fail("the import went on alone")


def test_a_small_file_that_grows_in_memory_is_refused_and_its_neighbour_goes_in(tmp_path):
    events = pl.DataFrame({"customer_id": [str(number) for number in range(1_000)]}).with_columns(
        occurred_at=pl.lit("2026-01-01"), kind=pl.lit("message_sent"), subject=pl.lit("x" * 1_000_000)
    )
    events.write_parquet(tmp_path / "bomb.parquet")
    events.head(2).drop("subject").write_csv(tmp_path / "good.csv")
    workspace = tmp_path / "workspace"
    environment = {
        **os.environ, "WHYSENT_KEY_FILE": str(tmp_path / "key"), "WHYSENT_WORKSPACE": str(workspace),
        "POLARS_MAX_THREADS": "1", "WHYSENT_IMPORT_LIMITS": "memory=300MB",
    }  # fmt: skip
    files = [tmp_path / "bomb.parquet", tmp_path / "good.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "tui", "import", *files, "--json"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert f"whysent: {files[0]}: takes more than 300 MB of memory to read" in done.stderr
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert [(file["path"], file["accepted"]) for file in answer["files"]] == [(str(files[1]), 2)]
    assert len(list((workspace / "events").iterdir())) == 1


def test_limits_are_written_as_they_are_said():
    assert read(None) == Limits()
    assert read("none") is None
    assert read("memory=8GB,time=10m, file=500MB") == Limits(8_000_000_000, 600, 500_000_000)
    assert read("time=5s").of(10**6, 7) == {"memory": 6_008_000_000, "time": 5, "file": 2_050_000_007}
    for wrong in ("memory=8", "memory=GB", "time=soon", "disk=8GB", "8GB"):
        with pytest.raises(InputError):
            read(wrong)
