"""The letters that the scenes get: each was read aloud before it was kept; of the newer languages a few are."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from audit.enforcement import handover
from audit.errors import InputError
from audit.ingest import import_paths
from audit.privacy import vault
from audit.privacy.log import Log
from audit.privacy.roles import Viewer
from audit.queries import documents, remedies
from audit.queries.case import Case, read_case
from audit.queries.findings_documents import Finding
from audit.queries.reports import LOCALES
from audit.queries.reports.language import language
from audit.rules.book import Book
from audit.workspace.workspace import Workspace
from fixtures import demo
from fixtures import scenes as told
from tests import golden
from tests.audit.queries.test_shipped_words import DATA, english_in
from tests.conftest import steady_pseudonym
from tests.figures.reading import figures

GOLDEN = Path(__file__).parent / "golden" / "replies"
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)

ANSWERED = (
    "scene-01-nail-clipper", "scene-05-junk-box", "scene-06-forty-a-day", "scene-07-cart-bought", "scene-07-cart-burst",
    "scene-07-cart-good", "scene-08-looked-at-cameras", "scene-09-breach", "scene-09-objected", "scene-09-queued-before",
    "scene-09-transactional", "scene-09-within-grace", "scene-09-wrong-scope", "scene-10-happy-diapers",
    "scene-11-rural-maker", "scene-12-third-party", "scene-13-just-say-thanks",
)  # fmt: skip
REFUSED = {
    "scene-02-makeup-for-my-wife": "privacy or care",
    "scene-03-expecting-mother": "privacy",
    "scene-03-father-to-be": "privacy",
    "scene-03-friend-by-likeness": "privacy",
    "scene-04-bereaved-parents": "privacy or care",
    "scene-04-tool-set": "privacy or care",
}


KEPT_WHOLE = ("en", "de")
"""The languages of which every letter is kept."""


class Clock:
    """A clock that stands where it was set."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def scene_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("replies") / "scenes.parquet"
    told.events().write_parquet(file)
    return file


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory, scene_events: Path) -> Workspace:
    """The scenes, with an empty book."""
    made = Workspace.create(tmp_path_factory.mktemp("replies") / "ws", synthetic=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "random_pseudonym", steady_pseudonym)
        import_paths(made, [scene_events])
    made.set_map(demo.demo_campaigns(), demo.demo_flows())
    return made


@pytest.fixture
def clock(ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Clock]:
    """A book and a log of their own in `ws`, by a clock that stands."""
    moment = Clock()
    monkeypatch.setattr(ws, "_book", Book(tmp_path / "book.db", now=moment))
    monkeypatch.setitem(ws.__dict__, "log", Log(tmp_path / "log.db", now=moment))
    return moment


