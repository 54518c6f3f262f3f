"""What a change makes of the rules, as plain functions: nothing in here reads or writes the book."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.errors import InputError, NotFoundError, WorkspaceError
from audit.events.times import iso
from audit.rules.book.plan import Change, Plan
from audit.rules.book.versions import REMOVED, Version, heads, said
from audit.rules.model import Rule, from_dict, to_dict

Rules = dict[str, Rule]


def found(rules: Iterable[Rule], rule_id: str) -> Rule:
    """The rule of that id. Raises NotFoundError."""
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise NotFoundError(f"no rule {rule_id!r} in the book; `whysent rules list` names them")


def added(standing: Rules, rules: Iterable[Rule]) -> Rules:
    """With `rules`. Raises InputError if one is there already."""
    for rule in rules:
        if rule.id in standing:
            raise InputError(
                f"rule {rule.id!r}: id: is in the book already; `rules set` changes a rule, `rules import` takes in a file"
            )
        standing[rule.id] = rule
    return standing


def changed(standing: Rules, rule_id: str, values: Mapping[str, Any]) -> Rules:
    """With keys of a rule changed; None gives a key its default back. Raises InputError, NotFoundError."""
    rule = found(standing.values(), rule_id)
    if values.get("id", rule_id) != rule_id:
        raise InputError(
            f"rule {rule_id!r}: id: stays what it is; add a rule of another id and remove this one"
        )
    body = {**to_dict(rule), **values}
    kept = {key: value for key, value in body.items() if value is not None}
    return {**standing, rule_id: from_dict(kept, version=rule.version)}


def without(standing: Rules, rule_id: str) -> Rules:
    """Without a rule. Raises NotFoundError."""
    found(standing.values(), rule_id)
    return {one: rule for one, rule in standing.items() if one != rule_id}


def made(
    action: str,
    versions: Sequence[Version],
    after: Mapping[str, Rule],
    *,
    effective: datetime | None = None,
    undoes: int | None = None,
    proposal: int | None = None,
) -> Plan:
    """The plan that leads from the rules as written last to `after`."""
    before = heads(versions)
    ids = dict.fromkeys((*before, *after))
    changes = tuple(
        Change(before.get(one), after.get(one)) for one in ids if before.get(one) != after.get(one)
    )
    seen = versions[-1].change if versions else 0
    return Plan(
        action, changes, tuple(before.values()), tuple(after.values()), seen, undoes, effective, proposal
    )


def last_open(versions: Sequence[Version], author: str | None, since: datetime | None) -> int:
    """The last change that is not taken back yet: of anybody at any time, or as narrowed. Raises NotFoundError."""
    undone = {one.undoes for one in versions}
    open_changes = [
        one.change
        for one in versions
        if one.undoes is None
        and one.change not in undone
        and author in {None, one.author}
        and (since is None or one.recorded_at >= since)
    ]
    if not open_changes:
        raise NotFoundError("there is no change to undo")
    return open_changes[-1]


def undone(versions: Sequence[Version], change: int) -> Rules:
    """The rules with `change` taken back. Raises WorkspaceError if somebody changed its rules afterwards."""
    touched = {one.rule.id for one in versions if one.change == change}
    standing = heads(versions)
    before = heads(one for one in versions if one.change < change)
    then = heads(one for one in versions if one.change <= change)
    after = dict(standing)
    for rule_id in touched:
        if standing.get(rule_id) != then.get(rule_id):
            raise WorkspaceError(f"cannot undo: {said(newest(versions, rule_id))}")
        after.pop(rule_id, None)
        if rule_id in before:
            after[rule_id] = before[rule_id]
    return after


def newest(versions: Sequence[Version], rule_id: str) -> Version:
    """The version of a rule that was written last."""
    return next(one for one in reversed(versions) if one.rule.id == rule_id)


def refuse_before_coming(versions: Sequence[Version], plan: Plan, now: datetime) -> None:
    """Raises WorkspaceError if a change would hold earlier than what is already written for later."""
    if plan.undoes is not None:
        return
    last_written = {one.rule.id: one for one in versions}
    for change in plan.changes:
        last = last_written.get(change.rule.id)
        if last and now < last.effective and (plan.effective or now) < last.effective:
            raise WorkspaceError(
                f"rule {change.rule.id!r}: version {last.rule.version} is to come at {iso(last.effective)}; undo that "
                "first, or change it from then on with --effective"
            )


def refuse_conflict(versions: Sequence[Version], plan: Plan) -> None:
    """Raises WorkspaceError if somebody changed the book since `plan` was made, saying what they did."""
    others = [one for one in versions if one.change > plan.seen]
    if others:
        last = others[-1]
        keys = ", ".join(difference.key for difference in _last_change(versions, last).differences())
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        raise WorkspaceError(
            f"the rule book changed meanwhile: {said(last)}{f': {keys}' if keys else ''}{more}; "
            "look at it again, nothing was changed"
        )


def _last_change(versions: Sequence[Version], last: Version) -> Change:
    earlier = [one for one in versions if one.rule.id == last.rule.id and one.change < last.change]
    return Change(earlier[-1].stands if earlier else None, last.stands)


def rows(
    plan: Plan,
    versions: Sequence[Version],
    *,
    note: str,
    author: str,
    at: datetime,
    approved_by: str | None = None,
) -> list[dict[str, Any]]:
    """The rows of the table `versions` that `plan` becomes, recorded at `at` but not before what was recorded last."""
    last = {one.rule.id: one.rule.version or 0 for one in versions}
    recorded_at = max([at, *(one.recorded_at for one in versions[-1:])])
    return [
        {
            "change": plan.seen + 1,
            "action": plan.action,
            "undoes": plan.undoes,
            "rule_id": change.rule.id,
            "version": last.get(change.rule.id, 0) + number,
            "state": REMOVED if rule is None else "enabled" if rule.enabled else "disabled",
            "body": json.dumps(to_dict(rule or change.rule), ensure_ascii=False),
            "author": author,
            "recorded_at": iso(recorded_at),
            "effective": iso(effective),
            "note": note,
            "approved_by": approved_by,
            "proposal": plan.proposal,
        }
        for change in plan.changes
        for number, (effective, rule) in enumerate(
            _from_when_on(plan, change, versions, recorded_at), start=1
        )
    ]


def _from_when_on(
    plan: Plan, change: Change, versions: Sequence[Version], recorded_at: datetime
) -> list[tuple[datetime, Rule | None]]:
    """What the rule of a change is from which moment on: one step, or as many as what is taken back had covered."""
    if plan.undoes is None:
        return [(plan.effective or recorded_at, change.after)]
    line = [one for one in versions if one.rule.id == change.rule.id]
    undone_one = next(one for one in line if one.change == plan.undoes)
    start = min(recorded_at, undone_one.effective) if undone_one.corrects_the_past else recorded_at
    earlier = [one for one in line if one.change < plan.undoes]
    moments = [start, *sorted({one.effective for one in earlier if one.effective > start})]
    steps = [(moment, _at(earlier, moment)) for moment in moments]
    return [step for place, step in enumerate(steps) if not place or step[1] != steps[place - 1][1]]


def _at(line: Sequence[Version], moment: datetime) -> Rule | None:
    """What the versions of one rule make of it at a moment."""
    holding = [one for one in line if one.effective <= moment]
    return holding[-1].stands if holding else None
