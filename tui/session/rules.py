"""The rule book as the screens see it: entries and forms, proposals, and changes with a plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit.errors import InputError, WhysentError
from tui.rendering.replay_summary import LONG_PAST
from tui.rendering.text import listed, listed_names, names_in
from tui.rendering.wording import day, moment
from tui.session.view_models import (
    Change,
    Draft,
    Entry,
    Field,
    Plan,
    ProposalCase,
    ProposalGroup,
    ProposalSummary,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.queries.rule_check import RuleCheck, SentCounts
    from audit.rules.book import Proposal, Version
    from audit.rules.book import plan as book_plan
    from audit.rules.model import Rule
    from tui.session.open_workspace import OpenWorkspace
    from tui.session.view_models import Document


class Proposals:
    """The inbox of the workspace."""

    def __init__(self, opened: OpenWorkspace) -> None:
        self._opened = opened

    def inbox(self) -> tuple[ProposalGroup, ...]:
        """What is proposed, by campaign."""
        self._opened.viewer.require("see_rules")
        return tuple(
            ProposalGroup(
                group.campaign, tuple(map(summary, group.proposals)), group.tickets, group.customers
            )
            for group in self._opened.workspace.book.inbox.groups()
        )

    def propose(self, keys: Document, case: ProposalCase) -> str:
        """Propose a rule, switched on; what was done, in a line."""
        from audit.rules import model

        self._opened.viewer.require("propose")
        rule = model.from_dict({**keys, "enabled": True})
        return self.propose_plan(self._opened.workspace.book.plan_import([rule]), case)

    def propose_plan(self, plan: book_plan.Plan, case: ProposalCase) -> str:
        """Put a plan into the inbox; one for a finding under the campaign of most of its messages."""
        from audit.queries import remedies
        from audit.rules.book import Case

        workspace, viewer = self._opened.workspace, self._opened.viewer
        campaign = ""
        if case.finding and case.customer:
            campaign = remedies.campaign(workspace, case.customer, case.finding)
        reason = Case(campaign, case.finding, case.customer, viewer.ticket or "", case.note)
        proposal = workspace.book.inbox.propose(plan, reason)
        self._opened.acts.append(proposal.id)
        return f"proposed as {proposal.id}; whoever may change rules finds it in the inbox"

    def finding_text(self, customer: str, finding: str) -> str:
        """What the finding says for which something is proposed."""
        from audit.queries import remedies

        self._opened.viewer.require("show")
        return remedies.finding_text(self._opened.workspace, customer, finding)

    def reject(self, proposal: str, note: str) -> str:
        """Say no to a proposal; what was done, in a line."""
        from audit.rules.book import proposals

        self._opened.viewer.require("change_rules")
        rejected = self._opened.workspace.book.inbox.reject(proposals.number(proposal), note=note)
        return f"{rejected.id} is rejected"


def summary(proposal: Proposal) -> ProposalSummary:
    """A proposal as a list and a page show it."""
    case = proposal.case
    who = f"{proposal.author} on {day(proposal.made_at)}"
    origin = [who, f"ticket {case.ticket}" if case.ticket else "", case.customer]
    return ProposalSummary(
        proposal.id,
        proposal.title,
        " · ".join(part for part in origin if part),
        case.note,
        tuple(proposal.lines()),
        proposal.keys,
        approvable=proposal.request is None,
        customer=case.customer,
        finding=case.finding,
    )


CHANGED = "changed"
"""Stands for a change of the book among the acts of this sitting; a proposal stands for itself."""

FIXED = ("id", "kind", "enabled")
"""Keys of a rule in the book that its form does not change."""


class RuleBook:
    """The rule book of the workspace; a change that its viewer cannot make is put into `proposals`."""

    def __init__(self, opened: OpenWorkspace, proposals: Proposals) -> None:
        self._opened = opened
        self._proposals = proposals
        self._opened_at = datetime.now(UTC)
        self._plans: dict[tuple[str, str], book_plan.Plan] = {}

    def entries(self) -> tuple[Entry, ...]:
        """The rules of the book, then those that are proposed."""
        self._opened.viewer.require("see_rules")
        book = self._opened.workspace.book
        proposed = map(_proposed_entry, book.inbox.proposals(("proposed", "draft")))
        return (*map(rule_entry, book.rules()), *(entry for entry in proposed if entry is not None))

    def kinds(self) -> Mapping[str, str]:
        """The kinds of rule, each with what it is for and an example in a line each: those checked last, such as caps, are wanted most."""
        from audit.rules.model import kinds

        return {kind: "\n".join(_purpose(kind)) for kind in reversed(kinds())}

    def named(self, key: str) -> Mapping[str, int]:
        """What the data names that the scope `key` may name, as a field takes it → its messages, most first."""
        names = self._counts().names(key.removeprefix("except_"))
        return {listed_names([name]): messages for name, messages in names.items()}

    def check(self, keys: Document) -> RuleCheck:
        """A rule held against the data and the other rules of the book."""
        from audit.queries import rule_check
        from audit.rules import model

        self._opened.viewer.require("see_rules")
        rule, ws = model.from_dict(keys), self._opened.workspace
        ids = self._opened.customer_ids([rule])
        return rule_check.check(rule, self._counts(), ws.book.rules(), at=ws.at, ids=ids)

    def _counts(self) -> SentCounts:
        from audit.queries.rule_check import SentCounts

        version = self._opened.workspace.version
        return self._opened.cached("sent counts", version, lambda: SentCounts.of(self._opened.everybody))

    def blank(self, kind: str) -> Entry:
        """A rule of that kind that is not in the book yet, with what it needs left empty."""
        from audit.rules.model import required_keys

        required = ("id", *required_keys(kind))
        shown = {field.key: field for field in _fields(kind, {})}
        shown["id"] = Field("id", "", needed=True, hint="a name of its own, such as email-weekly-cap")
        fields = (*(shown.pop(key) for key in required), *shown.values())
        return Entry("", 0, False, {"kind": kind}, " ".join(_purpose(kind)), fields)

    def offered(self, keys: Document) -> Entry:
        """A whole rule that is not in the book yet, to be looked at and changed before it is saved."""
        kind, rule_id = str(keys["kind"]), str(keys["id"])
        fields = (Field("id", rule_id, needed=True), *_fields(kind, keys))
        return Entry("", 0, False, {"kind": kind}, "", fields)

    def draft(self, texts: Mapping[str, str]) -> Draft:
        """Read a form back: texts into the values a rules file would hold, checked by the core."""
        from audit.rules import model
        from audit.rules.describe import sentence

        keys: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for key, text in texts.items():
            if text:
                try:
                    keys[key] = _value(texts.get("kind", ""), key, text)
                except InputError as error:
                    errors[key] = str(error)
        reads = ""
        if not errors:
            try:
                rule = model.from_dict(keys)
                keys, reads = model.to_dict(rule), sentence(rule)
            except InputError as error:
                errors[error.key] = error.problem
        return Draft(keys, errors, reads)

    # -- changes ---------------------------------------------------------------------------------------------------

    def history(self, rule: str) -> tuple[str, ...]:
        """The versions of a rule, newest first, a line each."""
        versions = self._opened.workspace.book.history(rule)
        return tuple(
            line
            for version, earlier in zip(versions, (*versions[1:], None), strict=True)
            for line in (_version_line(version), *_differences(version, earlier))
        )

    def plan(self, change: Change) -> Plan:
        """What a change of the book would do."""
        only_proposed = self._only_proposed(change)
        self._opened.viewer.require("propose" if only_proposed else "change_rules")
        plan = self._plan(change)
        self._plans[change.kind, change.id] = plan
        lines = [*self._undone(plan), *plan.lines(), "", *self._effect(plan)]
        title = f"{change.kind} {change.id}".strip()
        return Plan(f"{'propose: ' if only_proposed else ''}{title}: go on?", tuple(lines))

    def plan_back(self) -> Plan:
        """What taking back one's own last act of this sitting would do: of a proposal, to withdraw it."""
        acts = self._opened.acts
        if not acts or acts[-1] == CHANGED:
            return self.plan(Change("undo", ""))
        from audit.rules.book import proposals

        proposal = self._opened.workspace.book.inbox.proposal(proposals.number(acts[-1]))
        return Plan(f"withdraw {proposal.id}: go on?", tuple(proposal.lines()))

    def take_back(self) -> str:
        """Do it; what was done, in a line."""
        acts = self._opened.acts
        if not acts or acts[-1] == CHANGED:
            done = self.apply(Change("undo", ""))
        else:
            from audit.rules.book import proposals

            self._opened.viewer.require("propose")
            inbox = self._opened.workspace.book.inbox
            done = f"{inbox.withdraw(proposals.number(acts[-1])).id} is withdrawn"
        del acts[-1:]
        return done

    def _only_proposed(self, change: Change) -> bool:
        """Whether a change can only be proposed: it takes a second person, or another role."""
        from audit.rules.book.inbox import RULES

        if change.kind == "approve":
            return False
        second_person = RULES in self._opened.workspace.book.second_person()
        return second_person or not self._opened.viewer.may("change_rules")

    def _undone(self, plan: book_plan.Plan) -> list[str]:
        if plan.undoes is None:
            return []
        return [
            f"takes back: {_version_line(version)} of {version.rule.id}"
            for version in self._opened.workspace.book.history()
            if version.change == plan.undoes
        ]

    def _plan(self, change: Change) -> book_plan.Plan:
        from audit.rules import model

        book = self._opened.workspace.book
        if change.kind == "approve":
            from audit.rules.book import proposals

            return book.plan_approve(proposals.number(change.id))
        if change.kind == "add":
            return book.plan_add([model.from_dict(change.keys)])
        if change.kind == "set":
            before = model.to_dict(book.rule(change.id))
            return book.plan_set(
                change.id, {**dict.fromkeys(set(before) - {*change.keys, *FIXED}), **change.keys}
            )
        if change.kind == "undo":
            from audit.privacy import roles

            return book.plan_undo(author=roles.current_user(), since=self._opened_at)
        return book.plan_enable(change.id) if change.kind == "enable" else book.plan_disable(change.id)

    def _effect(self, plan: book_plan.Plan) -> list[str]:
        effect = self._opened.effect(plan)
        return [LONG_PAST] if effect is None else ["messages over the whole past:", *effect.lines()]

    def apply(self, change: Change, note: str = "") -> str:
        """Make a planned change, or propose it where the workspace wants a second person; what was done, in a line."""
        plan = self._plans.pop((change.kind, change.id), None)
        if plan is None:
            raise WhysentError("there is no plan for this change, and nothing was changed; make it again")
        if self._only_proposed(change):
            return self._proposals.propose_plan(plan, ProposalCase(note=note))
        rules = self._opened.workspace.book.apply(plan, note=note)
        if change.kind != "undo":
            self._opened.acts.append(CHANGED)
        return ", ".join(f"{rule.id} is now version {rule.version}" for rule in rules) or "nothing changed"