class Letters:
    """The letters and notes of a workspace with an empty book; each customer is read once for all of them."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self._read: dict[str, Case] = {}
        self._made: dict[tuple[str, str, str], str] = {}

    def case(self, customer: str) -> Case:
        if customer not in self._read:
            self._read[customer] = read_case(self.ws, customer)
        return self._read[customer]

    def __call__(self, customer: str, locale: str, kind: str = "reply") -> str:
        asked = customer, locale, kind
        if asked not in self._made:
            made = documents.written(self.case(customer), self.ws, kind=kind, locale=locale)
            self._made[asked] = made.written("txt")
        return self._made[asked]


@pytest.fixture(scope="module")
def letters(ws: Workspace) -> Letters:
    return Letters(ws)


def letter(ws: Workspace, customer: str, locale: str, **options: str) -> str:
    return documents.report(ws, customer, kind="reply", locale=locale, **options).written("txt")


def in_every_language(ws: Workspace, case: Case) -> dict[str, str]:
    """The letter in each language, from one reading."""
    return {
        locale: documents.written(case, ws, kind="reply", locale=locale).written("txt") for locale in LOCALES
    }


def worst(ws: Workspace, customer: str) -> Finding:
    (first, *_) = documents.audit(ws, customer).findings
    return first


@pytest.mark.parametrize(
    ("customer", "locale"),
    [
        *product(ANSWERED, KEPT_WHOLE),
        *product(("scene-01-nail-clipper", "scene-09-wrong-scope", "scene-12-third-party"), ("fr", "es")),
    ],
)
def test_a_scene_gets_the_letter_that_was_read(letters: Letters, customer: str, locale: str) -> None:
    golden.hold(GOLDEN / f"{customer.removeprefix('scene-')}-{locale}.txt", letters(customer, locale))


def told_in(text: str) -> tuple[Counter[str], list[int]]:
    """The days and numbers of a letter, and of how many lines each of its blocks is."""
    blocks = text.strip().split("\n\n")
    return Counter(figures(text)), [block.count("\n") for block in blocks]


@pytest.mark.parametrize("customer", ANSWERED)
def test_a_letter_has_the_same_days_and_numbers_in_every_language(letters: Letters, customer: str) -> None:
    english = told_in(letters(customer, "en"))
    assert english[0]
    assert {locale: told_in(letters(customer, locale)) for locale in LOCALES} == dict.fromkeys(
        LOCALES, english
    )


@pytest.mark.parametrize("customer", ANSWERED)
def test_french_and_spanish_have_no_english_left_and_join_words_as_one_speaks(
    letters: Letters, customer: str
) -> None:
    french, spanish = (letters(customer, locale) for locale in ("fr", "es"))
    french = re.sub(r"«[^»]*»", "«»", french)
    spanish = re.sub(r"“[^”]*”", "“”", spanish)
    assert not re.findall(r"\b(?:d|qu|jusqu|l|n)e [aeiouéèêh]|\b(?:à|de) le \d", french)
    assert not re.findall(r"\b(?:a|de) el\b|\by h?i(?![aeo])", spanish, re.IGNORECASE)
    for words in (french, spanish):
        assert not ENGLISH.findall(re.sub(r"e-mail|messages?|\bon\b", "", words, flags=re.IGNORECASE))


def test_every_scene_is_answered_or_handed_on() -> None:
    assert {*ANSWERED, *REFUSED} == set(told.events()["customer_id"])


@pytest.mark.parametrize(("customer", "answers"), REFUSED.items())
def test_no_letter_is_made_where_somebody_else_must_answer_and_it_says_who(
    letters: Letters, customer: str, answers: str
) -> None:
    with pytest.raises(InputError, match=f"no reply is offered here: hand this case over to {answers}"):
        letters(customer, "en")
    named = language("de").say("refused", answers)
    with pytest.raises(
        InputError, match=f"hier gibt es keine Antwort zum Abschicken: Bitte weitergeben an {named}"
    ):
        letters(customer, "de")
    for locale in LOCALES:
        with pytest.raises(InputError, match=re.escape(language(locale).say("refused", answers))):
            letters(customer, locale)


def states(ws: Workspace, clock: Clock, customer: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The state of the remedy, and the letters, as a finding's rule goes on from nothing to the sending system."""

    def now() -> tuple[str, dict[str, str]]:
        case = read_case(ws, customer)
        (first, *_) = documents.audited(case).findings
        return remedies.remedy(ws, first).state, in_every_language(ws, case)

    yield now()
    finding = worst(ws, customer)
    rule, case = remedies.suggested(ws, finding.customer, finding.id, ticket="T-1")
    proposal = ws.book.inbox.propose(
        ws.book.plan_import([rule], effective=AT + timedelta(days=3)), case, author="agent"
    )
    yield now()
    clock.at += timedelta(days=1)
    ws.book.apply(ws.book.plan_approve(proposal.number), author="operator")
    yield now()
    clock.at += timedelta(days=4)
    yield now()
    clock.at += timedelta(days=1)
    handover.hand_over(ws, ws.book.enabled(), "braze", viewer=Viewer(), actor="operator")
    yield now()


@pytest.mark.parametrize("customer", ["scene-01-nail-clipper", "scene-09-breach"])
def test_what_was_done_is_said_as_the_book_has_it(ws: Workspace, clock: Clock, customer: str) -> None:
    told_states = list(states(ws, clock, customer))
    assert [state for state, _ in told_states] == ["none", "proposed", "approved", "in_force", "handed_over"]
    for _, said in told_states:
        assert len({repr(sorted(told_in(text)[0].items())) for text in said.values()}) == 1, said
    for locale in KEPT_WHOLE:
        paragraphs = [set(letters[locale].split("\n\n")) for _, letters in told_states]
        changed = "\n\n".join(
            f"[{state}] {' '.join(sorted(text - paragraphs[0]))}".strip()
            for (state, _), text in zip(told_states, paragraphs, strict=True)
        )
        golden.hold(GOLDEN / f"states-{customer.removeprefix('scene-')}-{locale}.txt", changed + "\n")


