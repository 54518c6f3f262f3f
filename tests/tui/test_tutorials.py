"""The tutorials: every command runs and prints what the page says, every key shows it, on a demo with a small fleet."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from audit.ingest import import_paths
from audit.privacy.roles import Role, Viewer
from audit.rules import files as rule_files
from audit.workspace.workspace import Workspace
from fixtures import exports
from tests.pictures import small_demo
from tests.tui.command import Command
from tests.tui.conftest import SIZES, Driver, painted_when_read
from tui.app import WhysentApp
from tui.session.core import CoreSession

DOCS = Path(__file__).parents[2] / "docs"
WHO = {
    "agent": Role.AGENT,
    "reviewer": Role.REVIEWER,
    "operator": Role.OPERATOR,
    "marketing": Role.OPERATOR,
}

SCREENS = {"demo", "case", "open"}
"""Commands that open the screens; the keys that follow them are pressed there."""

BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
HEREDOC = re.compile(r"^cat > (\S+) <<'(\w+)'\n(.*?)^\2$\n", re.DOTALL | re.MULTILINE)
KEYS = {"Enter": "enter", "Esc": "escape", "Tab": "tab", "/": "slash", "F2": "f2", "Space": "space"}


PEOPLE = {"reviewer": 100}
"""Who needs so many of the fleet: whoever asks what sets a campaign's recipients apart."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Callable[[int], Path]:
    return cache(lambda people: small_demo(tmp_path_factory.mktemp("tutorials") / "demo", people))


@pytest.fixture
def demo(
    name: str, made: Callable[[int], Path], tmp_path: Path, request: pytest.FixtureRequest, key_file: Path
) -> Path:
    """One for each page: what its reader changes, no other finds. The reader of an export begins with nothing."""
    if name == "marketing":
        request.getfixturevalue("monkeypatch").setattr(exports, "CUSTOMERS", 40)
        return tmp_path / "shop"
    return Path(shutil.copytree(made(PEOPLE.get(name, 20)), tmp_path / "demo"))


def bring_in(folder: Path) -> None:
    """What its first steps make of the export: a workspace with a cap."""
    exports.export("klaviyo", folder.with_name("month"))
    ws = Workspace.create(folder)
    import_paths(ws, [folder.with_name("month")])
    cap = next(text for file, _, text in HEREDOC.findall(page("marketing")) if file == "cap.toml")
    ws.book.apply(ws.book.plan_add(rule_files.loads(cap)), note="a first cap", author="the reader")


def page(name: str) -> str:
    return (DOCS / f"tutorial-{name}.md").read_text(encoding="utf-8")


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", WHO)
def test_the_commands_of_a_tutorial_print_what_it_says(
    name: str,
    demo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    whysent = Command(demo, capsys, monkeypatch)
    printed = ""
    for language, block in BLOCK.findall(page(name)):
        if language == "text":
            assert printed
            for words in block.splitlines():
                assert plain(words) in printed, words
            continue
        printed = ""
        for file, _, text in HEREDOC.findall(block):
            (tmp_path / file).write_text(text, encoding="utf-8")
        for line in HEREDOC.sub("", block).splitlines():
            command, _, file = line.partition(" < ")
            words = shlex.split(command, comments=True)
            if words[0] == "echo":
                subprocess.run(line, shell=True, check=True, cwd=tmp_path)
            elif words[0] == "whysent" and (words[1] not in SCREENS or {"--json", "--export"} & {*words}):
                done = whysent(*words[1:], stdin=(tmp_path / file).read_text() if file else "")
                printed += plain(done.out + done.err)
                asked = "nothing changed" in done.err
                assert done.code == (1 if asked else 0), f"{line}: {done.err}"
            else:
                assert words[0] == "export" or words[1] in SCREENS, line


@pytest.mark.parametrize("name", WHO)
async def test_the_keys_of_a_tutorial_show_what_it_says(name: str, demo: Path) -> None:
    if name == "marketing":
        bring_in(demo)
    rows = re.findall(r"^\| (?!press|---)(.+) \| (.+) \|$", page(name), re.MULTILINE)
    assert len(rows) >= 5
    viewer = Viewer(WHO[name], ticket="4711")
    app = WhysentApp(CoreSession(demo, viewer), agent=name == "agent")
    with painted_when_read():
        async with app.run_test(size=SIZES["medium"], notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.opening is not None)
            await driver.settle()
            for pressed, told in rows:
                for key, text in re.findall(r"`([^`]+)`|\"([^\"]+)\"", pressed):
                    await pilot.press(*([KEYS.get(key, key)] if key else text))
                    await driver.settle()
                for words in re.findall(r"\*\*([^*]+)\*\*", told):
                    assert words in driver.words, f"{pressed}: {words}\n{driver.text}"
