"""First paint of the program beside an empty Textual app, in a real terminal, in the same run.

    python tests/bench/bench_startup.py [ROUNDS]

All take turns, so that a busy machine slows each alike; bytecode is cached by a round that does not count. `first`: the
first characters on the screen (of the empty app, which shows none, its first frame). `whole`: the line of keys, which is
painted with the first whole screen. The processor's time is that of the process until then.
"""

import fcntl
import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte

from fixtures import demo

TARGET = 1.7
PROGRAM = [sys.executable, "-c", "from tui.cli import main; main()"]
EMPTY = [sys.executable, "-c", "from textual.app import App; App().run()"]


def painted(command: list[str], awaited: str) -> tuple[float, float]:
    """Wall and processor seconds from the start of `command` until `awaited` stands on the screen; "": any character at all;
    a blank: a whole frame, however empty."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="120", LINES="36")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    screen = pyte.Screen(120, 36)
    stream = pyte.ByteStream(screen)
    seen = b""
    try:
        while time.perf_counter() - began < 30:
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 65536)
                now = time.perf_counter() - began
                if awaited == " ":
                    done = b"\x1b[36;1H" in seen or seen.count(b" ") > 36 * 100
                else:
                    stream.feed(seen)
                    seen = b""
                    text = "".join(screen.display)
                    done = awaited in text if awaited else bool(text.strip())
                if done:
                    return now, _processor(pid)
        raise SystemExit(f"{command}: nothing was painted")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def _processor(pid: int) -> float:
    """Processor seconds of a process so far; 0 where the system does not tell. The clock of a process has its number from
    the kernel's MAKE_PROCESS_CPUCLOCK."""
    return time.clock_gettime((~pid << 3) | 2) if sys.platform == "linux" else 0.0


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WHYSENT_KEY_FILE"] = f"{folder}/key"
        workspace = Path(folder) / "demo"
        demo.make(workspace)
        named = ["--workspace", str(workspace)]
        rows = {
            "an empty Textual app, first": (EMPTY, " "),
            "whysent, first": ([*PROGRAM, *named], ""),
            "whysent, whole": ([*PROGRAM, *named], "help"),
            "whysent demo, first": ([*PROGRAM, "demo", *named], ""),
            "whysent demo, whole": ([*PROGRAM, "demo", *named], "help"),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for number in range(rounds + 1):
            for name, (command, awaited) in rows.items():
                took = painted(command, awaited)
                times[name] += [took] if number else []
        base, base_cpu = (
            statistics.median(each) for each in zip(*times["an empty Textual app, first"], strict=True)
        )
        print(
            f"{'median of ' + str(rounds):<28} {'ms':>6} {'beside':>7} {'processor':>10} {'beside':>7}   wanted: {TARGET}×"
        )
        for name, took in times.items():
            wall, cpu = (statistics.median(each) for each in zip(*took, strict=True))
            print(
                f"{name:<28} {wall * 1e3:>6.0f} {wall / base:>6.2f}× {cpu * 1e3:>10.0f} {cpu / (base_cpu or 1):>6.2f}×"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 9)