NAILS = "scene-01-nail-clipper"


def changes_in(ws: Workspace, at: datetime | None = None) -> dict[str, str]:
    """What the letters on the nail clippers say of what was done, by language."""
    return {
        locale: change_in(documents.written(case, ws, kind="reply", locale=locale).written("txt"))
        for case in [read_case(ws, NAILS, at=at)]
        for locale in KEPT_WHOLE
    }


def change_in(text: str) -> str:
    words = ("nothing is changed", "rule of ours", "have changed", "decided to change", "passed it on")
    german = (
        "nichts geändert",
        "bei uns seit",
        "haben das geändert",
        "beschlossen, das zu ändern",
        "weitergegeben",
    )
    (said,) = [block for block in text.split("\n\n") if any(word in block for word in (*words, *german))]
    return said


def other_states(ws: Workspace, clock: Clock) -> Iterator[tuple[str, dict[str, str]]]:
    """What is said where a rule is on for half of it, was undone, has run out, or was on all the while."""
    finding = worst(ws, NAILS)
    rule, _ = remedies.suggested(ws, finding.customer, finding.id)
    sent = ws.history(finding.customer).filter(kind="message_sent")["occurred_at"].sort()
    ws.book.apply(ws.book.plan_add([replace(rule, id="half", campaigns=first_half(ws, finding))]))
    clock.at += timedelta(days=1)
    yield "half", changes_in(ws)
    ws.book.apply(ws.book.plan_undo())
    yield "undone", changes_in(ws)
    ws.book.apply(ws.book.plan_add([replace(rule, id="once", valid_until=clock.at + timedelta(days=2))]))
    clock.at += timedelta(days=1)
    on = clock.at
    yield "in_force", changes_in(ws)
    clock.at += timedelta(days=3)
    yield "expired", changes_in(ws)
    yield "as_of_when_it_was_on", changes_in(ws, on)
    yield "as_of_before", changes_in(ws, AT - timedelta(days=1))
    clock.at = sent[0] - timedelta(days=30)
    early = Book(ws.path / "early.db", now=clock)
    early.apply(early.plan_add([replace(rule, id="early")]))
    clock.at = AT
    ws._book = early
    yield "on_all_the_while", changes_in(ws)


def first_half(ws: Workspace, finding: Finding) -> tuple[str, ...]:
    """The campaign of some of a finding's messages."""
    rows = ws.history(finding.customer).rows_by_key("event_id", named=True, unique=True)
    return (min(rows[event]["campaign_id"] for event in finding.messages),)


def test_half_a_rule_an_undone_one_and_one_that_ran_out_are_told_as_they_are(
    ws: Workspace, clock: Clock
) -> None:
    told_states = dict(other_states(ws, clock))
    for locale in KEPT_WHOLE:
        golden.hold(
            GOLDEN / f"book-{locale}.txt",
            "\n\n".join(f"[{state}] {said[locale]}" for state, said in told_states.items()) + "\n",
        )
    assert told_states["undone"] == told_states["expired"] == told_states["as_of_before"]
    assert told_states["as_of_when_it_was_on"] == told_states["in_force"]


def test_a_letter_as_of_a_day_knows_what_was_proposed_and_handed_over_then(
    ws: Workspace, clock: Clock
) -> None:
    finding = worst(ws, NAILS)
    rule, case = remedies.suggested(ws, finding.customer, finding.id)
    proposal = ws.book.inbox.propose(ws.book.plan_import([rule]), case, author="agent")
    clock.at += timedelta(days=1)
    ws.book.apply(ws.book.plan_approve(proposal.number), author="operator")
    clock.at += timedelta(days=1)
    handover.hand_over(ws, ws.book.enabled(), "braze", viewer=Viewer(), actor="operator")

    def state(at: datetime) -> str:
        case = remedies.read_case(ws, NAILS, at=at)
        return remedies.remedy(ws, remedies.findings(case)[0], at=at).state

    days = [AT + timedelta(hours=hours) for hours in (-1, 1, 25, 49)]
    assert [state(at) for at in days] == ["none", "proposed", "in_force", "handed_over"]


