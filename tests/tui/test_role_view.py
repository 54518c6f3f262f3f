"""What a role may not be told, it is told nowhere: every command, document, screen and export of every scene, as each role."""

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from textual.worker import WorkerCancelled

from audit import findings, why
from audit.errors import InputError
from audit.events import sensitive_topics
from audit.events.document import Document
from audit.events.schema import conform
from audit.privacy.role_view import MARK
from audit.privacy.roles import Role, Viewer
from audit.queries import (
    campaigns,
    customer,
    documents,
    findings_documents,
    reconcile,
    rule_check,
    segment_documents,
)
from audit.queries.audience import audience
from audit.queries.case import read_case
from audit.queries.complaints import answer as letter_answer
from audit.queries.everybody import read_everybody
from audit.rules import files, model
from audit.rules.book import documents as book_documents
from audit.rules.replay import curve, simulation
from audit.workspace.workspace import Workspace
from fixtures import scenes as stories
from tests.contract_tables import printed
from tests.tui.command import Command
from tests.tui.conftest import SIZES, Driver, painted_when_read
from tui import commands
from tui.app import WhysentApp
from tui.session.core import CoreSession
from tui.session.view_models import Change

UNTOLD = ("agent", "operator")
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


# -- every document, at the door -----------------------------------------------------------------------------------------

NOTHING_OF_CUSTOMERS = {
    "formats",
    "import",
    "doctor",
    "presets",
    "policy",
    "kept",
    "handover",
    "map_suggestion",
    "format",
    "format_check",
    "format_skeleton",
    "links",
}
"""Documents about files, this machine, who is one person, and numbers of rules that are not named to whoever is not told."""


def of_customer(ws: Workspace, person: str) -> Iterator[tuple[str, object]]:
    """All documents about one customer: as they are, before anybody is told them."""
    case = read_case(ws, person)
    picture = customer.picture(case, strips=person in CONCERNED)
    yield "picture", picture
    yield "findings.parquet", case.found
    if person not in CONCERNED:
        return
    yield "history", segment_documents.history(ws, person)
    if person == TELLTALE:
        yield "audit", documents.audited(case)
        yield (
            "case of a letter",
            letter_answer.read(ws, f"Why do I get your mails?\n\ncustomer number {person}"),
        )
    subjects = [("segment", row.id) for row in picture.segments]
    subjects += [("item", row.item_id) for row in picture.recommendations[:1]]
    subjects += [("finding", row.id) for row in picture.findings]
    subjects += [("message", row.messages[-1]) for row in picture.findings if row.messages][:2]
    for kind, ident in dict.fromkeys(subjects):
        yield f"why {kind} {ident}", documents.explanation(case, **{kind: ident})
    for kind, locale in (("internal", "en"), ("reply", "de")):
        try:
            report = documents.written(case, ws, kind=kind, locale=locale, ticket="T1")
        except InputError as error:
            yield f"{kind} {locale}", str(error)
            continue
        yield f"{kind} {locale}", report.document()
        yield from ((f"{kind} {locale} {form}", report.written(form)) for form in ("md", "html"))


def of_everybody(ws: Workspace) -> Iterator[tuple[str, object]]:
    """All documents about everybody, and about the book."""
    everybody, events = read_everybody(ws), ws.events()
    found = findings.ranked(everybody.people, everybody.found)
    yield "customers", findings_documents.triage_list(everybody, found, None)
    yield "audit --all", findings_documents.totals_document(everybody)
    yield "all.parquet", everybody.found
    yield "reconcile", reconcile.reconcile(ws, limit=500)
    yield "segments", segment_documents.definitions(ws)
    yield "audience", audience(ws, ws.view.text("little-one"))
    yield "map", campaigns.campaign_map(ws)
    book, proposals = ws.book, ws.book.inbox.groups()
    yield "rules list", book_documents.rule_list(book.rules())
    yield "rules export", files.dump(book.rules())
    yield (
        "rules history",
        book_documents.RuleHistory(versions=tuple(map(book_documents.version, book.history()))),
    )
    yield "rules check", rule_check.document(ws, book.rules())
    yield "rules diff", book_documents.rule_diff("no-prenatal", book.between("no-prenatal"))
    yield "rules inbox", book_documents.inbox(proposals)
    yield "a proposal", book_documents.proposal(proposals[0].proposals[0])
    plan = book.plan_remove("no-prenatal")
    yield "a plan", book_documents.plan(plan, None, applied=False, proposal=None)
    replay = simulation.simulate(
        events,
        book.enabled(),
        everybody.context,
        causes=why.causes(events, everybody.context),
    )
    yield "simulate", replay.totals().document()
    yield "decisions.parquet", replay.decisions
    yield "sweep", curve.document("cap-of-three", [replay.totals()])


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, dict[str, object]]:
    """Whom it is about (nobody: everybody) → what → the document, made once."""
    ws = Workspace.open(folder)
    people = [*(person.id for person in stories.people()), TELLTALE]
    return {"": dict(of_everybody(ws))} | {person: dict(of_customer(ws, person)) for person in people}


