"""The book of a workspace: asked for rules, and changed by plans."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from audit.errors import InputError, NotFoundError, WorkspaceError
from audit.privacy import roles, scan
from audit.privacy.scan import Who
from audit.rules.book import edits, inbox, proposals, versions
from audit.rules.book.file import Store
from audit.rules.book.inbox import Inbox, refuse_state
from audit.rules.book.plan import Change, Plan
from audit.rules.book.proposals import APPROVED, PROPOSED, Proposal, Step
from audit.rules.book.versions import RulePeriod, Version
from audit.rules.model import Rule, from_dict, refuse_too_many
from audit.rules.scopes import valid

if TYPE_CHECKING:
    from sqlite_utils import Database


class Book:
    """The rules of a workspace, in the file `path`, made with the first change.

    Every act opens the file by itself, so any thread may ask. All raise WorkspaceError where the file cannot be
    used: locked, read-only, full, damaged, another program's or a newer whysent's. Every `plan_...` takes `effective`:
    from when on (UTC) the change is to be in force, in the past or to come; by default from when it is written. No e-mail
    address is written: `who` knows the pseudonyms of those who have one.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        who: Who = lambda _: (),
    ) -> None:
        self._path = path
        self._store = Store(path, now)
        self._who = who
        self.inbox = Inbox(self._store, who)

    def revision(self) -> str:
        """Another text after every act that wrote into the book, whoever did it and in whichever process."""
        return self._store.revision()

    # -- asking -----------------------------------------------------------------------------------------

    @property
    def written_at(self) -> int:
        """When the file was last changed, in nanoseconds; 0 where there is none. For caches."""
        return self._path.stat().st_mtime_ns if self._path.exists() else 0

    def rules(self) -> tuple[Rule, ...]:
        """The rules as they stand now, in the order of their creation."""
        written = self._store.versions()
        now = versions.not_before(written, self._store.now())
        return versions.standing(written, now, now)

    def enabled(self) -> tuple[Rule, ...]:
        """The rules that are switched on."""
        return tuple(rule for rule in self.rules() if rule.enabled)

    def rule(self, rule_id: str) -> Rule:
        """One rule as it stands. Raises NotFoundError."""
        return edits.find(self.rules(), rule_id)

    def as_of(
        self, valid_at: datetime | None = None, recorded_at: datetime | None = None
    ) -> tuple[Rule, ...]:
        """The rules in force at `valid_at` as the book knew them at `recorded_at`; by default now.

        In force: they stood then, were switched on, and `valid_from ≤ valid_at < valid_until`.
        """
        written = self._store.versions()
        now = versions.not_before(written, self._store.now())
        at = valid_at or now
        standing = versions.standing(written, at, recorded_at or now)
        return tuple(rule for rule in standing if rule.enabled and valid(rule, at))

    def in_force(self, at: datetime | None = None) -> tuple[RulePeriod, ...]:
        """The rules that judge `at` (UTC; now), as the book knew them then, in the order of their creation.

        Each since when it judges as it does.
        """
        written, now = self._known(at)
        return versions.in_force(written, versions.not_before(written, now))

    def coming(self, at: datetime | None = None) -> list[Version]:
        """What is written `at` (UTC; now) and will be in force later, the soonest first."""
        return versions.coming(*self._known(at))

    def _known(self, at: datetime | None) -> tuple[list[Version], datetime]:
        """The versions that were written `at`, and that moment."""
        written = self._store.versions()
        if at is None:
            return written, self._store.now()
        return [version for version in written if version.recorded_at <= at], at

    def history(self, rule_id: str | None = None) -> list[Version]:
        """Every version, of one rule or of all, newest first. Raises NotFoundError for a rule there never was."""
        written = [version for version in self._store.versions() if rule_id in {None, version.rule.id}]
        if rule_id is not None and not written:
            raise NotFoundError(
                f"no rule {rule_id!r} was ever in the book; `whysent rules history` names them"
            )
        return written[::-1]

    def between(self, rule_id: str, before: int | None = None, after: int | None = None) -> Change:
        """What changed from version `before` (default: the one before `after`; 0: nothing) to `after` (the newest).

        Raises NotFoundError for a rule or a version there never was.
        """
        by_number = {version.rule.version or 0: version for version in self.history(rule_id)}
        later = after if after is not None else max(by_number)
        earlier = before if before is not None else later - 1
        for number in (earlier, later):
            if number and number not in by_number:
                raise NotFoundError(
                    f"rule {rule_id!r} has no version {number}; `whysent rules history {rule_id}` names them"
                )
        return Change(*(by_number[number].stands if number else None for number in (earlier, later)))

    # -- planning ---------------------------------------------------------------------------------------

    def plan_add(self, rules: Iterable[Rule], *, effective: datetime | None = None) -> Plan:
        """Add rules. Raises InputError if one is there already."""
        return self._plan("add", lambda standing: edits.added(standing, rules), effective)

    def plan_import(self, rules: Iterable[Rule], *, effective: datetime | None = None) -> Plan:
        """Take in a file: new rules are added, others become as the file says; rules it does not name stay."""
        imported = {rule.id: rule for rule in rules}
        return self._plan("import", lambda standing: {**standing, **imported}, effective)

    def plan_set(self, rule_id: str, values: Mapping[str, Any], *, effective: datetime | None = None) -> Plan:
        """Change keys of a rule; None gives a key its default back. Raises InputError, NotFoundError."""
        return self._plan_keys("set", rule_id, values, effective)

    def plan_enable(self, rule_id: str, *, effective: datetime | None = None) -> Plan:
        """Switch a rule on. Raises NotFoundError."""
        return self._plan_keys("enable", rule_id, {"enabled": True}, effective)

    def plan_disable(self, rule_id: str, *, effective: datetime | None = None) -> Plan:
        """Switch a rule off. Raises NotFoundError."""
        return self._plan_keys("disable", rule_id, {"enabled": False}, effective)

    def plan_remove(self, rule_id: str, *, effective: datetime | None = None) -> Plan:
        """Take a rule out of the book; its history stays. Raises NotFoundError."""
        return self._plan("remove", lambda standing: edits.without(standing, rule_id), effective)

    def plan_undo(self, *, author: str | None = None, since: datetime | None = None) -> Plan:
        """Take back the last change that is not taken back yet: of anybody at any time, or as narrowed.

        It holds from when it is written; a correction of the past is taken back as far as it reached, and what had been to
        come before is to come again. Raises NotFoundError if there is none, WorkspaceError if somebody changed its rules
        afterwards.
        """
        written = self._store.versions()
        change = edits.last_open(written, author, since)
        return edits.plan_to("undo", written, edits.undone(written, change), undoes=change)

    def plan_approve(self, number: int) -> Plan:
        """Carry out a proposal. Raises NotFoundError, WorkspaceError if a rule of it was changed since."""
        proposal = self.inbox.proposal(number)
        refuse_state(proposal, (PROPOSED,))
        if proposal.request is not None:
            raise InputError(
                f"{proposal.id} asks for an export, not for a change of the rules; `whysent rules handover` makes it"
            )
        written = self._store.versions()
        return self._checked(written, _plan_of(proposal, written))

    def _plan_keys(
        self, action: str, rule_id: str, values: Mapping[str, Any], effective: datetime | None
    ) -> Plan:
        return self._plan(action, lambda standing: edits.changed(standing, rule_id, values), effective)

    def _plan(
        self, action: str, act: Callable[[dict[str, Rule]], dict[str, Rule]], effective: datetime | None
    ) -> Plan:
        written = self._store.versions()
        before = versions.heads(written)
        after = {
            rule_id: rule if rule == before.get(rule_id) else edits.pseudonymous(rule, self._who)
            for rule_id, rule in act(dict(before)).items()
        }
        if len(after) > len(before):
            refuse_too_many(len(after))
        return self._checked(written, edits.plan_to(action, written, after, effective=effective))

    def _checked(self, written: Sequence[Version], plan: Plan) -> Plan:
        edits.refuse_before_coming(written, plan, versions.not_before(written, self._store.now()))
        return plan

    # -- changing ---------------------------------------------------------------------------------------

    def apply(self, plan: Plan, *, note: str = "", author: str | None = None) -> tuple[Rule, ...]:
        """Do what `plan` says, all of it or nothing; gives the changed rules with their new versions.

        Of a plan that carries out a proposal `author` is who approves it. Raises WorkspaceError if somebody changed the
        book since the plan was made, saying what they did; NotPermittedError if it needs a second person.
        """
        if not plan.changes:
            return ()
        actor, note = author or roles.current_user(), scan.pseudonymous(note, self._who)
        with self._store.writing() as db:
            written = versions.read(db, self._store.path)
            edits.refuse_conflict(written, plan)
            at = self._store.now()
            if plan.proposal is None:
                inbox.refuse_alone(db, inbox.RULES, actor, None)
                rows = edits.rows(plan, written, note=note, author=actor, at=at)
            else:
                proposer = _approve(db, plan, Step(state=APPROVED, actor=actor, at=at, note=note))
                rows = edits.rows(plan, written, note=note, author=proposer, at=at, approved_by=actor)
            db.table("versions").insert_all(rows)
        return tuple(from_dict(json.loads(row["body"]), version=row["version"]) for row in rows)

    def second_person(self) -> frozenset[str]:
        """The acts for which this workspace asks a second person: of `rules` and `handover`."""
        with self._store.reading() as db:
            return inbox.needs_second_person(db)

    def ask_second_person(self, acts: Collection[str], *, author: str | None = None, note: str = "") -> None:
        """Ask a second person for these acts from now on, and for no others. Raises InputError for an unknown one."""
        for act in acts:
            if act not in inbox.ACTS:
                raise InputError(f"{act!r} needs no second person; there are {' and '.join(inbox.ACTS)}")
        at, author = self._store.now(), author or roles.current_user()
        with self._store.writing() as db:
            inbox.write_policy(db, acts, author=author, at=at, note=scan.pseudonymous(note, self._who))


