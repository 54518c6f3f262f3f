"""Proposals as the screens see them: what is asked for, and the answer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.wording import day
from tui.session.replays import Replays
from tui.session.view_models import Asked, AskedGroup, CaseOf

if TYPE_CHECKING:
    from audit.rules.book import Proposal
    from audit.rules.book.plan import Plan
    from tui.session.view_models import Document


class Proposals(Replays):
    """What a session can do with the inbox of the workspace in `folder`, for `viewer`."""

    def inbox(self) -> tuple[AskedGroup, ...]:
        self._viewer.require("see_rules")
        return tuple(
            AskedGroup(group.campaign, tuple(map(asked, group.proposals)), group.tickets, group.customers)
            for group in self.workspace.book.inbox.groups()
        )

    def propose(self, keys: Document, case: CaseOf) -> str:
        from audit.rules import model

        self._viewer.require("propose")
        rule = model.from_dict({**keys, "enabled": True})
        return self._asked_for(self.workspace.book.plan_import([rule]), case)

    def reject(self, proposal: str, note: str) -> str:
        from audit.rules.book import proposals

        self._viewer.require("change_rules")
        made = self.workspace.book.inbox.reject(proposals.number(proposal), note=note)
        return f"{made.id} is rejected"

    def _asked_for(self, plan: Plan, case: CaseOf) -> str:
        """Put a plan into the inbox; of a finding under the campaign of most of its messages."""
        from audit.queries.suggested_rule import suggested
        from audit.rules.book import Case

        campaign = ""
        if case.finding and case.customer:
            _, known = suggested(
                self.workspace, case.customer, case.finding, names_sensitive=self._viewer.names_sensitive
            )
            campaign = known.campaign
        about = Case(campaign, case.finding, case.customer, self._viewer.ticket or "", case.note)
        made = self.workspace.book.inbox.propose(plan, about)
        return f"proposed as {made.id}; whoever may change rules finds it in the inbox"

    def _wants_second_person(self) -> bool:
        """Whether nobody changes rules alone in this workspace."""
        from audit.rules.book.inbox import RULES

        return RULES in self.workspace.book.second_person()


def asked(proposal: Proposal) -> Asked:
    """A proposal as a list and a page show it."""
    case = proposal.case
    lines: list[str] = []
    for change in proposal.changes:
        lines += [
            f"{change.sign} {change.rule.id}",
            *(f"    {line}" for line in change.lines() if change.after),
        ]
    if proposal.request:
        rules = ", ".join(f"{name} v{version}" for name, version in proposal.request.rules)
        lines.append(f"handover as {proposal.request.format}: {rules}")
    who = f"{proposal.author} on {day(proposal.made_at)}"
    about = [f"ticket {case.ticket}" if case.ticket else "", case.customer, case.finding]
    return Asked(
        proposal.id,
        f"{proposal.action} {', '.join(one.rule.id for one in proposal.changes)}".strip(),
        " · ".join(part for part in (who, *about) if part),
        case.note,
        tuple(lines),
        rule_of(proposal),
        answers=proposal.request is None,
    )


def rule_of(proposal: Proposal) -> Document | None:
    """The rule that a proposal is about, where it is about one that would be there."""
    from audit.rules.model import to_dict

    (first, *others) = proposal.changes or (None,)
    return None if first is None or others or first.after is None else to_dict(first.after)
