"""The recipe for a new check, followed step by step: a row, a class, a line; then everything knows it."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit.findings import catalogue, registry
from audit.findings.check import Check
from audit.findings.check_context import CheckContext
from audit.findings.schema import ABOUT, day, detected, message_count
from audit.privacy.roles import Viewer
from audit.queries.locales import of_notes
from audit.queries.reports import LOCALES, shipped_words
from audit.queries.reports.language import language
from tests.audit.findings import test_manual
from tests.tui.command import Command
from tests.tui.conftest import SIZES, Driver
from tui.app import WhysentApp
from tui.screens.customer import CustomerScreen
from tui.screens.why import WhyScreen
from tui.session.core import CoreSession
from tui.session.view_models import Subject

CUSTOMER = "scene-01-nail-clipper"

# Step 1: a row in audit/findings/checks.toml.
ROW = """
[[check]]
id = "discount-mail"
title = "Mail about a discount"
severity = "high"
jurisdiction = []
basis_kind = "house"
text_read = true
max_verdict = "risk"
sources = ["our own yardstick; no law or study behind it"]
needs = [{ kinds = ["message_sent"] }]
[check.thresholds]
messages = 2            # house: so many are too many
"""


# Step 2: a file in audit/findings/checks/ with a class. `id` and `detect` are all that it must have.
class DiscountMail(Check):
    """Discounts again and again."""

    id = "discount-mail"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Every marketing message, one finding a customer."""
        rows = context.mailings.group_by("customer_id", maintain_order=True).agg(
            pl.len().alias("count"),
            pl.col("channel").first(),
            pl.col("occurred_at").min().alias("first_at"),
            pl.col("occurred_at").max().alias("last_at"),
            pl.col("event_id").alias("messages"),
        )
        text = pl.format(
            "{} about {} since {}.",
            message_count(pl.col("channel")), pl.lit(ABOUT), day(pl.col("first_at")),
        )  # fmt: skip
        return detected(
            rows.filter(pl.col("count") >= self.thresholds["messages"]).with_columns(
                pl.lit("discounts").alias("subject"),
                pl.lit("a discount").alias("about"),
                pl.lit("again").alias("case"),
                text.alias("text"),
                pl.col("messages").alias("evidence"),
            )
        )


# Step 4: what it asks, and what a customer is told, in the file of each language.
ASKED = {"en": "a new thing", "de": "etwas Neues", "fr": "du nouveau", "es": "algo nuevo"}
FAULT = {
    "en": "That was no bargain.",
    "de": "Das war kein Schnäppchen.",
    "fr": "Ce n’était pas une bonne affaire.",
    "es": "No era una ganga.",
}


@pytest.fixture(params=["with words for the customer", "without"])
def toy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Check:
    """The check where its row and its line are: step 3 is its name in the list of audit/findings/registry.py."""
    (row,) = tomllib.loads(ROW)["check"]
    rows = (*catalogue.rows(), catalogue.parse_row(row))
    check = DiscountMail()
    for locale in LOCALES:
        monkeypatch.setitem(language(locale).texts["question"], check.id, ASKED[locale])
        if request.param != "without":
            monkeypatch.setitem(language(locale).texts["fault"], check.id, FAULT[locale])
    monkeypatch.setattr(catalogue, "rows", lambda: rows)
    monkeypatch.setitem(registry.CHECKS, check.id, check)
    return check


