"""The rule book as the screens see it: entries and forms, replays, and changes with a plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit.errors import InputError, WhysentError
from tui.rendering.text import listed, number
from tui.rendering.wording import moment
from tui.session.proposals import Proposals, rule_of
from tui.session.view_models import (
    CaseOf,
    Change,
    Draft,
    Entry,
    Field,
    Plan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from audit.privacy.roles import Viewer
    from audit.rules.book import Proposal, Version
    from audit.rules.book import plan as planned
    from audit.rules.model import Rule
    from tui.session.view_models import Document

FIXED = ("id", "kind", "enabled")
"""Keys of a rule in the book that its form does not change."""

AT_ONCE = 200_000
"""House value: messages above which a plan does not replay the whole past, twice, before it asks."""


class RuleDesk(Proposals):
    """What a session can do with the rules of the workspace in `folder`, for `viewer`."""

    def __init__(self, folder: Path, viewer: Viewer) -> None:
        super().__init__(folder, viewer)
        self._began = datetime.now(UTC)
        self._plans: dict[tuple[str, str], planned.Plan] = {}

    # -- entries and forms -----------------------------------------------------------------------------------------

    def rules(self) -> tuple[Entry, ...]:
        self._viewer.require("see_rules")
        book = self.workspace.book
        asked = book.inbox.proposals(("proposed", "draft"))
        waiting = (_waiting(one) for one in asked)
        return (*(entry(rule) for rule in book.rules()), *(one for one in waiting if one is not None))

    def kinds(self) -> tuple[str, ...]:
        from audit.rules.model import kinds

        return kinds()

    def blank(self, kind: str) -> Entry:
        from audit.rules.model import required_keys

        fields = tuple(Field(key, "", needed=True) for key in ("id", *required_keys(kind)))
        rest = tuple(field for field in _fields(kind, {}) if field.key not in {one.key for one in fields})
        return Entry("", 0, False, {"kind": kind}, "", (*fields, *rest))

    def draft(self, texts: Mapping[str, str]) -> Draft:
        """Read a form back: texts into the values a rules file would hold, checked by the core."""
        from audit.rules import model

        keys: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for key, text in texts.items():
            if text:
                try:
                    keys[key] = _value(texts.get("kind", ""), key, text)
                except InputError as error:
                    errors[key] = str(error)
        if not errors:
            try:
                keys = model.to_dict(model.from_dict(keys))
            except InputError as error:
                errors[error.key] = error.problem
        return Draft(keys, errors)

    # -- changes ---------------------------------------------------------------------------------------------------

    def history(self, rule: str) -> tuple[str, ...]:
        found = self.workspace.book.history(rule)
        return tuple(
            line
            for one, before in zip(found, (*found[1:], None), strict=True)
            for line in (_version(one), *_differences(one, before))
        )

    def plan(self, change: Change) -> Plan:
        asks = self._asks_for(change)
        self._viewer.require("propose" if asks else "change_rules")
        made = self._planned(change)
        self._plans[change.kind, change.id] = made
        lines = [*self._undone(made), *made.lines(), "", *self._effect(made)]
        what = f"{change.kind} {change.id}".strip()
        return Plan(f"{'propose: ' if asks else ''}{what}: go on?", tuple(lines))

    def _asks_for(self, change: Change) -> bool:
        """Whether a change can only be asked for: it takes a second person, or another role."""
        return change.kind != "approve" and (
            self._wants_second_person() or not self._viewer.may("change_rules")
        )

    def _undone(self, made: planned.Plan) -> list[str]:
        if made.undoes is None:
            return []
        return [
            f"takes back: {_version(one)} of {one.rule.id}"
            for one in self.workspace.book.history()
            if one.change == made.undoes
        ]

    def _planned(self, change: Change) -> planned.Plan:
        from audit.rules import model

        book = self.workspace.book
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
            from audit.privacy import current_user

            return book.plan_undo(author=current_user.name(), since=self._began)
        return book.plan_enable(change.id) if change.kind == "enable" else book.plan_disable(change.id)

    def _effect(self, made: planned.Plan) -> list[str]:
        events = self.everybody
        if (events["kind"] == "message_sent").sum() > AT_ONCE:
            return ["The past is long; its replay on this screen shows what the rule alone would stop."]
        causes = self._causes_for((*made.before, *made.after))
        effect = made.effect(events, self.workspace.context(), causes=causes)
        return [
            f"{number(effect.stopped)} mails of the past would be stopped that were not before;",
            f"{number(effect.freed)} the other way round, {number(effect.moved)} at another time.",
            f"{number(effect.people_directly)} people directly, {number(effect.people_indirectly)} indirectly.",
        ]

    def apply(self, change: Change, note: str = "") -> str:
        made = self._plans.pop((change.kind, change.id), None)
        if made is None:
            raise WhysentError("there is no plan for this change; nothing was changed")
        if self._asks_for(change):
            return self._asked_for(made, CaseOf(note=note))
        done = self.workspace.book.apply(made, note=note)
        return ", ".join(f"{rule.id} is now version {rule.version}" for rule in done) or "nothing changed"


def entry(rule: Rule) -> Entry:
    """A rule of the book as a list and a form show it."""
    from audit.rules.model import to_dict

    keys = to_dict(rule)
    return Entry(rule.id, rule.version or 0, rule.enabled, keys, gist(keys), _fields(rule.kind, keys))


def _waiting(proposal: Proposal) -> Entry | None:
    """A rule that is asked for or drafted, as the list shows it; None for what is about no one rule."""
    keys = rule_of(proposal)
    if keys is None:
        return None
    about = f"ticket {proposal.case.ticket}" if proposal.case.ticket else f"by {proposal.author}"
    shown = f"{about} · {gist(keys)}"
    return Entry(
        str(keys["id"]), 0, False, keys, shown, _fields(str(keys["kind"]), keys), proposal.id, proposal.state
    )


def _version(one: Version) -> str:
    approved = f"approved by {one.approved_by}" if one.approved_by else ""
    parts = (
        f"v{one.rule.version}",
        moment(one.recorded_at),
        one.author,
        one.action,
        one.state,
        approved,
        one.note,
    )
    return "  ".join(part for part in parts if part)


def _differences(one: Version, before: Version | None) -> list[str]:
    """What a version changed, a line a key."""
    from audit.rules.book.plan import Change as Changed

    changed = Changed(before.stands if before else None, one.stands)
    return [f"      {line}" for line in changed.lines()] if one.stands else ["      taken out of the book"]


def gist(keys: Document) -> str:
    """A rule in a few words: its kind, what it counts, whom it is about."""
    said = [str(keys["kind"]).replace("_", " ")]
    if "limit" in keys:
        said.append(f"{keys['limit']} in {keys['window']}")
    elif "window" in keys:
        said.append(str(keys["window"]))
    if "unengaged" in keys:
        said.append(f"{keys['unengaged']} without a response")
    said += [str(keys[key]) for key in ("quiet", "same", "grace") if key in keys]
    said += [", ".join(keys[key]) for key in ("channels", "categories", "campaigns") if keys.get(key)]
    return " · ".join(said)


def _fields(kind: str, keys: Document) -> tuple[Field, ...]:
    from audit.rules.model import keys as keys_of
    from audit.rules.model import required_keys

    forefront = {key: number for number, key in enumerate(("title", *required_keys(kind)))}
    in_order = sorted(
        (key for key in keys_of(kind) if key not in FIXED),
        key=lambda key: forefront.get(key, len(forefront) + (0 if key in keys else 1)),
    )
    return tuple(
        Field(key, _text(keys.get(key)), listed(keys_of(kind)[key].default), keys_of(kind)[key].required)
        for key in in_order
    )


def _text(value: object) -> str:
    """A value as its field shows it; of names in a list those in quotation marks that hold what separates them."""
    return listed([_quoted(str(one)) for one in value] if isinstance(value, (list, tuple)) else value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name


def _value(kind: str, key: str, text: str) -> Any:
    """The text of a field as the value that a rules file would hold."""
    from audit.rules.model import KINDS, keys

    if kind not in KINDS or key not in keys(kind):
        return text
    value_type = keys(kind)[key].type
    if "tuple" in value_type:
        import csv

        parts = next(csv.reader([text], skipinitialspace=True), [])
        return [part.strip() for part in parts if part.strip()]
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
