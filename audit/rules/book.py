"""The rule book: every rule with every version it ever had, who changed it, when, and why.

Nothing is overwritten: a change is new rows. A change is planned first, and applied only if nobody else changed
the book since.
"""

import getpass
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit import database
from audit.errors import InputError, NotFoundError, WorkspaceError
from audit.rules.model import Rule, from_dict, to_dict
from audit.rules.plan import Change, Plan
from audit.times import iso, parse_iso

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x77535231  # "wSR1"

REMOVED = "removed"

_VERSIONS = """
    create table versions (
        seq integer primary key,
        change integer not null,
        action text not null,
        undoes integer,
        rule_id text not null,
        version integer not null,
        state text not null check (state in ('enabled', 'disabled', 'removed')),
        body text not null,
        author text not null,
        recorded_at text not null,
        note text not null,
        unique (rule_id, version)
    ) strict
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rule: what it was, or was before it was removed; `recorded_at` is UTC."""

    change: int
    action: str
    undoes: int | None
    state: str
    rule: Rule
    author: str
    recorded_at: datetime
    note: str

    def to_json(self) -> dict[str, Any]:
        """The version as plain values."""
        return {
            "id": self.rule.id,
            "version": self.rule.version,
            "action": self.action,
            "state": self.state,
            "author": self.author,
            "at": iso(self.recorded_at),
            "note": self.note,
            "rule": to_dict(self.rule),
        }