@pytest.fixture
def whysent(scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(scenes, capsys, monkeypatch)


FOUND: dict[type[Check], dict[str, Any]] = {}
"""What `audit` says that each has found, asked once."""


def finding_of(whysent: Command, check: Check) -> dict[str, Any]:
    if type(check) not in FOUND:
        findings = whysent("audit", CUSTOMER, "--json").document["findings"]
        (FOUND[type(check)],) = (row for row in findings if row["check"] == check.id)
    return FOUND[type(check)]


def test_audit_lists_it_with_the_words_of_its_row(toy: Check, whysent: Command) -> None:
    finding = finding_of(whysent, toy)
    assert (finding["title"], finding["severity"], finding["verdict"]) == (
        "Mail about a discount",
        "high",
        "risk",
    )
    assert finding["text"] == f"{finding['count']} mails about a discount since {finding['from'][:10]}."
    assert finding["text"] in whysent("audit", CUSTOMER).out
    assert toy.id in whysent("audit", "--all").out


def test_why_names_what_it_rests_on_and_the_messages_without_which_it_is_gone(
    toy: Check, whysent: Command
) -> None:
    finding = finding_of(whysent, toy)
    answer = whysent("why", CUSTOMER, "--finding", finding["id"], "--json").document
    assert answer["standing"] == "derived"
    assert answer["because"][0]["events"] == finding["messages"]
    proof = answer["counterfactual"]
    assert proof["outcome"] == "this would not be found"
    assert len(proof["remove"]) == finding["count"] - 1
    assert finding["text"] in whysent("why", CUSTOMER, "--finding", finding["id"]).out


@pytest.mark.parametrize("locale", LOCALES)
def test_both_reports_speak_of_it_in_every_language(toy: Check, whysent: Command, locale: str) -> None:
    finding = finding_of(whysent, toy)
    about = (CUSTOMER, "--locale", locale, "--finding", finding["id"])
    if locale in of_notes():
        note = whysent("report", *about, "--kind", "internal")
        facts = {"en": (finding["text"].rstrip("."),), "de": ("etwas Neues", f"{finding['total']} E-Mails")}[
            locale
        ]
        assert (note.code, [fact for fact in facts if fact not in note.out]) == (0, [])
    reply = whysent("report", *about, "--kind", "reply")
    assert reply.code == 0
    assert str(finding["count"]) in reply.out
    assert shipped_words.fault(language(locale), toy.id, "again") in reply.out


async def test_the_customer_screen_shows_and_explains_it(toy: Check, scenes: Path) -> None:
    app = WhysentApp(CoreSession(scenes, Viewer()), agent=True)
    async with app.run_test(size=SIZES["large"], notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        app.focused.value = CUSTOMER
        await driver.press("enter")
        assert isinstance(app.screen, CustomerScreen)
        (finding,) = (row for row in app.screen.case.now.findings if row.check == toy.id)
        assert finding.text in driver.words
        app.push_screen(WhyScreen(Subject("finding", finding.id), app.screen.case.now))
        await driver.settle()
        assert f"{finding.count} mails (" in driver.words


def test_the_manual_has_its_chapter(toy: Check) -> None:
    """Step 5: WHYSENT_GOLDEN=write pytest tests/audit/findings/test_manual.py writes docs/checks.md anew."""
    chapter = test_manual.page().partition("## Mail about a discount")[2]
    assert "`discount-mail` · high · at most risk" in chapter
    assert "Every marketing message, one finding a customer." in chapter
    assert "- `messages`: 2" in chapter


def test_whoever_must_not_be_answered_gets_no_reply(
    whysent: Command, monkeypatch: pytest.MonkeyPatch, toy: Check
) -> None:
    monkeypatch.setattr(DiscountMail, "handed_to", "legal")
    refused = whysent("report", CUSTOMER, "--kind", "reply")
    assert (refused.code, "hand this case over to legal" in refused.err) == (2, True)


def test_every_check_has_a_row_and_a_class_that_stands_in_a_file_of_its_own() -> None:
    assert set(registry.CHECKS) == {row.id for row in catalogue.rows() if row.reported_as is None}
    modules = [type(check).__module__ for check in registry.CHECKS.values()]
    assert len(set(modules)) == len(modules)
    folder = Path(registry.__file__).parent / "checks"
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert files == {module.rpartition(".")[2] for module in modules}


def test_what_is_wrong_is_said_to_customers_or_handed_over() -> None:
    worded = {key.partition("_")[0] for key in language("en").texts["fault"]}
    silent = {
        ident for ident, check in registry.CHECKS.items() if not check.handed_to and ident not in worded
    }
    assert silent == {"declared-vs-observed"}, "these have no words for the customer and hand over to nobody"


ALSO_A_STANDING = "unexplained"
"""The one id that is a word of another register, too: what a decision is that nothing accounts for."""


def test_nothing_outside_of_a_check_knows_its_id() -> None:
    ids = {row.id for row in catalogue.rows()} - {ALSO_A_STANDING}
    root = Path(registry.__file__).parents[2]
    folder = root / "audit" / "findings" / "checks"
    known = [
        f"{file.relative_to(root)}:{node.lineno}: {node.value}"
        for package in ("audit", "tui")
        for file in sorted((root / package).rglob("*.py"))
        if file.parent != folder
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ids
    ]
    assert known == []


def test_the_demo_compares_no_check_with_a_string() -> None:
    ids = {row.id for row in catalogue.rows()}
    files = sorted((Path(registry.__file__).parents[2] / "fixtures").rglob("*.py"))
    compared = [
        f"{file.name}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(side, ast.Constant) and side.value in ids for side in (node.left, *node.comparators)
        )
    ]
    assert compared == []
