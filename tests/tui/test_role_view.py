"""What a role may not be told, it is told nowhere: every command, document, screen and export of every scene, as each role."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from textual.worker import WorkerCancelled

from audit.events import sensitive_topics
from audit.events.schema import conform
from audit.privacy.roles import Role, Viewer
from audit.rules import model
from fixtures import scenes as stories
from tests.tui.command import Command
from tests.tui.conftest import SIZES, Driver
from tui.app import WhysentApp
from tui.session.core import CoreSession
from tui.session.view_models import Subject

UNTOLD = ("agent", "operator")
TOLD = ("reviewer", "admin")
MOTHER = "scene-03-expecting-mother"
TELLTALE = "tells-all"
"""A customer of this test whose every field speaks."""
CONCERNED = (MOTHER, TELLTALE, "scene-03-father-to-be", "scene-04-bereaved-parents")
"""Of whom everything is asked; of the others, what the screen shows first."""

RULES = (
    {"id": "hush", "kind": "mute", "title": "Silence for a while", "campaigns": ["little-one"], "enabled": True},
    {"id": "no-prenatal", "kind": "mute", "title": "Nothing for expecting parents",
     "categories": ["Health > Vitamins > Prenatal"], "topics": ["pregnancy"], "enabled": True},
    {"id": "cap-of-three", "kind": "frequency_cap", "title": "Three a week of stork-club", "limit": 3, "window": "7d",
     "except_campaigns": ["stork-club"], "enabled": True},
)  # fmt: skip
PROPOSED = {
    "id": "after-the-gay-bar", "kind": "mute", "title": "No trade union", "items": ["forty-weeks"], "enabled": True,
}  # fmt: skip


def telltale() -> pl.DataFrame:
    """Events that name a sensitive topic in every field that can, by a sign or by the company they keep."""
    common = {"customer_id": TELLTALE, "source_name": "mail log", "country": "DE"}
    stork = {
        "kind": "message_sent", "channel": "email", "campaign_id": "stork-club", "campaign_name": "The stork writes",
        "subject": "Your list for the big day", "message_class": "marketing", "topics": ["pregnancy"],
        "list_id": "widow-list", "persona": "mother-to-be", "sender": "Umstandsmode Berlin", "variant": "prenatal-b",
        "attributes": '{"week": "Schwangerschaft 12"}',
    }  # fmt: skip
    rows = [
        {"kind": "products_searched", "query": "Babynamen"},
        {"kind": "product_viewed", "item_id": "crib-77", "item_name": "Rocking crib", "category": "Baby > Maternity"},
        {"kind": "order_completed", "item_id": "crib-77", "item_name": "Rocking crib", "category": "Baby > Maternity"},
        {"kind": "recommendation_shown", "item_id": "crib-77", "item_name": "Rocking crib", "placement": "grief-strip"},
        {"kind": "segment_entered", "segment_id": "gambling fans", "source": "third_party"},
        *({**stork, "message_id": f"pregnancy-{number}"} for number in range(6)),
        {"kind": "message_clicked", "channel": "email", "campaign_id": "stork-club", "message_id": "pregnancy-0"},
        {"kind": "unsubscribed", "channel": "email", "list_id": "widow-list", "reason": "no longer pregnant"},
        {"kind": "registry_closed", "category": "Baby", "reason": "stillbirth"},
        {**stork, "message_id": "pregnancy-9"},
    ]  # fmt: skip
    return conform(
        pl.DataFrame(
            [
                {
                    **common,
                    "event_id": f"t-{number}",
                    "occurred_at": f"2026-0{1 + number // 4}-1{number % 4}T08:00:00",
                    **row,
                }
                for number, row in enumerate(rows)
            ]
        ).with_columns(pl.col("occurred_at").str.to_datetime(time_zone="UTC"))
    )


@pytest.fixture(scope="module")
def folder(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes, a customer whose every field speaks, and a rule book that does."""
    from audit.ingest import import_paths
    from audit.workspace.workspace import Workspace

    copy = tmp_path_factory.mktemp("told") / "workspace"
    shutil.copytree(scenes, copy)
    file = copy.with_name("telltale.parquet")
    telltale().write_parquet(file)
    ws = Workspace.open(copy)
    import_paths(ws, [file])
    book = ws.book
    book.apply(book.plan_add([model.from_dict(rule) for rule in RULES]))
    book.inbox.propose(book.plan_import([model.from_dict(PROPOSED)]))
    ws.facts()
    return copy


# -- the words ---------------------------------------------------------------------------------------------------------


