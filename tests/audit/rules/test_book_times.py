"""Two times: from when on a rule is in force, and when the book knew of it."""

import itertools
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import NotFoundError, WorkspaceError
from audit.rules import files
from audit.rules.book import Book
from audit.rules.book.versions import rule_set, standing, stood
from audit.rules.model import from_dict, to_dict
from audit.rules.replay import simulation
from audit.rules.scopes import valid
from tests.audit.rules.build import message
from tests.audit.rules.strategies import rule_sets
from tests.build import context, events

CAP = {"id": "cap", "kind": "frequency_cap", "limit": 3, "window": "7d"}


def day(number):
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


class Dated:
    """A book whose clock a test sets: `on(day, act, ...)`."""

    def __init__(self, path):
        self.now = day(1)
        self.book = Book(path, now=lambda: self.now)

    def on(self, number, act, *arguments, effective=None, **more):
        self.now = day(number)
        when = {} if effective is None else {"effective": day(effective)}
        return self.book.apply(getattr(self.book, f"plan_{act}")(*arguments, **when), **more)

    def limits(self, valid_at, recorded_at):
        return [rule.limit for rule in self.book.as_of(day(valid_at), day(recorded_at))]


@pytest.fixture(autouse=True, scope="module")
def fast():
    """Nobody cuts the power here: these books need not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "audit.storage.database.SETTINGS",
            ("foreign_keys = ON", "synchronous = OFF", "journal_mode = MEMORY"),
        )
        yield


@pytest.fixture
def dated(tmp_path):
    return Dated(tmp_path / "book.db")


def test_a_change_holds_from_when_it_is_written_unless_it_says_otherwise(dated):
    dated.on(2, "add", [from_dict(CAP)])
    (one,) = dated.book.history()
    assert one.effective == one.recorded_at == day(2)
    assert [dated.limits(1, 9), dated.limits(2, 9), dated.limits(9, 1)] == [[], [3], []]


def test_what_is_to_come_is_known_and_not_yet_in_force(dated):
    dated.on(2, "add", [from_dict(CAP)])
    dated.on(3, "set", "cap", {"limit": 1}, effective=10)
    assert dated.book.rule("cap").limit == 3
    assert [one.rule.limit for one in dated.book.coming()] == [1]
    assert [dated.limits(9, 3), dated.limits(10, 3), dated.limits(10, 2)] == [[3], [1], [3]]
    dated.now = day(10)
    assert dated.book.rule("cap").limit == 1
    assert dated.book.coming() == []


def test_what_is_corrected_for_the_past_was_not_known_then(dated):
    dated.on(5, "add", [from_dict(CAP)])
    dated.on(9, "set", "cap", {"limit": 1}, effective=2)
    assert [dated.limits(2, 9), dated.limits(5, 9), dated.limits(9, 9)] == [[1], [1], [1]]
    assert [dated.limits(2, 8), dated.limits(5, 8)] == [[], [3]]


def test_in_force_is_what_is_on_and_within_its_own_validity(dated):
    dated.on(1, "add", [from_dict({**CAP, "valid_until": "2026-01-04T00:00:00Z"})])
    dated.on(2, "disable", "cap")
    dated.on(3, "enable", "cap")
    assert [dated.limits(number, 9) for number in (1, 2, 3, 4)] == [[3], [], [3], []]


def test_a_change_before_one_that_is_to_come_is_refused_and_names_it(dated):
    dated.on(2, "add", [from_dict(CAP)])
    dated.on(3, "set", "cap", {"limit": 1}, effective=10)
    with pytest.raises(WorkspaceError, match="version 2 is to come at 2026-01-10T00:00:00Z; undo that first"):
        dated.book.plan_set("cap", {"limit": 2})
    dated.on(4, "set", "cap", {"limit": 2}, effective=12)
    assert [(one.rule.limit, one.effective) for one in dated.book.coming()] == [(1, day(10)), (2, day(12))]
    assert [dated.limits(number, 9) for number in (9, 10, 12)] == [[3], [1], [2]]


def test_undo_takes_back_what_is_to_come(dated):
    dated.on(2, "add", [from_dict(CAP)])
    dated.on(3, "set", "cap", {"limit": 1}, effective=10)
    dated.on(4, "undo")
    assert dated.book.coming() == []
    assert [dated.limits(12, 3), dated.limits(12, 4)] == [[1], [3]]


def test_undo_of_a_later_change_to_come_leaves_the_earlier_one_to_come(dated):
    dated.on(2, "add", [from_dict(CAP)])
    dated.on(3, "set", "cap", {"limit": 1}, effective=10)
    dated.on(4, "set", "cap", {"limit": 2}, effective=12)
    dated.on(5, "undo")
    assert [dated.limits(number, 5) for number in (9, 10, 12)] == [[3], [1], [1]]
    assert [(one.rule.limit, one.effective) for one in dated.book.coming()] == [(1, day(10))]


def test_undo_of_a_correction_restores_the_past_as_it_was_known(dated):
    dated.on(2, "add", [from_dict(CAP)])
    dated.on(6, "set", "cap", {"limit": 2})
    dated.on(7, "set", "cap", {"limit": 9}, effective=1)
    assert [dated.limits(number, 7) for number in (1, 2, 6)] == [[9], [9], [9]]
    dated.on(8, "undo")
    assert [dated.limits(number, 8) for number in (1, 2, 6, 8)] == [[], [3], [2], [2]]
    assert dated.limits(2, 7) == [9]


def test_a_plan_says_from_when_on(dated):
    plan = dated.book.plan_add([from_dict(CAP)], effective=day(9))
    says = "    At most 3 marketing messages in any 7 days."
    assert plan.lines() == ["+ cap", says, "in force from 2026-01-09T00:00:00Z"]


def test_a_clock_that_is_set_back_hides_no_change(dated):
    dated.on(9, "add", [from_dict(CAP)])
    dated.on(2, "set", "cap", {"limit": 1})
    assert [one.recorded_at for one in dated.book.history()] == [day(9), day(9)]
    assert [rule.limit for rule in dated.book.rules()] == [1]
    assert [rule.limit for rule in dated.book.as_of()] == [1]


acts = st.lists(
    st.tuples(
        st.sampled_from(("add", "set", "disable", "enable", "remove", "undo")),
        st.sampled_from("ab"),
        st.integers(0, 4),  # days until it is written
        st.one_of(st.none(), st.integers(1, 30)),
        st.sampled_from(({}, {"valid_until": "2026-01-15T00:00:00Z"}, {"campaigns": ["news"]})),
    ),
    min_size=1,
    max_size=8,
)
numbers = itertools.count()


def lived(path, made):
    """A book in which every act of `made` that is possible has been done."""
    dated, today = Dated(path), 1
    dated.on(1, "add", [from_dict({"id": "a", "kind": "mute"}), from_dict({"id": "b", "kind": "mute"})])
    for act, name, wait, effective, keys in made:
        today += wait
        arguments = {
            "add": ([from_dict({"id": name, "kind": "mute", **keys})],),
            "set": (name, {"valid_until": None, "campaigns": None, **keys}),
            "undo": (),
        }.get(act, (name,))
        try:
            dated.on(today, act, *arguments, effective=None if act == "undo" else effective)
        except Exception as refused:  # noqa: BLE001 - not every act is possible
            assert type(refused).__module__ == "audit.errors", refused
    return dated


def naive(book, valid_at, recorded_at):
    """The rules in force, from the history alone: newest first, the first version that was known and effective."""
    stood = {}
    for one in book.history():
        if one.recorded_at <= recorded_at and one.effective <= valid_at:
            stood.setdefault(one.rule.id, one)
    return {
        name: one.rule for name, one in stood.items() if one.state == "enabled" and valid(one.rule, valid_at)
    }


@settings(max_examples=25, deadline=None)
@given(acts, st.integers(0, 40), st.integers(0, 40))
def test_in_force_is_the_version_written_last_of_those_known_and_effective(
    tmp_path_factory, made, valid_at, recorded_at
):
    book = lived(tmp_path_factory.mktemp("book") / f"{next(numbers)}.db", made).book
    told = book.as_of(day(valid_at), day(recorded_at))
    assert {rule.id: rule for rule in told} == naive(book, day(valid_at), day(recorded_at))
    assert {
        one.rule.id: one.rule
        for one in stood(book.history()[::-1])
        if one.since <= day(valid_at)
        and (one.until is None or day(valid_at) < one.until)
        and valid(one.rule, day(valid_at))
    } == {rule.id: rule for rule in book.as_of(day(valid_at), day(valid_at))}


@settings(max_examples=25, deadline=None)
@given(acts)
def test_after_undo_its_rules_are_as_they_would_be_without_the_change(tmp_path_factory, made):
    dated = lived(tmp_path_factory.mktemp("book") / f"{next(numbers)}.db", made)
    before = dated.book.history()[::-1]
    today = (dated.now - day(1)).days + 3
    try:
        dated.on(today, "undo")
    except (WorkspaceError, NotFoundError):  # somebody built on it; all is taken back
        return
    after = dated.book.history()[::-1]
    undone = next(one for one in before if one.change == after[-1].undoes)
    touched = {one.rule.id for one in after if one.change == after[-1].change}
    since = undone.effective if undone.corrects_the_past else day(today)
    for number in range(1, 45):
        without = [one for one in before if one.change < undone.change] if day(number) >= since else before
        expected, told = (
            {rule.id: rule for rule in standing(known, day(number), day(today)) if rule.id in touched}
            for known in (without, after)
        )
        assert told == expected, number


@settings(max_examples=25, deadline=None)
@given(acts)
def test_a_replay_as_recorded_stops_what_the_rules_of_each_moment_stop(tmp_path_factory, made):
    book = lived(tmp_path_factory.mktemp("book") / f"{next(numbers)}.db", made).book
    rows = [
        message(day(number), event_id=f"d{number:02d}", campaign_id=("news", "cart")[number % 2])
        for number in range(1, 32)
    ]
    frame = events(*rows)
    decisions = simulation.simulate(frame, rule_set(book.history()[::-1]), context(frame)).decisions
    stopped = set(decisions.filter(decision="stop")["event_id"])
    assert stopped == {
        row["event_id"]
        for row in rows
        if any(
            not rule.campaigns or row["campaign_id"] in rule.campaigns
            for rule in book.as_of(row["at"], row["at"])
        )
    }


@settings(max_examples=25, deadline=None)
@given(rule_sets)
def test_what_is_exported_and_taken_in_elsewhere_is_the_same_book(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("book")
    rules = tuple(from_dict(one) for one in documents)
    first, second = Book(folder / "a.db"), Book(folder / "b.db")
    first.apply(first.plan_add(rules))
    second.apply(second.plan_import(files.loads(files.dump(first.rules()))))
    assert second.rules() == first.rules()
    assert "@" in str(documents) or first.rules() == rules  # what looks like an address is masked
    assert [to_dict(one) for one in second.rules()] == [to_dict(one) for one in first.rules()]


def of_version_one(folder):
    path = folder / "book.db"
    with sqlite3.connect(path) as db:
        db.executescript((Path(__file__).parent / "book_v1.sql").read_text(encoding="utf-8"))
    db.close()
    return path


def test_a_book_of_the_first_version_keeps_everything_and_is_copied_before(tmp_path):
    book = Book(of_version_one(tmp_path))
    told = [
        (one.rule.id, one.rule.version, one.action, one.state, one.author, one.note, one.undoes)
        for one in book.history()[::-1]
    ]
    assert told == [
        ("cap", 1, "add", "enabled", "ada", "ticket 4711", None),
        ("mute", 1, "add", "enabled", "ada", "ticket 4711", None),
        ("cap", 2, "set", "enabled", "bob", "", None),
        ("cap", 3, "disable", "disabled", "bob", "", None),
        ("mute", 2, "remove", "removed", "ada", "no longer needed", None),
        ("mute", 3, "undo", "enabled", "ada", "", 4),
    ]
    assert {one.effective == one.recorded_at for one in book.history()} == {True}
    assert {(one.approved_by, one.proposal) for one in book.history()} == {(None, None)}
    assert (book.rule("cap").limit, book.rule("cap").note) == (2, 'it\'s "so"')
    assert [rule.id for rule in book.as_of(day(4), day(4))] == ["cap", "mute"]
    assert book.inbox.proposals() == []
    assert book.second_person() == frozenset()
    (changed,) = book.apply(book.plan_enable("cap"))
    assert changed.version == 4
    assert (tmp_path / "book.db.v1").stat().st_mode & 0o777 == 0o600


def test_a_book_of_a_newer_version_is_refused_in_one_line(tmp_path):
    path = of_version_one(tmp_path)
    Book(path).rules()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 3")
    db.close()
    with pytest.raises(
        WorkspaceError, match=r"made by a newer whysent \(version 3, this one reads up to 2\)"
    ) as said:
        Book(path).rules()
    assert "\n" not in str(said.value)
