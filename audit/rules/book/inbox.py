"""The inbox: what is proposed, and what became of it. Only an approved proposal ever reaches the rules.

The workspace may ask a second person for some acts: whoever proposes one may not approve it themselves.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from audit.errors import InputError, NotPermittedError, WorkspaceError
from audit.events.times import iso
from audit.privacy import roles, scan
from audit.privacy.scan import Who
from audit.rules.book import proposals
from audit.rules.book.file import Store
from audit.rules.book.plan import Plan
from audit.rules.book.proposals import PROPOSED, Case, Group, Proposal, Request, Step

if TYPE_CHECKING:
    from sqlite_utils import Database

RULES, HANDOVER = ACTS = ("rules", "handover")
"""Acts that may need a second person: a change of the rules, an export of people to the system that sends."""


class Inbox:
    """The proposals of a book. Who acts is the user that runs the program, unless `actor` or `author` says otherwise."""

    def __init__(self, store: Store, who: Who = lambda _: ()) -> None:
        self._store = store
        self._who = who

    def proposals(self, states: Sequence[str] = (PROPOSED,), at: datetime | None = None) -> list[Proposal]:
        """Those that stand (`at`, UTC: stood then) at one of `states`, oldest first. Raises InputError for a state that there is not."""
        for state in states:
            if state not in proposals.STATES:
                raise InputError(
                    f"{state!r} is no state of a proposal; there are {', '.join(proposals.STATES)}"
                )
        with self._store.reading() as db:
            written = proposals.read(db)
        known = written if at is None else filter(None, (proposal.as_of(at) for proposal in written))
        return [proposal for proposal in known if proposal.state in states]

    def groups(self, states: Sequence[str] = (PROPOSED,)) -> list[Group]:
        """The same by campaign, the one most is asked about first."""
        return proposals.grouped(self.proposals(states))

    def proposal(self, number: int) -> Proposal:
        """One proposal. Raises NotFoundError."""
        with self._store.reading() as db:
            return proposals.find(proposals.read(db), number)

    def propose(
        self, plan: Plan, case: Case | None = None, *, author: str | None = None, draft: bool = False
    ) -> Proposal:
        """Ask for what `plan` says, or keep it as a draft. Raises InputError if it changes nothing, or asks again for one case."""
        if not plan.changes:
            raise InputError(
                "that is in the book already; there is nothing to propose; `whysent rules list` shows it"
            )
        state = proposals.DRAFT if draft else PROPOSED
        with self._store.writing() as db:
            refuse_again(proposals.read(db), plan, case or Case())
            number = proposals.write(
                db,
                plan.changes,
                plan.action,
                self._pseudonymous(case),
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
            number = proposals.write(
                db, request, "handover", self._pseudonymous(case), self._step(PROPOSED, author)
            )
        return self.proposal(number)

    def hand_in(self, number: int, *, actor: str | None = None) -> Proposal:
        """Make a draft a proposal; its author's to do."""
        return self._move(number, (proposals.DRAFT,), PROPOSED, actor, "", by_author=True)

    def withdraw(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Take a draft or a proposal back; its author's to do."""
        return self._move(
            number, (proposals.DRAFT, PROPOSED), proposals.WITHDRAWN, actor, note, by_author=True
        )

    def reject(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Say no to a proposal."""
        return self._move(number, (PROPOSED,), proposals.REJECTED, actor, note)

    def approve_handover(self, number: int, *, actor: str | None = None, note: str = "") -> Proposal:
        """Say yes to an export. Raises NotPermittedError if the workspace asks for somebody else."""
        return self._move(number, (PROPOSED,), proposals.APPROVED, actor, note, act=HANDOVER)

    def use(self, number: int, request: Request, *, actor: str | None = None) -> Proposal:
        """Take an approved export as made. Raises WorkspaceError unless it is `request` that was approved."""
        if self.proposal(number).request != request:
            raise WorkspaceError(
                f"p{number}: approved was another export, or a rule has changed since; ask for it anew"
            )
        return self._move(number, (proposals.APPROVED,), proposals.USED, actor, "", by_author=True)

    def _move(
        self,
        number: int,
        before: Sequence[str],
        state: str,
        actor: str | None,
        note: str,
        *,
        by_author: bool = False,
        act: str | None = None,
    ) -> Proposal:
        step = self._step(state, actor, note)
        with self._store.writing() as db:
            proposal = proposals.find(proposals.read(db), number)
            refuse_state(proposal, before)
            if by_author and step.actor != proposal.author:
                raise NotPermittedError(
                    f"{proposal.id} is {proposal.author}'s; only they can do that; who may change rules can reject it"
                )
            if act is not None:
                refuse_alone(db, act, proposal.author, step.actor)
            proposals.write_step(db, number, step)
        return self.proposal(number)

    def _pseudonymous(self, case: Case | None) -> Case:
        return replace(case, note=scan.pseudonymous(case.note, self._who)) if case else Case()

    def _step(self, state: str, actor: str | None, note: str = "") -> Step:
        said = scan.pseudonymous(note, self._who)
        return Step(state=state, actor=actor or roles.current_user(), at=self._store.now(), note=said)


def refuse_again(written: Iterable[Proposal], plan: Plan, case: Case) -> None:
    """Raises InputError where the very same waits already for the same finding, or customer, under the same ticket."""
    if not case.customer:
        return
    wanted = (tuple(plan.changes), plan.effective, case.customer, case.finding, case.ticket)
    for proposal in written:
        known = proposal.case
        asked = (proposal.changes, proposal.effective, known.customer, known.finding, known.ticket)
        if asked == wanted and proposal.state in (PROPOSED, proposals.DRAFT):
            raise InputError(
                f"{proposal.id} asks for that already, by {proposal.author} on {proposal.made_at:%Y-%m-%d}; `whysent rules inbox` shows it"
            )


def refuse_state(proposal: Proposal, states: Sequence[str]) -> None:
    """Raises WorkspaceError unless the proposal stands at one of `states`, saying what became of it."""
    step = proposal.steps[-1]
    if step.state not in states:
        note = f" ({step.note})" if step.note else ""
        raise WorkspaceError(
            f"{proposal.id} is {step.state} since {step.at:%Y-%m-%d %H:%M} UTC, by {step.actor}{note}; `whysent rules inbox` lists what waits"
        )


# -- the second person ----------------------------------------------------------------------------------------


def needs_second_person(db: "Database | None") -> frozenset[str]:
    """The acts that need a second person; none until somebody said so."""
    if db is None:
        return frozenset()
    row = db.conn.execute("select second_person from policies order by seq desc limit 1").fetchone()
    return frozenset(json.loads(row[0])) if row else frozenset()


def write_policy(db: "Database", acts: Iterable[str], *, author: str, at: datetime, note: str) -> None:
    """Ask a second person for `acts` from now on, and for no others."""
    db.conn.execute(
        "insert into policies (second_person, author, recorded_at, note) values (?, ?, ?, ?)",
        [json.dumps(sorted(set(acts))), author, iso(at), note],
    )


def refuse_alone(db: "Database", act: str, author: str, approver: str | None) -> None:
    """Raises NotPermittedError if `act` needs a second person and `approver` is none."""
    if act not in needs_second_person(db):
        return
    if approver is None:
        raise NotPermittedError(
            f"{act}: this workspace asks for a second person; propose it, and let somebody else approve it"
        )
    if approver == author:
        raise NotPermittedError(f"{act}: {author} proposed it; somebody else has to approve it")