def written_out(answer: object) -> str:
    if isinstance(answer, pl.DataFrame):
        return answer.write_ndjson()
    return answer if isinstance(answer, str) else json.dumps(answer.to_json(), ensure_ascii=False)


def named_to(role: Role, folder: Path, made: dict[str, dict[str, object]]) -> dict[str, list[str]]:
    """The documents in which a role finds a sensitive topic, and the words of it; of an agent each customer is a look of its own."""
    places, viewer = {}, Viewer(role, "T1")
    everybody = None if role is Role.AGENT else Workspace.open(folder, viewer)
    if everybody is not None:
        everybody.events()
    for person, answers in made.items():
        ws = everybody or Workspace.open(folder, viewer)
        _ = ws.history(ws.resolve(person)) if person else ws.events()
        for what, answer in answers.items():
            places[f"{person}: {what}"] = found_in(written_out(ws.view.shown(answer)))
    return {place: words_found for place, words_found in places.items() if words_found}


@pytest.mark.parametrize("role", [Role.AGENT, Role.OPERATOR])
def test_no_document_of_any_scene_names_it_to_who_may_not_be_told(
    folder: Path, made: dict[str, dict[str, object]], role: Role
) -> None:
    assert named_to(role, folder, made) == {}
    assert sum(map(len, made.values())) > 100


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
def test_the_same_documents_name_it_to_who_may_be_told(
    folder: Path, made: dict[str, dict[str, object]], role: Role
) -> None:
    concerned = (MOTHER, TELLTALE, "scene-03-father-to-be")
    one_of_each = {person: {"picture": made[person]["picture"]} for person in concerned}
    named = named_to(role, folder, one_of_each | {"": {"rules list": made[""]["rules list"]}})
    assert {place.partition(":")[0] for place in named} == {"", *concerned}


