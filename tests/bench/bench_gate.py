"""How many decisions a second the gate makes, and how long one line waits: `python tests/bench/bench_gate.py [LINES]`.

The command itself, over pipes, on a workspace of its own with 2,000 customers who were mailed before; five rules. The
stream is for 10,000 customers, two mails a week each.
Five runs of many lines at once; then 500 lines one by one. Whoever writes and reads takes a core of its own.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit.ingest import import_paths
from audit.workspace.workspace import Workspace
from tests.bench.bench_simulate import made

RULES = """
[[rule]]
id = "week"
kind = "frequency_cap"
limit = 3
window = "7d"
[[rule]]
id = "gap"
kind = "min_gap"
window = "4h"
[[rule]]
id = "bought"
kind = "cooldown"
after = "order_completed"
same = "category"
window = "14d"
[[rule]]
id = "no"
kind = "consent"
[[rule]]
id = "night"
kind = "quiet_hours"
quiet = "21:00-08:00"
on_fail = "drop"
"""
START = datetime(2027, 1, 1, tzinfo=UTC)


def lines(count: int, start: datetime, dice: random.Random) -> list[bytes]:
    """Candidates in order, as the stream of a month would be."""
    return [
        json.dumps(
            {
                "customer_id": f"c{dice.randrange(10_000):06d}",
                "occurred_at": (start + timedelta(seconds=30 * number)).isoformat(),
                "message_id": f"m-{start:%d}-{number}",
                "channel": "email",
                "campaign_id": f"campaign-{dice.randrange(20)}",
                "category": f"A > {dice.randrange(10)}",
                "message_class": "marketing",
                "time_zone": "Europe/Berlin",
            }
        ).encode()
        + b"\n"
        for number in range(count)
    ]


def main() -> None:
    """Print the start, decisions a second, and the waiting time of a single line."""
    count, dice = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["WHYSENT_KEY_FILE"] = str(place / "key")
        made(2000).write_parquet(place / "events.parquet")
        import_paths(Workspace.create(place / "workspace", synthetic=True), [place / "events.parquet"])
        (place / "rules.toml").write_text(RULES)
        command = [
            sys.executable, "-m", "tui", "gate", "--rules", str(place / "rules.toml"), "--workspace", str(place / "workspace"),
        ]  # fmt: skip
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as gate:
            assert gate.stdin and gate.stdout and gate.stderr
            gate.stderr.readline()
            print(f"ready after {time.perf_counter() - started:.2f} s")
            rates, at = [], START
            for _ in range(5):
                rates.append(many(gate, lines(count, at, dice)))
                at += timedelta(seconds=30 * count)
            print(f"{count:,} lines: {statistics.median(rates):,.0f} decisions/s, {max(rates):,.0f} at best")
            waits = sorted(single(gate, line) for line in lines(500, at, dice))
            print(f"a single line: median {1000 * waits[250]:.2f} ms, 99th of 100 {1000 * waits[495]:.2f} ms")
            gate.stdin.close()


def many(gate: "subprocess.Popen[bytes]", asked: list[bytes]) -> float:
    """Decisions a second: lines are written by a thread of their own, so that no pipe fills up."""
    import threading

    def write() -> None:
        for first in range(0, len(asked), 500):
            gate.stdin.write(b"".join(asked[first : first + 500]))
        gate.stdin.flush()

    started = time.perf_counter()
    writer = threading.Thread(target=write)
    writer.start()
    answered, part = 0, b""
    while answered < len(asked) and (part := gate.stdout.read1(65_536)):
        answered += part.count(b"\n")
    writer.join()
    return answered / (time.perf_counter() - started)


def single(gate: "subprocess.Popen[bytes]", line: bytes) -> float:
    """Seconds from a line to its answer."""
    started = time.perf_counter()
    gate.stdin.write(line)
    gate.stdin.flush()
    gate.stdout.readline()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
