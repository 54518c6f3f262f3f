"""Proposals: drafted, handed in, grouped, answered; and the second person where the workspace asks for one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from audit.errors import InputError, NotFoundError, NotPermittedError, WorkspaceError
from audit.rules.book import Book, Case, Request, documents
from audit.rules.book.proposals import number
from audit.rules.model import from_dict

CAP = {"id": "cap", "kind": "frequency_cap", "limit": 3, "window": "7d"}
KINDLE = {"id": "kindle", "kind": "mute", "campaigns": ["kindle"]}
NAILS = {"id": "nails", "kind": "cooldown", "after": "order_completed", "same": "category", "window": "90d"}


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Nobody cuts the power here: these books need not wait for the disk."""
    monkeypatch.setattr(
        "audit.storage.database.SETTINGS", ("foreign_keys = ON", "synchronous = OFF", "journal_mode = MEMORY")
    )


@pytest.fixture
def book(tmp_path):
    moments = iter(datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(1000))
    return Book(tmp_path / "book.db", now=lambda: next(moments))


def proposed(book, document, author="agent", **case):
    return book.inbox.propose(book.plan_import([from_dict(document)]), Case(**case), author=author)


def approved(book, one, author="olga", **more):
    return book.apply(book.plan_approve(one.number), author=author, **more)


def add(book, document, author="ada"):
    return book.apply(book.plan_add([from_dict(document)]), author=author)


def test_a_proposal_changes_no_rule_and_keeps_its_case(book):
    case = {
        "campaign": "kindle",
        "finding": "f_1",
        "customer": "c_1",
        "ticket": "4711",
        "note": "never opened",
    }
    made = proposed(book, KINDLE, **case)
    assert (made.id, made.state, made.author, made.case) == ("p1", "proposed", "agent", Case(**case))
    assert book.rules() == ()
    assert book.history() == []


def test_an_approved_proposal_is_a_version_of_its_author_with_who_approved_it(book):
    made = proposed(book, KINDLE, ticket="4711")
    (rule,) = approved(book, made, note="yes")
    (version,) = book.history()
    assert (rule.id, rule.version) == ("kindle", 1)
    assert (version.author, version.approved_by, version.proposal, version.note) == (
        "agent",
        "olga",
        1,
        "yes",
    )
    told = book.inbox.proposal(made.number)
    assert [(step.state, step.actor, step.note) for step in told.steps] == [
        ("proposed", "agent", ""), ("approved", "olga", "yes"),
    ]  # fmt: skip
    assert book.inbox.proposals() == []


def test_a_draft_is_not_in_the_inbox_until_its_author_hands_it_in(book):
    draft = book.inbox.propose(book.plan_add([from_dict(CAP)]), author="ada", draft=True)
    assert book.inbox.proposals() == []
    assert [one.id for one in book.inbox.proposals(["draft"])] == ["p1"]
    with pytest.raises(WorkspaceError, match="p1 is draft since"):
        book.plan_approve(1)
    with pytest.raises(NotPermittedError, match="p1 is ada's; only they can do that"):
        book.inbox.hand_in(1, actor="bob")
    assert book.inbox.hand_in(1, actor="ada").state == "proposed"
    assert [rule.id for rule in approved(book, draft)] == ["cap"]


def test_no_is_an_answer_too_and_only_its_author_withdraws(book):
    no, back = proposed(book, KINDLE), proposed(book, CAP)
    assert book.inbox.reject(no.number, actor="olga", note="they click it").state == "rejected"
    with pytest.raises(WorkspaceError, match=r"p1 is rejected since .* by olga \(they click it\)"):
        book.plan_approve(no.number)
    with pytest.raises(NotPermittedError, match="p2 is agent's"):
        book.inbox.withdraw(back.number, actor="olga")
    assert book.inbox.withdraw(back.number, actor="agent").state == "withdrawn"
    assert book.rules() == ()


