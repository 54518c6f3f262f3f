"""Rules that cannot be used, and books that cannot: one clear line, exit code 2, nothing taken."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.tui.command import Command

CAP = '[[rule]]\nid = "a"\nkind = "frequency_cap"\nlimit = 1\nwindow = "7d"\n'
GOOD = '[[rule]]\nid = "good"\nkind = "mute"\n'


@pytest.fixture
def own(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """On a copy that a test may change."""
    shutil.copytree(scenes, tmp_path / "own")
    return Command(tmp_path / "own", capsys, monkeypatch)


BAD = {
    "an unknown key": (CAP + 'chanels = ["email"]\n', "'a': chanels: unknown key; the nearest is channels"),
    "a window that is no duration": (CAP.replace("7d", "7 days"), "write 30m, 16h, 7d or 4w"),
    "a window that holds nothing": (CAP.replace("7d", "0d"), "is no window: nothing lies in it"),
    "no calendar window": (CAP + 'window_kind = "calendar"\n', "one of 1h, 1d, 1w, 1mo"),
    "quiet hours that never end": (
        '[[rule]]\nid = "q"\nkind = "quiet_hours"\nquiet = "08:00-08:00"\n',
        "starts when it ends",
    ),
    "scopes that contradict each other": (
        GOOD + 'channels = ["email"]\nexcept_channels = ["email", "push"]\n',
        "takes away all that channels names",
    ),
    "a category left out with what lies above it": (
        GOOD + 'categories = ["Beauty > Nails"]\nexcept_categories = ["Beauty"]\n',
        "takes away all that categories names",
    ),
    "the same id twice": (GOOD + GOOD, "'good': id: stands twice"),
    "a bad rule behind a good one": (GOOD + CAP.replace("frequency_cap", "frequency_cup"), "nearest is frequency_cap"),
    "ten thousand rules": (
        "".join(GOOD.replace("good", f"r{number}") for number in range(10_000)),
        "holds 10,000 rules; a set has 1,000 at most",
    ),
    "a limit beyond all counting": (CAP.replace("1", "99999999999999999999", 1), "is more than 1,000,000,000"),
    "lists without an end": (f"rule = {'[' * 2000}{']' * 2000}\n", "too deep in each other"),
    "no TOML": ("[[rule]\n", "is no TOML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_rule_file_is_one_line_wherever_it_is_given_and_nothing_of_it_is_taken(
    own, tmp_path, text, said
):
    before = own("rules", "export", tmp_path / "before.toml").code
    bad = tmp_path / "bad.toml"
    bad.write_text(text)
    for command in (
        ["rules", "add", bad, "--yes"],
        ["rules", "import", bad, "--yes"],
        ["simulate", "--rules", bad, "--json"],
        ["sweep", "--rules", bad, "--rule", "a", "--limits", "1..3", "--json"],
        ["gate", "--rules", bad],
    ):
        told = own(*command)
        assert (told.code, told.out) == (2, "")
        assert told.err.startswith(f"whysent: {bad}: ") and told.err.count("\n") == 1
        assert said in told.err
    own("rules", "export", tmp_path / "after.toml")
    assert before == 0
    assert (tmp_path / "after.toml").read_text() == (tmp_path / "before.toml").read_text()
    assert not (own.workspace / "gate").exists()


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("limit=-1", "whole number from 0 up"),
        ("limit=x", "whole number from 0 up"),
        ("window=0d", "nothing lies in it"),
        ("window=soon", "no duration"),
        ("chanels=[]", "the nearest is channels"),
        ("window_kind=calendar", "no calendar window"),
        ("quiet=21:00-08:00", "does not use it"),
        ("limit", "write KEY=VALUE"),
    ],
)
def test_a_bad_value_is_one_line_and_the_rule_stays_as_it_was(own, pair, said):
    before = own("rules", "show", "email-weekly-cap").out
    told = own("rules", "set", "email-weekly-cap", pair, "--yes")
    assert (told.code, told.out) == (2, "")
    assert said in told.err and told.err.count("\n") == 1
    assert own("rules", "show", "email-weekly-cap").out == before


def newer(path):
    with sqlite3.connect(path) as database:
        database.execute("pragma user_version = 99")
    database.close()


def no_database(path):
    path.write_bytes(b"hello" * 1000)


def damaged(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(newer, "made by a newer whysent"), (no_database, "is not a database"), (damaged, "is damaged")],
)
def test_a_book_that_cannot_be_used_is_one_line_for_every_command_and_stays_as_it_is(
    own, tmp_path, spoil, said
):
    file = tmp_path / "ok.toml"
    file.write_text(CAP)
    book = own.workspace / "book.db"
    spoil(book)
    content = book.read_bytes()
    for command in (
        ["rules", "list", "--json"],
        ["rules", "add", file, "--yes"],
        ["rules", "set", "email-weekly-cap", "limit=2", "--yes"],
        ["rules", "undo", "--yes"],
        ["simulate", "--json"],
        ["sweep", "--rule", "email-weekly-cap", "--limits", "1..3", "--json"],
        ["gate"],
    ):
        told = own(*command)
        assert (told.code, told.out) == (2, "")
        assert said in told.err and told.err.count("\n") == 1
    assert book.read_bytes() == content


def test_an_empty_rule_file_decides_nothing(own, tmp_path):
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    for command in (["simulate", "--rules", empty, "--json"], ["gate", "--rules", empty]):
        told = own(*command)
        assert (told.code, told.out) == (2, "")
        assert "holds no rule" in told.err
