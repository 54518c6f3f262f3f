"""Proposals as the screens see them: what is proposed, and the answer to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.wording import day
from tui.session.view_models import ProposalCase, ProposalGroup, ProposalSummary

if TYPE_CHECKING:
    from audit.rules.book import Proposal
    from audit.rules.book.plan import Plan
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

    def propose_plan(self, plan: Plan, case: ProposalCase) -> str:
        """Put a plan into the inbox; one for a finding under the campaign of most of its messages."""
        from audit.queries.suggested_rule import suggested
        from audit.rules.book import Case

        workspace, viewer = self._opened.workspace, self._opened.viewer
        campaign = ""
        if case.finding and case.customer:
            _, finding_case = suggested(
                workspace, case.customer, case.finding, names_sensitive=viewer.names_sensitive
            )
            campaign = finding_case.campaign
        reason = Case(campaign, case.finding, case.customer, viewer.ticket or "", case.note)
        proposal = workspace.book.inbox.propose(plan, reason)
        return f"proposed as {proposal.id}; whoever may change rules finds it in the inbox"

    def reject(self, proposal: str, note: str) -> str:
        """Say no to a proposal; what was done, in a line."""
        from audit.rules.book import proposals

        self._opened.viewer.require("change_rules")
        rejected = self._opened.workspace.book.inbox.reject(proposals.number(proposal), note=note)
        return f"{rejected.id} is rejected"


def summary(proposal: Proposal) -> ProposalSummary:
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
    origin = [who, f"ticket {case.ticket}" if case.ticket else "", case.customer, case.finding]
    return ProposalSummary(
        proposal.id,
        f"{proposal.action} {', '.join(change.rule.id for change in proposal.changes)}".strip(),
        " · ".join(part for part in origin if part),
        case.note,
        tuple(lines),
        proposed_rule(proposal),
        approvable=proposal.request is None,
    )


def proposed_rule(proposal: Proposal) -> Document | None:
    """The rule that would be there if the proposal were accepted, where it is about one rule."""
    from audit.rules.model import to_dict

    (change, *more) = proposal.changes or (None,)
    return None if change is None or more or change.after is None else to_dict(change.after)