class Book:
    """The rules of a workspace, in the file `path`, made with the first change.

    Every act opens the file by itself, so any thread may ask. All raise WorkspaceError where the file cannot be
    used: locked, read-only, full, damaged, another program's or a newer whysent's.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now

    def rules(self) -> tuple[Rule, ...]:
        """The rules as they stand, in the order of their creation."""
        return tuple(_standing(self._versions()).values())

    def enabled(self) -> tuple[Rule, ...]:
        """The rules that are switched on."""
        return tuple(rule for rule in self.rules() if rule.enabled)

    def rule(self, rule_id: str) -> Rule:
        """One rule as it stands. Raises NotFoundError."""
        return _found(self.rules(), rule_id)

    def history(self, rule_id: str | None = None) -> list[Version]:
        """Every version, of one rule or of all, newest first. Raises NotFoundError for a rule there never was."""
        found = [one for one in self._versions() if rule_id in {None, one.rule.id}]
        if rule_id is not None and not found:
            raise NotFoundError(f"no rule {rule_id!r} was ever in the book")
        return found[::-1]

    def plan_add(self, rules: Iterable[Rule]) -> Plan:
        """Add rules. Raises InputError if one is there already."""
        return self._plan("add", lambda standing: _added(standing, rules))

    def plan_import(self, rules: Iterable[Rule]) -> Plan:
        """Take in a file: new rules are added, others become as the file says; rules it does not name stay."""
        return self._plan("import", lambda standing: {**standing, **{rule.id: rule for rule in rules}})

    def plan_set(self, rule_id: str, values: Mapping[str, Any]) -> Plan:
        """Change keys of a rule; None gives a key its default back. Raises InputError, NotFoundError."""
        return self._plan("set", lambda standing: _set(standing, rule_id, values))

    def plan_enable(self, rule_id: str) -> Plan:
        """Switch a rule on. Raises NotFoundError."""
        return self._plan("enable", lambda standing: _set(standing, rule_id, {"enabled": True}))

    def plan_disable(self, rule_id: str) -> Plan:
        """Switch a rule off. Raises NotFoundError."""
        return self._plan("disable", lambda standing: _set(standing, rule_id, {"enabled": False}))

    def plan_remove(self, rule_id: str) -> Plan:
        """Take a rule out of the book; its history stays. Raises NotFoundError."""
        return self._plan("remove", lambda standing: _without(standing, rule_id))

    def plan_undo(self, *, author: str | None = None, since: datetime | None = None) -> Plan:
        """Take back the last change that is not taken back yet: of anybody at any time, or as narrowed.

        Raises NotFoundError if there is none, WorkspaceError if somebody changed its rules afterwards.
        """
        versions = self._versions()
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
        return _undoing(versions, open_changes[-1])

    def apply(self, plan: Plan, *, note: str = "", author: str | None = None) -> tuple[Rule, ...]:
        """Do what `plan` says, all of it or nothing; gives the changed rules with their new versions.

        Raises WorkspaceError if somebody changed the book since the plan was made, saying what they did.
        """
        if not plan.changes:
            return ()
        if not self._path.exists():
            database.create(self._path)
        with self._open() as db, database.immediate(db):
            versions = _read(db, self._path)
            _refuse_conflict(versions, plan)
            rows = _rows(plan, versions, note, author or _user(), self._now())
            db.table("versions").insert_all(rows)
        return tuple(from_dict(json.loads(row["body"]), version=row["version"]) for row in rows)

    def _plan(self, action: str, act: Callable[[dict[str, Rule]], dict[str, Rule]]) -> Plan:
        versions = self._versions()
        before = _standing(versions)
        return _made(action, versions, before, act(dict(before)))

    def _versions(self) -> list[Version]:
        if not self._path.exists():
            return []
        with self._open() as db:
            return _read(db, self._path)

    @contextmanager
    def _open(self) -> "Iterator[Database]":
        with database.connect(self._path) as db:
            database.bring_up_to_date(db, self._path, application_id=APPLICATION_ID, migrations=_migrations())
            yield db


def _migrations() -> "Migrations":
    from sqlite_utils import Migrations

    made = Migrations("rules")

    @made()
    def versions(db: "Database") -> None:
        db.execute(_VERSIONS)

    return made


def _read(db: "Database", path: Path) -> list[Version]:
    columns = "change, action, undoes, state, body, version, author, recorded_at, note"
    try:
        return [
            Version(
                change, action, undoes, state, from_dict(json.loads(body), version=version), author,
                parse_iso(recorded_at), note,
            )
            for change, action, undoes, state, body, version, author, recorded_at, note in db.conn.execute(
                f"select {columns} from versions order by seq"  # noqa: S608 - a constant
            )
        ]  # fmt: skip
    except (ValueError, InputError) as error:
        raise WorkspaceError(f"{path}: a rule in it cannot be read: {error}") from error


def _standing(versions: Iterable[Version]) -> dict[str, Rule]:
    newest = {one.rule.id: one for one in versions}
    return {rule_id: one.rule for rule_id, one in newest.items() if one.state != REMOVED}


def _made(
    action: str,
    versions: Sequence[Version],
    before: Mapping[str, Rule],
    after: Mapping[str, Rule],
    undoes: int | None = None,
) -> Plan:
    ids = dict.fromkeys((*before, *after))
    changes = tuple(
        Change(before.get(one), after.get(one)) for one in ids if before.get(one) != after.get(one)
    )
    seen = versions[-1].change if versions else 0
    return Plan(action, changes, tuple(before.values()), tuple(after.values()), seen, undoes)


def _undoing(versions: Sequence[Version], change: int) -> Plan:
    touched = {one.rule.id for one in versions if one.change == change}
    standing = _standing(versions)
    before = _standing([one for one in versions if one.change < change])
    then = _standing([one for one in versions if one.change <= change])
    after = dict(standing)
    for rule_id in touched:
        if standing.get(rule_id) != then.get(rule_id):
            raise WorkspaceError(f"cannot undo: {_last(versions, rule_id)}")
        after.pop(rule_id, None)
        if rule_id in before:
            after[rule_id] = before[rule_id]
    return _made("undo", versions, standing, after, undoes=change)


def _last(versions: Sequence[Version], rule_id: str) -> str:
    one = next(one for one in reversed(versions) if one.rule.id == rule_id)
    return _said(one)


def _said(one: Version) -> str:
    note = f" ({one.note})" if one.note else ""
    return f"{one.author} made {one.rule.id!r} version {one.rule.version} ({one.action}) at {iso(one.recorded_at)}{note}"


def _refuse_conflict(versions: Sequence[Version], plan: Plan) -> None:
    others = [one for one in versions if one.change > plan.seen]
    if others:
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        raise WorkspaceError(
            f"the rule book changed meanwhile: {_said(others[-1])}{more}; look at it again, nothing was changed"
        )


def _rows(
    plan: Plan, versions: Sequence[Version], note: str, author: str, at: datetime
) -> list[dict[str, Any]]:
    newest = {one.rule.id: one.rule.version or 0 for one in versions}
    return [
        {
            "change": plan.seen + 1,
            "action": plan.action,
            "undoes": plan.undoes,
            "rule_id": change.rule.id,
            "version": newest.get(change.rule.id, 0) + 1,
            "state": REMOVED if change.after is None else "enabled" if change.after.enabled else "disabled",
            "body": json.dumps(to_dict(change.rule), ensure_ascii=False),
            "author": author,
            "recorded_at": iso(at),
            "note": note,
        }
        for change in plan.changes
    ]


def _found(rules: Iterable[Rule], rule_id: str) -> Rule:
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise NotFoundError(f"no rule {rule_id!r} in the book; `whysent rules list` names them")


def _added(standing: dict[str, Rule], rules: Iterable[Rule]) -> dict[str, Rule]:
    for rule in rules:
        if rule.id in standing:
            raise InputError(
                f"rule {rule.id!r}: id: is in the book already; `rules set` changes a rule, `rules import` takes in a file"
            )
        standing[rule.id] = rule
    return standing


def _set(standing: dict[str, Rule], rule_id: str, values: Mapping[str, Any]) -> dict[str, Rule]:
    rule = _found(standing.values(), rule_id)
    if values.get("id", rule_id) != rule_id:
        raise InputError(
            f"rule {rule_id!r}: id: stays what it is; add a rule of another id and remove this one"
        )
    body = {**to_dict(rule), **values}
    kept = {key: value for key, value in body.items() if value is not None}
    return {**standing, rule_id: from_dict(kept, version=rule.version)}


def _without(standing: dict[str, Rule], rule_id: str) -> dict[str, Rule]:
    _found(standing.values(), rule_id)
    return {one: rule for one, rule in standing.items() if one != rule_id}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
