"""The documents name what there is, and lead to what exists."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.events.schema import KINDS, SCHEMA
from audit.privacy.roles import Role, Viewer
from tui.cli import run

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(capsys: pytest.CaptureFixture[str], *group: str) -> list[str]:
    """The commands that `whysent GROUP --help` lists."""
    run([*group, "--help"])
    _, _, listed = capsys.readouterr().out.partition("Commands:\n")
    return re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and heading of every link of a page that leads to something of this repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for address in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", address):
            file, _, heading = address.partition("#")
            yield (page.parent / file if file else page), heading


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings have."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_command_stands_in_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    contract = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    named = commands(capsys)
    assert len(named) > 10
    assert [name for name in named if f"`whysent {name}" not in contract] == []


def test_every_command_of_the_contract_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    contract = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `whysent ([a-z-]+)", contract, re.MULTILINE)
    assert sorted(set(rows) - set(commands(capsys))) == []


def test_every_change_to_the_rules_stands_in_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    contract = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `whysent rules ([^`]+)`", contract, re.MULTILINE)
    assert {way.split()[0] for way in row.split("\\|")} == set(commands(capsys, "rules"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for file, heading in links(page):
        assert file.exists(), f"{page.name}: {file}"
        assert not heading or heading in headings(file), f"{page.name}: {file.name}#{heading}"


def test_every_document_that_is_printed_stands_in_the_contract() -> None:
    code = [
        path.read_text(encoding="utf-8") for room in ("audit", "tui") for path in (ROOT / room).rglob("*.py")
    ]
    printed = set(re.findall(r"\"(whysent\.[a-z-]+/1)\"", "\n".join(code)))
    written = "".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("contract.md", "rules.md")
    )
    assert len(printed) > 10
    assert [name for name in sorted(printed) if f'"{name}"' not in written] == []


def test_the_columns_and_kinds_of_the_semantics_are_those_of_the_events() -> None:
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    columns, kinds = (re.sub(r"\([^)]*\)", "", block) for block in re.findall(r"`([^`]*,\s[^`]*)`", page)[:2])
    assert re.findall(r"\w+", columns) == list(SCHEMA)
    assert sorted(re.findall(r"\w+", kinds)) == sorted(KINDS)


@pytest.mark.parametrize(
    ("row", "actions"),
    [
        ("find, show", ("find", "show", "why", "report", "propose")),
        ("the triage list", ("list", "audit_all", "simulate", "see_rules")),
        ("change rules", ("change_rules", "import", "map")),
        ("say for which", ("policy",)),
        ("sensitive topics", ("sensitive",)),
    ],
)
def test_the_roles_of_the_privacy_page_are_those_that_are_asked_for(
    row: str, actions: tuple[str, ...]
) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if line.startswith(f"| {row}"))
    for role, said in zip(Role, (cell.strip() for cell in line.split("|")[2:-1]), strict=True):
        for action in actions:
            assert Viewer(role, ticket="T").may(action) == (said != "no"), (role, action)
            assert Viewer(role).may(action) == (said in {"all", "yes"}), (role, action)


def test_every_room_of_the_core_is_on_the_plan_of_the_house() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        f"audit/{path.name}{'/' if path.is_dir() else ''}"
        for path in sorted((ROOT / "audit").iterdir())
        if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"
    ]
    assert len(rooms) > 15
    assert [room for room in rooms if f"`{room}`" not in page and room != "audit/__init__.py"] == []


def test_the_plan_of_the_house_names_what_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:audit|tui|tests|fixtures|rules|why|ingest)/[\w/.]*)`", page))
    assert len(named) > 30
    assert [
        path for path in sorted(named) if not any((base / path).exists() for base in (ROOT, ROOT / "audit"))
    ] == []


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            left += [file for file, _ in links(page)]
    assert {page.name for page in PAGES if page.resolve() not in reached} <= {"CHANGELOG.md"}


WORDS = {
    "rolling": "rolling windows", "days": "calendar days", "calendar": "calendar periods", "customer": "the customer's",
    "account": "the account's", "drop": "is not sent", "defer": "waits", "apart": "each by itself",
}  # fmt: skip
"""What a preset says, as the table of the README puts it."""


def senders() -> str:
    """The table of how senders count: each word leads to where the sender says it, ours to what a test holds it to."""

    def cell(means: dict[str, Any], name: str) -> str:
        if name not in means:
            return "–"
        said = means[name]["is"]
        words = ", ".join(said) if isinstance(said, list) else WORDS.get(str(said), str(said))
        return f"[{words}]({means[name]['source'].replace(' ', '%20')})"

    rows = []
    for file in sorted((ROOT / "audit" / "rules" / "vendor_semantics").glob("*.toml")):
        preset = tomllib.loads(file.read_text(encoding="utf-8"))
        cells = (
            cell(preset["means"], name) for name in ("counting", "zone", "offers", "channels", "when_full")
        )
        rows.append((f"{preset['title']}, {preset['feature']}", *cells))
    ours = (
        "**whysent**",
        "[rolling windows](tests/audit/rules/test_caps.py)",
        "needs none",
        "[any](docs/rules.md)",
        "[each, or together](docs/rules.md)",
        "[is not sent, or waits](docs/rules.md)",
    )
    head = ("sender", "a cap counts", "whose day", "windows", "channels", "what is too many")
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * 6, *rows, ours))


def test_the_table_of_senders_says_what_their_presets_say() -> None:
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    table = f"<!-- senders -->\n{senders()}\n<!-- end of senders -->"
    if os.environ.get("WHYSENT_GOLDEN") == "write":
        marked = re.compile(r"<!-- senders -->\n.*?<!-- end of senders -->", re.DOTALL)
        page.write_text(marked.sub(lambda _: table, text), encoding="utf-8")
        text = page.read_text(encoding="utf-8")
    assert table in text