def test_every_document_there_is_is_among_them(made: dict[str, dict[str, object]]) -> None:
    tags = {
        str(answer.to_json()["schema"])
        for answers in made.values()
        for answer in answers.values()
        if isinstance(answer, Document)
    }
    others = {f"whysent.{name}/1" for name in NOTHING_OF_CUSTOMERS}
    assert tags == set(printed()) - others


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def whysent(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(folder, capsys, monkeypatch)


COMMANDS = {
    "agent": (
        ("show", TELLTALE), ("why", TELLTALE, "--segment", "no-such"), ("audit", TELLTALE, "--out", "OUT/findings.parquet"),
        ("report", TELLTALE, "--format", "html", "--out", "OUT/note.html"),
    ),
    "operator": (
        ("customers",), ("rules", "list"), ("rules", "show", "no-such"), ("rules", "disable", "cap-of-three"),
        ("simulate", "--decisions", "OUT/decisions.parquet"), ("simulate", "--format", "html", "--out", "OUT/replay.html"),
        ("rules", "export", "OUT/rules.toml"), ("rules", "handover", "--format", "words"),
    ),
}  # fmt: skip
"""Each way out of the program once: a page, a document, an error, a narration, each sort of file."""


def written(file: Path) -> str:
    if file.suffix != ".parquet":
        return file.read_text(encoding="utf-8")
    return pl.read_parquet(file).write_ndjson()


@pytest.mark.parametrize("role", UNTOLD)
def test_no_command_and_no_file_names_it_to_who_may_not_be_told(
    whysent: Command, role: str, tmp_path: Path
) -> None:
    told: dict[str, str] = {}
    for command in COMMANDS[role]:
        arguments = [part.replace("OUT", str(tmp_path)) for part in command]
        ticket = ["--ticket", "T1"] if role == "agent" else []
        done = whysent(*arguments, "--as", role, *ticket)
        told[" ".join(command)] = done.out + done.err
        assert done.code in (0, 1, 2), (command, done.err)
    told |= {str(file): written(file) for file in tmp_path.iterdir()}
    assert {place: found for place, text in told.items() if (found := found_in(text))} == {}


def test_the_same_commands_name_it_to_who_may_be_told(whysent: Command) -> None:
    assert "stork-club" in found_in(whysent("show", TELLTALE, "--as", "reviewer", "--json").out)
    assert {"hush", "prenatal"} <= set(found_in(whysent("rules", "list", "--as", "reviewer").out))


def test_nothing_leaves_the_commands_but_through_the_door() -> None:
    """Only `output` prints and writes; the others print what holds nothing of the data, or what was told."""
    ways = re.compile(r"\bprint\(|sys\.stdout\.write|write_text|write_parquet|write_bytes|json\.dump\(")
    used = {
        file.name: len(ways.findall(file.read_text(encoding="utf-8")))
        for file in Path(commands.__file__).parent.glob("*.py")
    }
    assert {name: number for name, number in used.items() if number and name != "output.py"} == {
        "__init__.py": 1, "senders.py": 1, "simulate.py": 1,
    }  # fmt: skip


# -- what comes back -----------------------------------------------------------------------------------------------------


def test_a_name_that_is_withheld_is_not_found_by_guessing(whysent: Command) -> None:
    agent = ("--as", "agent", "--ticket", "T1")
    shown = whysent("show", MOTHER, *agent, "--json").document
    (stand_in,) = [row["id"] for row in shown["segments"] if row["sensitive"]]
    assert whysent("why", MOTHER, "--segment", stand_in, *agent).code == 0
    guessed = whysent("why", MOTHER, "--segment", "expecting-parent", *agent)
    invented = whysent("why", MOTHER, "--segment", "pregnancy-nobody-has", *agent)
    assert (guessed.code, invented.code) == (2, 2)
    assert guessed.err == invented.err
    guessed, invented = (whysent("audience", name, *agent) for name in ("little-one", "nobody-at-all"))
    assert (guessed.code, invented.code) == (2, 2)
    assert guessed.err == invented.err


def test_what_was_withheld_of_a_rule_stands_as_it_was_when_the_rule_comes_back(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "workspace"
    shutil.copytree(folder, own)
    whysent = Command(own, capsys, monkeypatch)
    (listed,) = [
        rule
        for rule in whysent("rules", "list", "--as", "operator", "--json").document["rules"]
        if rule.get("limit") == 3 and rule["title"] == MARK
    ]
    file = tmp_path / "edited.toml"
    page = whysent("rules", "show", listed["id"], "--as", "operator").out
    assert MARK in page
    file.write_text(page.replace("limit = 3", "limit = 5"), encoding="utf-8")
    assert whysent("rules", "import", file, "--yes", "--as", "operator").code == 0
    assert whysent("rules", "set", listed["id"], "note=checked", "--yes", "--as", "operator").code == 0
    session = CoreSession(own, Viewer(Role.OPERATOR))
    (entry,) = [entry for entry in session.rules.entries() if entry.id == listed["id"]]
    texts = {field.key: field.text for field in entry.fields} | {
        "id": entry.id,
        "kind": str(entry.keys["kind"]),
    }
    keys = session.rules.draft(texts | {"window": "14d"}).keys
    session.rules.plan(Change("set", entry.id, keys))
    session.rules.apply(Change("set", entry.id, keys))
    stored = Workspace.open(own).book.rule("cap-of-three")
    assert (stored.title, stored.except_campaigns) == ("Three a week of stork-club", ("stork-club",))
    assert (stored.limit, stored.window, stored.note) == (5, "14d", "checked")
    assert {rule.id for rule in Workspace.open(own).book.rules()} == {
        rule.id for rule in Workspace.open(folder).book.rules()
    }


# -- the screens themselves ----------------------------------------------------------------------------------------------

OF_CUSTOMER = ("x", "f y escape R y e escape", "X escape w tab tab y", "ctrl+p")
OF_EVERYBODY = ("1 c y", "1 f3", "3 p", "3 i down", "3 H", "3 down d n")


async def settled(driver: Driver) -> None:
    """Let everything happen that follows; what the next key made superfluous was cancelled."""
    while True:
        try:
            return await driver.settle()
        except WorkerCancelled:
            continue


async def walked(folder: Path, role: Role, person: str, walks: tuple[str, ...]) -> dict[str, str]:
    """What stands on the screen after each key of each of `walks`, notifications too; each begins at the customer."""
    app = WhysentApp(CoreSession(folder, Viewer(role, "T1")), agent=role is Role.AGENT)
    seen: dict[str, str] = {}
    with painted_when_read():
        async with app.run_test(size=SIZES["medium"], notifications=True) as pilot:
            driver = Driver(app, pilot)
            await settled(driver)
            app.open_customer(app.session.customers.resolve(person))
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


@pytest.mark.parametrize(("role", "walks"), [(Role.AGENT, OF_CUSTOMER), (Role.OPERATOR, OF_EVERYBODY)])
async def test_no_screen_names_it_to_who_may_not_be_told(
    folder: Path, role: Role, walks: tuple[str, ...]
) -> None:
    seen = await walked(folder, role, TELLTALE, walks)
    assert {place: found for place, text in seen.items() if (found := found_in(text))} == {}
    assert sum("withheld" in text for text in seen.values()) > len(seen) / 3
    exports = list((folder / "exports").iterdir())
    assert exports
    assert {file: found for file in exports if (found := found_in(written(file) + file.name))} == {}


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
async def test_the_same_screen_names_it_to_who_may_be_told(folder: Path, role: Role) -> None:
    seen = await walked(folder, role, TELLTALE, ("",))
    assert "stork-club" in found_in(" ".join(seen.values())) or "Your list for the big day" in str(seen)