def rule_entry(rule: Rule) -> Entry:
    """A rule of the book as a list and a form show it."""
    from audit.rules.describe import sentence
    from audit.rules.model import to_dict

    keys = to_dict(rule)
    return Entry(rule.id, rule.version or 0, rule.enabled, keys, sentence(rule), _fields(rule.kind, keys))


def _proposed_entry(proposal: Proposal) -> Entry | None:
    """A rule that is asked for or drafted, as the list shows it; None for what is about no one rule."""
    from audit.rules.describe import sentence
    from audit.rules.model import from_dict

    keys = proposal.keys
    if keys is None:
        return None
    rule = from_dict(keys)
    origin = f"ticket {proposal.case.ticket}" if proposal.case.ticket else f"by {proposal.author}"
    fields = _fields(str(keys["kind"]), keys)
    return Entry(rule.id, 0, False, keys, f"{origin} · {sentence(rule)}", fields, proposal.id, proposal.state)


def _version_line(version: Version) -> str:
    parts = (
        f"v{version.rule.version}",
        moment(version.recorded_at),
        version.author,
        version.action,
        version.state,
        f"approved by {version.approved_by}" if version.approved_by else "",
        version.note,
    )
    return "  ".join(part for part in parts if part)


def _differences(version: Version, earlier: Version | None) -> list[str]:
    """What a version changed, a line a key."""
    from audit.rules.book.plan import Change as RuleDifference

    if not version.stands:
        return ["      taken out of the book"]
    difference = RuleDifference(earlier.stands if earlier else None, version.stands)
    return [f"      {line}" for line in difference.lines()]


