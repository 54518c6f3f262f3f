"""What a change makes of the rules, as plain functions: nothing in here reads or writes the book."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from audit.errors import InputError, NotFoundError, WorkspaceError
from audit.events.times import iso
from audit.privacy import scan
from audit.privacy.clean import mask
from audit.privacy.lookup import is_address
from audit.privacy.scan import Who
from audit.rules.book.plan import Change, Plan
from audit.rules.book.versions import REMOVED, Version, describe, heads, not_before
from audit.rules.model import Rule, from_dict, to_dict

Rules = dict[str, Rule]


def pseudonymous(rule: Rule, who: Who) -> Rule:
    """A rule without e-mail addresses: its customers by pseudonym, its words as `scan.pseudonymous` has them.

    Raises InputError for a customer's address that nobody here has.
    """
    return replace(
        rule,
        title=scan.pseudonymous(rule.title, who),
        note=scan.pseudonymous(rule.note, who),
        customers=_by_pseudonym(rule, rule.customers, who),
        except_customers=_by_pseudonym(rule, rule.except_customers, who),
    )


def _by_pseudonym(rule: Rule, customers: Iterable[str], who: Who) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for customer in customers:
        ids = sorted(who(customer)) if is_address(customer) else [customer]
        if not ids:
            raise InputError(
                f"rule {rule.id!r}: customers: nobody here has the address {mask('email', customer)}; "
                "addresses are not kept in rules, so import their data first"
            )
        names |= dict.fromkeys(ids)
    return tuple(names)


def find(rules: Iterable[Rule], rule_id: str) -> Rule:
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
    rule = find(standing.values(), rule_id)
    if values.get("id", rule_id) != rule_id:
        raise InputError(
            f"rule {rule_id!r}: id: stays what it is; add a rule of another id and remove this one"
        )
    body = {**to_dict(rule), **values}
    body = {key: value for key, value in body.items() if value is not None}
    return {**standing, rule_id: from_dict(body, version=rule.version)}


def without(standing: Rules, rule_id: str) -> Rules:
    """Without a rule. Raises NotFoundError."""
    find(standing.values(), rule_id)
    return {name: rule for name, rule in standing.items() if name != rule_id}


def plan_to(
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
        Change(before.get(rule_id), after.get(rule_id))
        for rule_id in ids
        if before.get(rule_id) != after.get(rule_id)
    )
    newest_change = versions[-1].change if versions else 0
    return Plan(
        action,
        changes,
        tuple(before.values()),
        tuple(after.values()),
        newest_change,
        undoes,
        effective,
        proposal,
    )


def last_open(versions: Sequence[Version], author: str | None, since: datetime | None) -> int:
    """The last change that is not taken back yet: of anybody at any time, or as narrowed. Raises NotFoundError."""
    undone = {version.undoes for version in versions}
    open_changes = [
        version.change
        for version in versions
        if version.undoes is None
        and version.change not in undone
        and author in {None, version.author}
        and (since is None or version.recorded_at >= since)
    ]
    if not open_changes:
        raise NotFoundError("there is no change to undo; `whysent rules history` lists all")
    return open_changes[-1]


def undone(versions: Sequence[Version], change: int) -> Rules:
    """The rules with `change` taken back. Raises WorkspaceError if somebody changed its rules afterwards."""
    touched = {version.rule.id for version in versions if version.change == change}
    standing = heads(versions)
    before = heads(version for version in versions if version.change < change)
    changed_to = heads(version for version in versions if version.change <= change)
    after = dict(standing)
    for rule_id in touched:
        if standing.get(rule_id) != changed_to.get(rule_id):
            raise WorkspaceError(f"cannot undo: {describe(newest(versions, rule_id))}; undo that first")
        after.pop(rule_id, None)
        if rule_id in before:
            after[rule_id] = before[rule_id]
    return after


def newest(versions: Sequence[Version], rule_id: str) -> Version:
    """The version of a rule that was written last."""
    return next(version for version in reversed(versions) if version.rule.id == rule_id)


def refuse_before_coming(versions: Sequence[Version], plan: Plan, now: datetime) -> None:
    """Raises WorkspaceError if a change would hold earlier than what is already written for later."""
    if plan.undoes is not None:
        return
    newest_versions = {version.rule.id: version for version in versions}
    for change in plan.changes:
        version = newest_versions.get(change.rule.id)
        if version and now < version.effective and (plan.effective or now) < version.effective:
            raise WorkspaceError(
                f"rule {change.rule.id!r}: version {version.rule.version} is to come at {iso(version.effective)}; undo that "
                "first, or change it from then on with --effective"
            )


def refuse_conflict(versions: Sequence[Version], plan: Plan) -> None:
    """Raises WorkspaceError if somebody changed the book since `plan` was made, saying what they did."""
    later = [version for version in versions if version.change > plan.based_on]
    if later:
        newest_version = later[-1]
        keys = ", ".join(difference.key for difference in _change_by(versions, newest_version).differences())
        more = f", and {len(later) - 1} more" if len(later) > 1 else ""
        raise WorkspaceError(
            f"the rule book changed meanwhile: {describe(newest_version)}{f': {keys}' if keys else ''}{more}; "
            "look at it again, nothing was changed"
        )


def _change_by(versions: Sequence[Version], version: Version) -> Change:
    earlier = [
        before for before in versions if before.rule.id == version.rule.id and before.change < version.change
    ]
    return Change(earlier[-1].stands if earlier else None, version.stands)


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
    numbers = {version.rule.id: version.rule.version or 0 for version in versions}
    recorded_at = not_before(versions, at)
    return [
        {
            "change": plan.based_on + 1,
            "action": plan.action,
            "undoes": plan.undoes,
            "rule_id": change.rule.id,
            "version": numbers.get(change.rule.id, 0) + number,
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
        for number, (effective, rule) in enumerate(_steps(plan, change, versions, recorded_at), start=1)
    ]


def _steps(
    plan: Plan, change: Change, versions: Sequence[Version], recorded_at: datetime
) -> list[tuple[datetime, Rule | None]]:
    """The rule of a change from which moment on: one step, or as many as the change that is taken back had covered."""
    if plan.undoes is None:
        return [(plan.effective or recorded_at, change.after)]
    of_rule = [version for version in versions if version.rule.id == change.rule.id]
    undone_version = next(version for version in of_rule if version.change == plan.undoes)
    start = min(recorded_at, undone_version.effective) if undone_version.corrects_the_past else recorded_at
    earlier = [version for version in of_rule if version.change < plan.undoes]
    moments = [start, *sorted({version.effective for version in earlier if version.effective > start})]
    steps = [(moment, _rule_at(earlier, moment)) for moment in moments]
    return [step for number, step in enumerate(steps) if not number or step[1] != steps[number - 1][1]]


def _rule_at(of_rule: Sequence[Version], moment: datetime) -> Rule | None:
    """The rule at a moment, by the versions of one rule."""
    in_force = [version for version in of_rule if version.effective <= moment]
    return in_force[-1].stands if in_force else None
