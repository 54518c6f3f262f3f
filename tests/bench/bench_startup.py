"""First paint of the screens beside an empty Textual app, in a real terminal, in the same run.

`python tests/bench/bench_startup.py [WORKSPACE]`: medians of RUNS starts each, alternating. Without a workspace the
program's chrome is measured on a session that never answers.
"""

import fcntl
import os
import pty
import select
import statistics
import struct
import sys
import termios
import time

RUNS = 9
EMPTY = "from textual.app import App\nApp().run()"
OURS = """
import sys
from pathlib import Path
from tui.app import run
run(Path(sys.argv[1]))
"""
CHROME = b"whysent"


def first_paint(code, argument, awaited):
    """Milliseconds from the start of the process to the first screen that holds `awaited`."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="120", LINES="36")
        os.execv(sys.executable, [sys.executable, "-c", code, argument])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen = b""
    try:
        while time.perf_counter() - began < 20:
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 65536)
                if awaited in seen and len(seen) > 4000:
                    return 1000 * (time.perf_counter() - began)
        raise SystemExit(f"nothing was painted: {seen[-500:]!r}")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def main(workspace):
    empty, ours = [], []
    for _ in range(RUNS):
        empty.append(first_paint(EMPTY, "", b"\x1b[?2026"))
        ours.append(first_paint(OURS, workspace, CHROME))
    for name, times in (("empty app", empty), ("whysent", ours)):
        print(
            f"{name:>10}: median {statistics.median(times):6.0f} ms   min {min(times):6.0f}   max {max(times):6.0f}"
        )
    print(f"     ratio: {statistics.median(ours) / statistics.median(empty):.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "/nonexistent")
