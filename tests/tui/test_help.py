"""Help: every command says what it is for, what it prints, and shows two calls that work; shells complete the rest."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from audit.queries import locales
from audit.rules import files
from audit.rules.book import Book
from audit.workspace import MOST_NAMES, names
from audit.workspace.workspace import Workspace
from tests import manual_page
from tui import Exit, cli
from tui import commands as command_line

TREE = command_line.tree()
COMMANDS = command_line.commands(TREE)
HELP = tomllib.loads(Path(command_line.__file__).with_name("help.toml").read_text(encoding="utf-8"))
SHELLS = ("bash", "zsh", "fish", "powershell")


def test_help_explains_the_commands_that_there_are() -> None:
    assert HELP.keys() == COMMANDS.keys()


@pytest.mark.parametrize("group", ["", "segments", "rules", "rules presets"])
def test_the_list_of_commands_breaks_nothing_off_in_the_smallest_terminal(
    group: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run([*group.split(), "--help"]) == Exit.OK
    listed = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0]
    depth = len(group.split())
    names = {name.split()[depth] for name in COMMANDS if name.startswith(group) and name != group}
    assert len(listed.splitlines()) >= len(names)
    for line in listed.splitlines():
        assert line.split()[0] in names, f"more than a line: {line}"
        assert line.endswith(".")
        assert "..." not in line


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_is_for_what_it_prints_and_two_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*name.split(), "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert COMMANDS[name].help
    assert not {*"{}"} & {*words.split("Options")[0]}, "what has to be given stands in no braces"
    assert f"Prints: {HELP[name]['prints']}" in words
    assert [line.strip() for line in shown.splitlines()[-2:]] == HELP[name]["examples"]


@pytest.mark.parametrize(
    ("name", "example"), [(name, example) for name, texts in HELP.items() for example in texts["examples"]]
)
def test_examples_are_read_as_calls_of_their_command(
    name: str, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    for words, command in COMMANDS.items():
        monkeypatch.setattr(command, "callback", lambda words=words, **_: called.append(words))
    line = shlex.split(example)
    arguments = line[1 : next((at for at, word in enumerate(line) if word in "<>|"), len(line))]
    TREE.main(arguments, prog_name="whysent", standalone_mode=False)
    assert line[0] == "whysent"
    assert called[-1] == name


def test_the_manual_page_says_what_help_says() -> None:
    written = manual_page.PAGE.read_text(encoding="utf-8")
    assert written == manual_page.page(), "docs/whysent.1 is stale: python -m tests.manual_page"
    assert all(f".SS whysent {name}" in written for name in COMMANDS)


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_read_without_a_warning() -> None:
    command = ["groff", "-man", "-Tascii", "-ww", "-z", str(manual_page.PAGE)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


# -- completion ----------------------------------------------------------------------------------------------------


def offered(
    line: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What that shell is offered after `line`, without the signs that it wants around it."""
    words = line.split(" ")
    environment = {
        "_WHYSENT_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        cli.run([])
    text = capsys.readouterr().out.replace("_arguments '*: :((", "").replace("))'", "")
    return [row.replace('"', "").split(":::")[0].split(":")[0].split("\t")[0] for row in text.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_offered_commands_options_and_what_the_workspace_holds(
    scenes: Path, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHYSENT_WORKSPACE", str(scenes))

    def complete(line: str) -> list[str]:
        return offered(line, shell, monkeypatch, capsys)

    customer = Workspace.open(scenes).resolve("scene-01-nail-clipper")
    assert complete("whysent au") == ["audit", "audience"]
    assert complete("whysent rules presets sh") == ["show"]
    assert complete("whysent report --k") == ["--kind"]
    assert complete(f"whysent show {customer[:6]}") == [customer]
    assert complete("whysent rules set em") == ["email-weekly-cap"]
    assert complete("whysent sweep --rule un") == ["until-repurchase"]
    assert complete("whysent why c_0 --segment high-v") == ["high-value"]
    assert complete("whysent show --as re") == ["reviewer"]
    assert complete("whysent report c_0 --kind ") == ["internal", "reply"]
    assert complete("whysent audit --fail-on h") == ["high"]
    assert complete("whysent rules handover --format kl") == ["klaviyo"]
    assert complete("whysent import --format mailg") == ["mailgun"]
    assert complete("whysent simulate --preset br") == complete("whysent rules presets show br") == ["braze"]
    assert complete("whysent report c_0 --kind reply --locale ") == [*locales.locales()]
    assert complete("whysent report c_0 --kind internal --locale ") == [*locales.of_notes()]


@pytest.mark.parametrize("role", ["agent", "operator", "nobody"])
def test_who_may_not_list_everybody_or_be_told_of_all_topics_is_offered_no_names(
    scenes: Path, role: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHYSENT_WORKSPACE", str(scenes))
    for line in (f"whysent --as {role} show c_", f"whysent rules show --as {role} em"):
        assert offered(line, "bash", monkeypatch, capsys) in ([], [""])


def test_help_names_the_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "--help"]) == Exit.OK
    words = " ".join(capsys.readouterr().out.split())
    ((all_of_them, of_notes),) = re.findall(r"such as ([\w, ]+); a note in (\w\w) or", words)
    assert set(all_of_them.split(", ")) <= set(locales.locales())
    assert of_notes in locales.of_notes()


def test_completing_commands_loads_nothing_heavy() -> None:
    code = """
import os, sys
os.environ |= {"_WHYSENT_COMPLETE": "complete_bash", "COMP_WORDS": "whysent ru", "COMP_CWORD": "1"}
from tui import cli
try:
    cli.run([])
finally:
    print([name for name in ("polars", "textual", "sqlite_utils", "rich") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["rules", "[]"]


OWN = """
[[segment]]
id = "our-own"
title = "Our own"
basis = "behavioral"
purpose = "marketing.advertising.profiling"
source = "house"
reason = "Bought {count} times."
[[segment.when]]
test = "count"
kinds = ["order_completed"]
at_least = 3
"""


def test_names_are_those_that_stand_now(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    ws = Workspace.create(folder, synthetic=True)
    rule = '[[rule]]\nid = "{}"\nkind = "frequency_cap"\ntitle = "x"\nlimit = 3\nwindow = "7d"\n'
    book = Book(folder / "book.db")
    book.apply(book.plan_add(files.loads(rule.format("one") + rule.format("two"))))
    book.apply(book.plan_remove("one"))
    assert names(folder, "rules", "") == ["two"]
    book.apply(book.plan_undo())
    assert names(folder, "rules", "") == ["one", "two"]
    assert names(folder, "rules", "t") == ["two"]
    assert names(folder, "customers", "") == names(folder, "proposals", "") == []
    ws.set_definitions(OWN)
    assert names(folder, "segments", "our") == ["our-own"]
    assert names(tmp_path / "nowhere", "rules", "") == []
    assert MOST_NAMES > len(names(tmp_path / "nowhere", "segments", "")) > 10