def _plan_of(proposal: Proposal, written: Sequence[Version]) -> Plan:
    """The plan that a proposal becomes, given the versions as they are."""
    after = versions.heads(written)
    for change in proposal.changes:
        rule = after.get(change.rule.id)
        if (rule and rule.version) != (change.before and change.before.version):
            since = versions.describe(edits.newest(written, change.rule.id))
            raise WorkspaceError(
                f"{proposal.id} cannot be approved: since it was proposed {since}; "
                "reject it, or let it be proposed anew"
            )
        if change.after is None:
            del after[change.rule.id]
        else:
            after[change.rule.id] = change.after
    return edits.plan_to(
        proposal.action,
        written,
        after,
        effective=proposal.effective,
        undoes=proposal.undoes,
        proposal=proposal.number,
    )


def _approve(db: "Database", plan: Plan, step: Step) -> str:
    """Approve the proposal that `plan` carries out, and with it those that ask the very same; gives who proposed it."""
    assert plan.proposal is not None
    everything = proposals.read(db)
    approved = proposals.find(everything, plan.proposal)
    refuse_state(approved, (PROPOSED,))
    if set(plan.changes) != set(approved.changes) or plan.effective != approved.effective:
        raise WorkspaceError(f"{approved.id} asks for something else; plan it anew")
    inbox.refuse_alone(db, inbox.RULES, approved.author, step.actor)
    proposals.write_step(db, approved.number, step)
    for proposal in everything:
        if (
            proposal.number != approved.number
            and proposal.state == PROPOSED
            and proposal.asks_the_same(approved)
        ):
            proposals.write_step(
                db, proposal.number, msgspec.structs.replace(step, note=f"with {approved.id}")
            )
    return approved.author
