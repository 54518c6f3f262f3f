"""The real program in a real terminal: keys in, cells out."""

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import pexpect
import pyte

from fixtures import demo

PATIENCE = 60
"""Seconds until a screen must show what is waited for; a bound against hanging, not a measurement."""


class Terminal:
    """`whysent` in a terminal of so many columns and rows."""

    def __init__(self, *arguments: str, workspace: Path, columns: int, rows: int) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        environment = {**kept, "WHYSENT_WORKSPACE": str(workspace), "TERM": "xterm-256color"}
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "tui", *arguments],
            env=environment,
            dimensions=(rows, columns),
            timeout=PATIENCE,
        )

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def until(self, *words: str) -> str:
        """Read what the program draws until all `words` stand on the screen."""
        end = time.monotonic() + PATIENCE
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"{words} not on the screen:\n{self.text}"
            self._read()
        return self.text

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def ends(self) -> int:
        """Wait for the program to end; its exit code."""
        while self.child.isalive():
            self._read()
        self.child.close()
        return int(self.child.exitstatus)

    def _read(self) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(65536, timeout=0.2))
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self.child.wait()


@pytest.fixture(params=[(80, 24), (160, 50)], ids=["80x24", "160x50"])
def opened(request: pytest.FixtureRequest, scenes: Path) -> Iterator[Terminal]:
    columns, rows = request.param
    terminal = Terminal("open", workspace=scenes, columns=columns, rows=rows)
    yield terminal
    terminal.child.close(force=True)


def test_from_the_identifier_to_the_verdict_and_out(opened: Terminal) -> None:
    opened.until("opt-out")
    opened.type("/")
    opened.type("scene-01-nail-clipper\r")
    shown = opened.until("11 mails about nail clippers", "it stops 11 of")
    assert "▲ high" in shown
    opened.type("q")
    assert opened.ends() == 0


def test_the_case_of_a_ticket_starts_in_the_field_without_a_list(scenes: Path) -> None:
    terminal = Terminal("case", "--ticket", "4711", "--as", "agent", workspace=scenes, columns=120, rows=36)
    shown = terminal.until("4711", "Find")
    assert "opt-out" not in shown
    terminal.type("scene-10-happy-diapers\r")
    terminal.until("Timeline")
    assert "4711" in terminal.text
    terminal.child.sendcontrol("q")
    terminal.child.close(force=True)


def test_the_first_sign_comes_before_the_screens_and_an_error_takes_it_back(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whysent").mkdir()
    (tmp_path / "whysent" / "settings.toml").write_text("no toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    terminal = Terminal("open", workspace=scenes, columns=80, rows=24)
    raw = terminal.child.read().decode()
    sign, taken_back, complaint = (
        raw.index(each) for each in ("whysent\x1b[0m", "\x1b[?1049l", "settings.toml")
    )
    assert raw.startswith("\x1b[?1049h")
    assert sign < taken_back < complaint


def test_the_screens_end_with_their_terminal_even_where_hangups_were_ignored(scenes: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        terminal = Terminal("open", workspace=scenes, columns=80, rows=24)
    finally:
        signal.signal(signal.SIGHUP, before)
    terminal.until("opt-out")
    os.close(terminal.child.child_fd)
    end = time.monotonic() + PATIENCE
    while (ended := os.waitpid(terminal.child.pid, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
        time.sleep(0.1)
    assert ended == (terminal.child.pid, signal.SIGHUP)
    terminal.child.ptyproc.fd = terminal.child.child_fd = -1
    terminal.child.closed = terminal.child.terminated = True


def test_from_the_address_to_the_reply_it_takes_few_keys_and_little_time(tmp_path: Path) -> None:
    demo.begin(tmp_path / "demo")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    terminal = Terminal("case", "--ticket", "4711", workspace=tmp_path / "demo", columns=120, rows=36)
    terminal.until("Find", "ticket 4711")
    keys = ["\x1b[200~martina.quandt@example.org\x1b[201~", "\r", "R", "r", "y"]
    shows = ["", "it stops 11 of", "Internal note", "Reply", "copied"]
    for key, shown in zip(keys, shows, strict=True):
        terminal.type(key)
        terminal.until(shown)
    assert "nail clipper" in terminal.text
    terminal.child.close(force=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(keys) <= 12
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 1 <= took <= 10