MATTER = ("channels", "campaigns", "categories", "except_campaigns")
"""Scopes that stand among the first fields of every form; beside them what is needed, set, or the kind's own."""


def _fields(kind: str, keys: Document) -> tuple[Field, ...]:
    from audit.rules import model
    from audit.rules.key_readers import choices

    entries = model.keys(kind)
    example = {"id": "example", "kind": kind, **model.KINDS[kind].example, **keys}
    idle = model.from_dict(example).without_effect()
    present = [key for key, entry in entries.items() if key in keys or entry.required]
    matter = [key for key in present if key not in {"title", "note"}]
    matter += [key for key, entry in entries.items() if entry.own and key not in idle]
    first = dict.fromkeys((*sorted(matter, key=lambda key: not entries[key].required), *MATTER))
    return tuple(
        Field(
            key,
            listed_names(value) if isinstance(value := keys.get(key), list) else listed(value),
            listed(entries[key].default),
            entries[key].required,
            entries[key].hint,
            key in first,
            key.removeprefix("except_") in model.SCOPES,
            choices(entries[key].read),
            "tuple" not in entries[key].type,
        )
        for key in dict.fromkeys((*first, *entries))
        if key not in FIXED
    )


def _purpose(kind: str) -> tuple[str, str]:
    """What a kind of rule is for, and an example of it in words."""
    from audit.rules.describe import sentence
    from audit.rules.model import KINDS, from_dict

    example = from_dict({"id": "example", "kind": kind, **KINDS[kind].example})
    return KINDS[kind].purpose, f"For example: {sentence(example)}"


def _value(kind: str, key: str, text: str) -> Any:
    """The text of a field as the value that a rules file would hold."""
    from audit.rules.model import KINDS, keys

    if kind not in KINDS or key not in keys(kind):
        return text
    value_type = keys(kind)[key].type
    if "tuple" in value_type:
        return names_in(text)
    if "bool" in value_type:
        if text not in {"true", "false"}:
            raise InputError(f"{text!r} is neither true nor false")
        return text == "true"
    if "int" in value_type:
        try:
            return int(text)
        except ValueError as error:
            raise InputError(f"{text!r} is no whole number") from error
    return text