def test_the_inbox_counts_proposals_tickets_and_people_by_campaign_the_most_first(book):
    for ticket, customer in (("1", "c_1"), ("2", "c_1"), ("2", "c_2")):
        proposed(book, KINDLE, campaign="kindle", ticket=ticket, customer=customer)
    proposed(book, CAP)
    proposed(book, {**KINDLE, "id": "other"}, ticket="9", customer="c_9")
    assert [(one.campaign, len(one.proposals), one.tickets, one.customers) for one in book.inbox.groups()] == [
        ("kindle", 4, 3, 3), ("", 1, 0, 0),
    ]  # fmt: skip


def test_approving_one_answers_all_that_ask_the_very_same(book):
    first, same = (
        proposed(book, KINDLE, author="ann", ticket="1"),
        proposed(book, KINDLE, author="ben", ticket="2"),
    )
    other = proposed(book, {**KINDLE, "title": "no more"}, author="ann")
    approved(book, first)
    assert book.inbox.proposal(same.number).steps[-1].note == "with p1"
    assert [one.id for one in book.inbox.proposals()] == [other.id]
    with pytest.raises(WorkspaceError, match=r"p3 cannot be approved: since .* ann made 'kindle' version 1"):
        book.plan_approve(other.number)


def test_where_the_workspace_asks_nobody_changes_rules_alone(book):
    add(book, CAP)
    book.ask_second_person(["rules"], author="root")
    assert book.second_person() == {"rules"}
    for plan in (book.plan_set("cap", {"limit": 1}), book.plan_remove("cap"), book.plan_undo()):
        with pytest.raises(NotPermittedError, match="rules: this workspace asks for a second person"):
            book.apply(plan, author="ada")
    assert len(book.history()) == 1


def test_the_proposer_may_not_approve_their_own_and_somebody_else_may(book):
    add(book, CAP)
    book.ask_second_person(["rules"], author="root")
    one = book.inbox.propose(book.plan_set("cap", {"limit": 1}), author="ada")
    with pytest.raises(NotPermittedError, match="rules: ada proposed it; somebody else has to approve it"):
        approved(book, one, author="ada")
    assert book.rule("cap").limit == 3
    approved(book, one, author="bob")
    assert book.rule("cap").limit == 1


def test_where_the_workspace_does_not_ask_the_author_may_approve_their_own(book):
    approved(book, proposed(book, CAP, author="ada"), author="ada")
    assert book.rule("cap").limit == 3


def test_a_proposal_cannot_be_carried_out_as_something_else(book):
    add(book, CAP)
    book.ask_second_person(["rules"], author="root")
    book.inbox.propose(book.plan_set("cap", {"limit": 1}), author="ada")
    forged = replace(book.plan_set("cap", {"limit": 9}), proposal=1)
    with pytest.raises(WorkspaceError, match="p1 asks for something else"):
        book.apply(forged, author="bob")
    assert book.rule("cap").limit == 3


def test_a_proposal_is_refused_once_its_rule_was_changed_and_not_for_another_rules_change(book):
    add(book, CAP)
    one = book.inbox.propose(book.plan_set("cap", {"limit": 1}), author="ada")
    add(book, KINDLE)
    assert book.plan_approve(one.number).lines()[::2] == ["~ cap", "    limit: 3 → 1"]
    book.apply(book.plan_disable("cap"), author="bob", note="too strict")
    with pytest.raises(
        WorkspaceError, match=r"bob made 'cap' version 2 \(disable\) at .*too strict.*; reject it"
    ):
        book.plan_approve(one.number)


