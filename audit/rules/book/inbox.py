"""The inbox: what is proposed, and what became of it. Only an approved proposal ever reaches the rules."""

from collections.abc import Sequence
from datetime import datetime

from audit.errors import InputError, NotPermittedError, WorkspaceError
from audit.privacy import current_user
from audit.rules.book import approval_policy, proposals
from audit.rules.book.file import Store
from audit.rules.book.plan import Plan
from audit.rules.book.proposals import (
    APPROVED,
    DRAFT,
    PROPOSED,
    REJECTED,
    STATES,
    USED,
    WITHDRAWN,
    Case,
    Group,
    Proposal,
    Request,
    Step,
)


class Inbox:
    """The proposals of a book. Who acts is the user that runs the program, unless `actor` or `author` says otherwise."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def proposals(self, states: Sequence[str] = (PROPOSED,)) -> list[Proposal]:
        """Those that stand at one of `states`, oldest first. Raises InputError for a state that there is not."""
        for state in states:
            if state not in STATES:
                raise InputError(f"{state!r} is no state of a proposal; there are {', '.join(STATES)}")
        with self._store.reading() as db:
            return [one for one in proposals.read(db) if one.state in states]

    def groups(self, states: Sequence[str] = (PROPOSED,)) -> list[Group]:
        """The same by campaign, the one most is asked about first."""
        return proposals.grouped(self.proposals(states))

    def proposal(self, number: int) -> Proposal:
        """One proposal. Raises NotFoundError."""
        with self._store.reading() as db:
            return proposals.one(proposals.read(db), number)

    def propose(
        self, plan: Plan, case: Case | None = None, *, author: str | None = None, draft: bool = False
    ) -> Proposal:
        """Ask for what `plan` says, or keep it as a draft. Raises InputError if it changes nothing."""
        if not plan.changes:
            raise InputError("that is in the book already; there is nothing to propose")
        state = DRAFT if draft else PROPOSED
        with self._store.writing() as db:
            number = proposals.write(
                db,
                plan.changes,
                plan.action,
                case or Case(),
                self._step(state, author),
                effective=plan.effective,
                undoes=plan.undoes,
            )
        return self.proposal(number)

    def ask_handover(
        self, request: Request, case: Case | None = None, *, author: str | None = None
    ) -> Proposal:
        """Ask for an export."""
        with self._store.writing() as db:
            number = proposals.write(db, request, "handover", case or Case(), self._step(PROPOSED, author))
        return self.proposal(number)

    def hand_in(self, number: int, *, actor: str | None = None) -> Proposal:
        """Make a draft a proposal; its author's to do."""
        return self._move(number, (DRAFT,), PROPOSED, actor, "", own=True)

    def withdraw(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Take a draft or a proposal back; its author's to do."""
        return self._move(number, (DRAFT, PROPOSED), WITHDRAWN, actor, note, own=True)

    def reject(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Say no to a proposal."""
        return self._move(number, (PROPOSED,), REJECTED, actor, note)

    def approve_handover(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Say yes to an export. Raises NotPermittedError if the workspace asks for somebody else."""
        return self._move(number, (PROPOSED,), APPROVED, actor, note, act=approval_policy.HANDOVER)

    def use(self, number: int, request: Request, *, actor: str | None = None) -> Proposal:
        """Take an approved export as made. Raises WorkspaceError unless it is `request` that was approved."""
        asked = self.proposal(number).request
        if asked != request:
            raise WorkspaceError(
                f"p{number}: approved was another export, or a rule has changed since; ask for it anew"
            )
        return self._move(number, (APPROVED,), USED, actor, "", own=True)

    def _move(
        self,
        number: int,
        before: Sequence[str],
        state: str,
        actor: str | None,
        note: str,
        *,
        own: bool = False,
        act: str | None = None,
    ) -> Proposal:
        taken = self._step(state, actor, note)
        with self._store.writing() as db:
            found = proposals.one(proposals.read(db), number)
            refuse_state(found, before)
            if own and taken.actor != found.author:
                raise NotPermittedError(f"{found.id} is {found.author}'s; only they can do that")
            if act is not None:
                approval_policy.refuse_alone(db, act, found.author, taken.actor)
            proposals.step(db, number, taken)
        return self.proposal(number)

    def _step(self, state: str, actor: str | None, note: str = "") -> Step:
        return Step(state, actor or current_user.name(), self._now(), note)

    def _now(self) -> datetime:
        return self._store.now()


def refuse_state(found: Proposal, wanted: Sequence[str]) -> None:
    """Raises WorkspaceError unless the proposal stands at one of `wanted`, saying what became of it."""
    last = found.steps[-1]
    if last.state not in wanted:
        note = f" ({last.note})" if last.note else ""
        raise WorkspaceError(
            f"{found.id} is {last.state} since {last.at:%Y-%m-%d %H:%M} UTC, by {last.actor}{note}"
        )