@cache
def words() -> re.Pattern[str]:
    """The sensitive map, and what the scenes and this test call such things: subjects, campaigns, items, segments, rules."""
    parts = [part for row in sensitive_topics._map()["topic"] for part in row["segments"]]
    events = pl.concat([stories.events(), telltale()], how="vertical_relaxed")
    about = sensitive_topics.of_topics(pl.col("topics")).is_not_null() | (pl.col("customer_id") == TELLTALE)
    columns = (
        "query",
        "item_id",
        "item_name",
        "category",
        "subject",
        "campaign_id",
        "campaign_name",
        "segment_id",
        "reason",
    )
    values = {
        value for column in columns for value in events.filter(about)[column] if value and value != "Baby"
    }
    names = {*values, "hush", "Silence for a while", "cap-of-three", *sensitive_topics.signs()}
    whole = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?i)(?<!\w)(?:{whole})(?!\w)|{'|'.join(map(re.escape, parts))}")


NOT_MEANT = re.compile(
    rf"(?i)entschuldigen|(?-i:\bschulden\b)|{'|'.join(person.id for person in stories.people())}|{TELLTALE}"
)
"""Our own words, not the map's; and the source's own ids of customers, which are handed over and typed."""


def found_in(text: str) -> list[str]:
    flat = " ".join("".join(" " if sign in "█▌▐│┃▎▊▉" else sign for sign in text).split())
    return sorted({found[0] for found in words().finditer(NOT_MEANT.sub("", flat))})


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def whysent(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(folder, capsys, monkeypatch)


def of_customer(whysent: Command, customer: str, as_role: list[str], out: Path) -> Iterator[list[str]]:
    """The commands about one customer, with what a document of theirs names."""
    shown = whysent("show", customer, *as_role, "--json").document
    subjects = [("--segment", row["id"]) for row in shown["segments"]]
    subjects += [("--item", row["item_id"]) for row in shown["recommendations"][:1]]
    subjects += [("--finding", row["id"]) for row in shown["findings"]]
    subjects += [("--message", row["messages"][-1]) for row in shown["findings"] if row["messages"]]
    for command in (
        ["show"],
        ["audit"],
        ["segments", "history"],
        *(["why", *subject] for subject in subjects[-3:]),
    ):
        yield [*command, customer]
        yield [*command, customer, "--json"]
    yield ["audit", customer, "--out", str(out / "findings.parquet")]
    yield ["why", customer, "--segment", "no-such"]
    for form in ("html", "json"):
        yield ["report", customer, "--format", form, "--out", str(out / f"note.{form}")]
    yield ["report", customer, "--kind", "reply", "--locale", "de"]


def of_everybody(out: Path) -> Iterator[list[str]]:
    """The commands about everybody and about the book."""
    for command in (
        ["customers", "--limit", "100"], ["audit", "--all"], ["map"], ["segments", "list"], ["reconcile", "--limit", "500"],
        ["rules", "list"], ["rules", "history"], ["rules", "inbox"], ["simulate"], ["simulate", "--preset", "mautic"],
        ["simulate", "--as-recorded"], ["sweep", "--rule", "email-weekly-cap", "--limits", "1..2"], ["rules", "kept", "--preset", "klaviyo"],
        ["rules", "disable", "email-weekly-cap"],
    ):  # fmt: skip
        yield command
        yield [*command, "--json"]
    yield ["simulate", "--format", "md"]
    yield ["simulate", "--format", "html", "--out", str(out / "replay.html")]
    yield ["simulate", "--decisions", str(out / "decisions.parquet")]
    yield ["audit", "--all", "--out", str(out / "all.parquet")]
    yield ["rules", "export", str(out / "rules.toml")]
    yield ["rules", "handover", "--format", "words"]
    yield ["rules", "handover"]


def written(file: Path) -> str:
    if file.suffix != ".parquet":
        return file.read_text(encoding="utf-8")
    return pl.read_parquet(file).write_ndjson()


def walk(whysent: Command, role: str, customers: tuple[str, ...], out: Path) -> dict[str, list[str]]:
    """The places where a role was told a sensitive topic, and the words of it."""
    as_role = ["--as", role]
    ticket = ["--ticket", "T1"]
    told: dict[str, str] = {}
    for customer in customers:
        for command in of_customer(whysent, customer, [*as_role, *ticket], out):
            done = whysent(*command, *as_role, *ticket)
            told[" ".join(command)] = done.out + done.err
    for command in of_everybody(out) if role != "agent" else ():
        done = whysent(*command, *as_role)
        assert done.code in (0, 1), (command, done.err)
        told[" ".join(command)] = done.out + done.err
    told |= {str(file): written(file) for file in out.iterdir()}
    assert len(told) > 15
    return {place: found for place, text in told.items() if (found := found_in(text))}


@pytest.mark.parametrize("role", UNTOLD)
def test_no_command_and_no_file_names_a_sensitive_topic_to_who_may_not_be_told(
    whysent: Command, role: str, tmp_path: Path
) -> None:
    assert walk(whysent, role, (TELLTALE,) if role == "agent" else (), tmp_path) == {}


def test_the_same_commands_name_it_to_who_may_be_told(whysent: Command) -> None:
    for customer, word in ((MOTHER, "little-one"), (TELLTALE, "stork-club")):
        assert word in found_in(whysent("show", customer, "--as", "reviewer", "--json").out)
    assert {"hush", "prenatal"} <= set(found_in(whysent("rules", "list", "--as", "reviewer").out))


# -- what the screens ask ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AGENT, Role.REVIEWER])
def test_no_answer_to_a_screen_names_it_to_who_may_not_be_told(folder: Path, role: Role) -> None:
    session = CoreSession(folder, Viewer(role, "T1"))
    told: dict[str, object] = {}
    others = [person.id for person in stories.people()] if role is Role.AGENT else []
    for person in dict.fromkeys([MOTHER, TELLTALE, *others]):
        customer = session.customers.resolve(person)
        picture = session.customers.picture(customer, ())
        rows = picture.timeline.drop("key", "events").rows()
        told[f"{person} picture"] = (picture, rows, session.customers.verdict(picture))
        if person not in CONCERNED:
            continue
        for kind, locale in (("internal", "en"), ("reply", "de")):
            told[f"{person} {kind}"] = session.customers.report(customer, kind, locale)
        told[f"{person} tried"] = session.customers.try_rules(customer, (), None)
        subjects = [("message", row) for row in picture.timeline["message"].drop_nulls()[-1:]]
        subjects += [("segment", row.id) for row in picture.segments]
        subjects += [("finding", row.id) for row in picture.findings]
        for kind, name in subjects:
            document = session.customers.explain(customer, Subject(kind, name), ())
            told[f"{person} {kind} {name}"] = document
            told[f"{person} {kind} {name} words"] = session.customers.customer_wording(
                picture, document, "de"
            )
    named = {place: found for place, answer in told.items() if (found := found_in(repr(answer)))}
    assert (named == {}) == (role is Role.AGENT), named
    assert len(told) > 30


# -- the screens themselves ----------------------------------------------------------------------------------------------

OF_CUSTOMER = (
    "x u", "t", "f y escape", "R y e r l r escape", "e", "y", "o", "O escape", "X y p", "w tab tab y l x escape",
    "tab enter escape", "tab tab enter escape", "ctrl+p", "question_mark",
)  # fmt: skip
OF_EVERYBODY = (
    "1 c y",
    "1 c down enter",
    "1 d tab y",
    "1 f3",
    "3 p",
    "3 c",
    "3 i down",
    "3 H",
    "3 down d n",
    "3 down space",
    "ctrl+p",
)


async def settled(driver: Driver) -> None:
    """Let everything happen that follows; what the next key made superfluous was cancelled."""
    while True:
        try:
            return await driver.settle()
        except WorkerCancelled:
            continue


async def walked(folder: Path, role: Role, person: str, walks: tuple[str, ...]) -> dict[str, str]:
    """What stands on the screen after each key of each of `walks`, notifications too; each begins at the customer."""
    app = WhysentApp(CoreSession(folder, Viewer(role, "T1"), first=person), agent=role is Role.AGENT)
    seen: dict[str, str] = {}
    async with app.run_test(size=SIZES["medium"], notifications=True) as pilot:
        driver = Driver(app, pilot)
        await settled(driver)
        for keys in walks:
            while len(app.screen_stack) > 1:
                app.pop_screen()
            app.action_go("customer")
            for number, key in enumerate(("", *keys.split())):
                if key:
                    await pilot.press(key)
                await settled(driver)
                told = " ".join(each.message for each in app._notifications)
                seen[f"{person}: {keys} ({number})"] = f"{driver.text}\n{told}"
    return seen


@pytest.mark.parametrize(
    ("role", "person", "walks"), [(Role.AGENT, MOTHER, OF_CUSTOMER), (Role.OPERATOR, TELLTALE, OF_EVERYBODY)]
)
async def test_no_screen_names_it_to_who_may_not_be_told(
    folder: Path, role: Role, person: str, walks: tuple[str, ...]
) -> None:
    seen = await walked(folder, role, person, walks)
    assert {place: found for place, text in seen.items() if (found := found_in(text))} == {}
    assert sum("withheld" in text for text in seen.values()) > len(seen) / 3
    exports = list((folder / "exports").iterdir())
    assert exports
    assert {file: found for file in exports if (found := found_in(written(file)))} == {}