def test_what_is_approved_is_in_force_or_nothing_happened(book, monkeypatch):
    one = proposed(book, CAP)
    with monkeypatch.context() as patch:
        patch.setattr("audit.rules.book.edits.rows", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            approved(book, one)
    assert book.inbox.proposal(1).state == "proposed"
    assert book.history() == []


def test_of_two_who_approve_at_once_one_is_told(book):
    one = proposed(book, CAP)
    first, second = book.plan_approve(one.number), book.plan_approve(one.number)
    book.apply(first, author="bob")
    with pytest.raises(WorkspaceError, match="the rule book changed meanwhile: agent made 'cap' version 1"):
        book.apply(second, author="olga")
    assert [step.actor for step in book.inbox.proposal(1).steps] == ["agent", "bob"]


def test_undo_is_proposed_and_approved_too_and_an_effective_time_is_kept(book):
    add(book, CAP)
    book.ask_second_person(["rules"], author="root")
    later = datetime(2027, 1, 1, tzinfo=UTC)
    approved(book, book.inbox.propose(book.plan_set("cap", {"limit": 1}, effective=later), author="ada"))
    assert [(one.rule.limit, one.effective) for one in book.coming()] == [(1, later)]
    approved(book, book.inbox.propose(book.plan_undo(), author="ada"))
    assert book.coming() == []
    assert book.history()[0].undoes == 2


def test_what_changes_nothing_is_not_proposed(book):
    add(book, CAP)
    with pytest.raises(InputError, match="nothing to propose"):
        book.inbox.propose(book.plan_enable("cap"))


def test_an_export_is_approved_by_somebody_else_and_made_once_as_it_was_asked_for(book):
    book.ask_second_person(["handover"], author="root")
    request = Request("csv", (("cap", 1),))
    asked = book.inbox.ask_handover(request, Case(note="monthly"), author="ada")
    with pytest.raises(WorkspaceError, match="p1 is proposed since"):
        book.inbox.use(asked.number, request, actor="ada")
    with pytest.raises(NotPermittedError, match="handover: ada proposed it"):
        book.inbox.approve_handover(asked.number, actor="ada")
    book.inbox.approve_handover(asked.number, actor="bob")
    with pytest.raises(WorkspaceError, match="p1: approved was another export"):
        book.inbox.use(asked.number, Request("csv", (("cap", 2),)), actor="ada")
    assert book.inbox.use(asked.number, request, actor="ada").state == "used"
    with pytest.raises(WorkspaceError, match="p1 is used since"):
        book.inbox.use(asked.number, request, actor="ada")
    with pytest.raises(InputError, match="asks for an export"):
        book.plan_approve(book.inbox.ask_handover(request, author="ada").number)


def test_unknown_proposals_states_and_acts_are_named(book):
    with pytest.raises(NotFoundError, match="no proposal p7"):
        book.plan_approve(7)
    with pytest.raises(InputError, match="'open' is no state of a proposal"):
        book.inbox.proposals(["open"])
    with pytest.raises(InputError, match="'import' needs no second person"):
        book.ask_second_person(["import"])
    assert number("p12") == 12
    with pytest.raises(InputError, match="'cap' is no proposal; write p3"):
        number("cap")


def test_a_proposal_is_plain_data_for_scripts_and_screens(book):
    add(book, CAP)
    one = book.inbox.propose(book.plan_set("cap", {"limit": 1}), Case(ticket="4711"), author="ada")
    told = documents.proposal(one).to_json()
    assert told["rules"] == [
        {
            "id": "cap", "version": 1, "before": CAP, "after": {**CAP, "limit": 1},
            "changes": [{"key": "limit", "before": 3, "after": 1}],
        }
    ]  # fmt: skip
    assert (told["id"], told["state"], told["ticket"], told["handover"]) == ("p1", "proposed", "4711", None)


def test_versions_are_compared_key_by_key(book):
    add(book, CAP)
    book.apply(book.plan_set("cap", {"limit": 2, "channels": ["email"]}))
    book.apply(book.plan_set("cap", {"limit": 5, "window": "1d"}))
    book.apply(book.plan_remove("cap"))
    assert book.between("cap", 1, 2).lines() == ["limit: 3 → 2", "channels: default → email"]
    assert [one.key for one in book.between("cap", 1, 3).differences()] == ["limit", "window", "channels"]
    assert book.between("cap").after is None
    assert book.between("cap", 0, 1).before is None
    with pytest.raises(NotFoundError, match="rule 'cap' has no version 9"):
        book.between("cap", 9)