def test_nothing_is_passed_on_before_a_proposal_for_this_very_finding_is_in_the_book(
    ws: Workspace, clock: Clock
) -> None:
    mine, theirs = (read_case(ws, one) for one in ("scene-01-nail-clipper", "scene-05-junk-box"))
    reply = partial(documents.written, ws=ws, kind="reply", locale="en")
    assert "passed it on" not in reply(mine).written("txt")
    other = worst(ws, "scene-05-junk-box")
    rule, case = remedies.suggested(ws, other.customer, other.id)
    ws.book.inbox.propose(ws.book.plan_import([rule]), case)
    assert "passed it on" not in reply(mine).written("txt")
    assert "passed it on: since 23 November 2026" in reply(theirs).written("txt")


def test_a_proposal_that_was_rejected_or_withdrawn_is_none(ws: Workspace, clock: Clock) -> None:
    finding = worst(ws, "scene-01-nail-clipper")
    rule, case = remedies.suggested(ws, finding.customer, finding.id)
    for end in (ws.book.inbox.reject, ws.book.inbox.withdraw):
        proposal = ws.book.inbox.propose(ws.book.plan_import([rule]), case)
        assert remedies.remedy(ws, finding).state == "proposed"
        end(proposal.number)
        assert remedies.remedy(ws, finding).state == "none"


@pytest.mark.parametrize("customer", [one for one in ANSWERED if one.startswith("scene-09")])
def test_a_no_stands_and_is_no_proposal(letters: Letters, customer: str) -> None:
    text = letters(customer, "en")
    assert re.search(r"(stands|of \d+ \w+ \d+ stands), and you do not have to repeat it", text)
    assert not re.search(r"more of them|can still come|a little while|every system|breach|violat", text)
    assert ("objected" in text.lower() or "objection" in text) == (customer == "scene-09-objected")


def test_the_question_comes_first(letters: Letters) -> None:
    assert "about “Cameras”" in letters("scene-08-looked-at-cameras", "en")
    third = letters("scene-12-third-party", "en")
    assert "it came from a third party, “Weitblick audience data”, on 1 June 2026" in third


def test_of_several_findings_the_one_that_is_named_is_answered(ws: Workspace) -> None:
    looked = next(
        row
        for row in documents.audit(ws, "scene-08-looked-at-cameras").findings
        if row.check == "browse-pursuit"
    )
    text = letter(ws, "scene-08-looked-at-cameras", "en", finding=looked.id)
    assert "Camera deals" in text
    assert "DVD deals" not in text


def test_a_default_of_ours_is_told_as_no_date(letters: Letters) -> None:
    """The window of a segment that nobody defined here would end on 1 June 2027."""
    assert "2027" not in letters("scene-12-third-party", "en")


QUOTED = re.compile(r"„[^“]*“|“[^”]*”")
ENGLISH = re.compile(
    r"\b(the|and|you|your|from|with|about|mails?|cart|rule|this|that|on|to|we|our|is|not|by|for|messages?)\b", re.IGNORECASE
)  # fmt: skip


@pytest.mark.parametrize("customer", ANSWERED)
def test_german_has_no_english_left_and_german_dates(letters: Letters, customer: str) -> None:
    words = QUOTED.sub("", letters(customer, "de")).replace("E-Mail", "")
    assert not ENGLISH.findall(words)
    assert not re.findall(r"\d{4}-\d\d-\d\d|”", words)
    assert re.search(
        r"\d\. (Januar|Februar|März|April|Mai|Ju[nl]i|August|September|Oktober|November) \d{4}", words
    )


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("customer", ANSWERED)
def test_a_letter_begins_with_a_name_says_sorry_once_at_most_and_is_signed(
    letters: Letters, customer: str, locale: str
) -> None:
    blocks = letters(customer, locale).strip().split("\n\n")
    assert blocks[1] in {"Dear [name],", "Guten Tag [Name],"}
    assert blocks[-1] in {"[your name], [your team]", "[Ihr Name], [Ihr Team]"}
    found = documents.audited(letters.case(customer)).findings
    wrong = [row for row in found if row.severity != "info"]
    sorry = len(re.findall(r"[Ww]e are sorry|leid", "\n".join(blocks)))
    assert sorry == bool(wrong)


@pytest.mark.parametrize("customer", [*ANSWERED, *REFUSED])
def test_a_german_note_is_german(letters: Letters, customer: str) -> None:
    note = letters(customer, "de", "internal")
    for text in [note, letters(customer, "de")] if customer in ANSWERED else [note]:
        assert not english_in(text)
        assert not ENGLISH.findall(DATA.sub("", text).replace("E-Mail", ""))
