"""A file is taken in on the screen: looked at, its map answered otherwise, previewed, and in after a yes."""

import hashlib
import json

import pytest
from textual.widgets import Input

from audit.privacy.roles import Role, Viewer
from audit.workspace.workspace import Workspace
from tests.audit.ingest.amazon import exports as ex
from tests.audit.ingest.amazon.test_shop import order
from tui.session.core import CoreSession
from tui.widgets.items import Items

LOG = (
    "Kontakt;Versendet am;Ereignis;Betreff;Notiz",
    "jo@example.test;05.01.2026 11:00;Versendet;Neue Scheren;a",
    "jo@example.test;06.01.2026 12:00;Gewinnspiel;Neue Scheren;b",
    "al@example.test;07.01.2026 12:00;Abmeldung;;c",
    "al@example.test;irgendwann;Abmeldung;;d",
)


@pytest.fixture
def of(tmp_path, started):
    """The program on an empty workspace, for somebody in a role."""

    def start(viewer=None, **options):
        Workspace.create(tmp_path / "ws")
        return started(session=CoreSession(tmp_path / "ws", viewer or Viewer(Role.OPERATOR)), **options)

    return start


def log(folder, *rows):
    file = folder / "versand.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


async def typed(driver, path):
    driver.app.screen.query_one("#path").value = str(path)
    await driver.press("enter")


async def chosen(driver, line, text):
    """Give a line of the form another answer, as one does: Enter, the beginning of a name, Enter."""
    items = driver.app.screen.query_one("#lines", Items)
    assert items.point_at(line)
    items.focus()
    await driver.press("enter", *text, "enter")


async def test_a_foreign_file_goes_in_as_its_map_is_answered(of, tmp_path):
    file = log(tmp_path, *LOG)
    async with of() as driver:
        assert "I: import a file" in driver.text
        await driver.press("I")
        assert "Amazon SES · " in driver.words
        assert "Nothing is kept before you say yes" in driver.words
        await typed(driver, file)
        assert "a map is suggested" in driver.text
        assert "j•••@•••.test" in driver.text
        assert "jo@example.test" not in driver.text
        assert "refused 1 row: occurred_at is no time" in driver.text
        assert "may be a no, a complaint or a bounce: 1 row" in driver.text
        await chosen(driver, "word:Gewinnspiel", "message_r")
        await chosen(driver, "zone", "Europe/Berl")
        await chosen(driver, "column:Notiz", "not k")
        assert "message_received" in driver.text
        assert "2026-01-05 10:00" in driver.text
        assert driver.session.workspace.info.events == 0
        await driver.press("f2", "y")
        assert "Taken in: 3 of 4 rows" in driver.text
        await driver.press("escape")
        assert "2 customers" in driver.text

        await driver.press("I")
        await typed(driver, log(tmp_path, LOG[0], "bo@example.test;08.01.2026 12:00;Versendet;Neu;x"))
        assert "your map versand.toml" in driver.text
    events = Workspace.open(tmp_path / "ws").events()
    assert sorted(events["kind"]) == ["message_received", "message_sent", "unsubscribed"]
    assert all("Notiz" not in json.loads(text or "{}") for text in events["attributes"])


async def test_what_is_known_goes_in_with_enter_and_what_is_bad_says_so(of, tmp_path):
    async with of() as driver:
        await driver.press("I")
        await typed(driver, tmp_path / "nowhere.csv")
        assert "no such file" in driver.text
        bad = tmp_path / "bad.json"
        bad.write_text("%PDF-1.7 nothing")
        await typed(driver, bad)
        assert "a PDF; save the data as CSV" in driver.words
        file = tmp_path / "own.csv"
        file.write_text("customer_id,occurred_at,kind,subject\n1,2026-01-05T10:00Z,message_sent,Hello\n")
        await typed(driver, f"{tmp_path}/")
        await driver.press(*"own", "enter")
        assert "Canonical events: CSV" in driver.text
        assert driver.session.workspace.info.events == 0
        await driver.press("enter", "n")
        assert driver.session.workspace.info.events == 0
        await driver.press("enter", "y")
        assert "Taken in: 1 of 1 row" in driver.text


async def test_whose_an_export_is_that_does_not_say_is_asked(of, tmp_path):
    file = ex.zipped(tmp_path / "e.zip", {"Retail.OrderHistory.2.csv": ex.table(ex.ORDERS, order())})
    async with of() as driver:
        await driver.press("I")
        await typed(driver, file)
        assert "Whose export is it?" in driver.text
        driver.app.screen.query_one(Input).value = "ana@example.test"
        await driver.press("enter")
        assert "1 of 1 row come in" in driver.words
        await driver.press("f2", "y")
        assert "Taken in: 1 of 1 row" in driver.text
        assert "ana@" not in driver.text
    assert Workspace.open(tmp_path / "ws").resolve("ana@example.test")


async def test_what_takes_too_much_is_refused_and_nothing_of_it_comes_in(of, tmp_path, monkeypatch):
    monkeypatch.setenv("WHYSENT_IMPORT_LIMITS", "file=1MB")
    texts = (hashlib.sha256(b"%d" % at).hexdigest() for at in range(50_000))
    many = (f"jo@example.test;05.01.2026 11:00;Versendet;{text};a" for text in texts)
    async with of() as driver:
        await driver.press("I")
        await typed(driver, log(tmp_path, LOG[0], *many))
        await driver.press("f2", "y")
        assert "takes more than" in driver.words
        assert "nothing of it came in" in driver.words
    assert Workspace.open(tmp_path / "ws").info.events == 0


NOTED = (
    "Kontakt;Versendet am;Ereignis;Betreff;Kundenname;Notizen",
    "ana@example.test;05.01.2026 11:00;Versendet;Scheren für Ana Example;Ana Example;bei Bo Other, 0151 0000000",
)


async def test_no_screen_of_a_file_or_its_customer_tells_who_it_is(of, tmp_path):
    async with of() as driver:
        await driver.press("I")
        await typed(driver, log(tmp_path, *NOTED))
        seen = driver.text
        assert "Scheren für [name]" in seen
        await driver.press("f2", "y", "escape", "enter")
        assert "Scheren für [name]" in driver.text
        seen += driver.text
        assert [name for name in ("Ana", "0000000", "Other", "ana@") if name in seen] == []


async def test_an_agent_takes_nothing_in(of, tmp_path):
    async with of(Viewer(Role.AGENT, ticket="T-1"), agent=True) as driver:
        await driver.press("f5")
        await typed(driver, log(tmp_path, *LOG))
        assert "import: not in the role agent" in driver.words
