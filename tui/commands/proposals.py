"""rules inbox, propose, approve ...: what is asked for, and the second person that answers."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output, rule_changes
from tui.commands.options import ANSWER, CASE, CHANGE, PROPOSAL, Invocation, shares
from tui.rendering.wording import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.privacy.roles import Viewer
    from audit.rules.book import Case, Proposal
    from audit.rules.book.documents import Policy, RuleReach
    from audit.rules.book.plan import Effect
    from audit.rules.book.proposals import Group
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace

ProposalArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The proposal, such as p3.", autocompletion=options.proposals)
]
SourceArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A rule file (TOML); - reads it from stdin.")
]


@shares(*ANSWER)
def inbox(
    invocation: Invocation,
    proposal: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="One proposal; by default all that wait.", autocompletion=options.proposals
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Drafts too, and what was answered already.")
    ] = False,
) -> None:
    """What is proposed, by campaign, with how many tickets and people stand behind it."""
    from audit.rules.book import documents, proposals

    viewer = invocation.require("see_rules")
    ws = invocation.open()
    box, alone, within_book = ws.book.inbox, None, None
    if proposal is None:
        groups = box.groups(proposals.STATES if everything else (proposals.PROPOSED,))
    else:
        one = box.proposal(proposals.number(proposal))
        groups = proposals.grouped([one])
        alone, within_book = _effects(ws, one) if viewer.may("simulate") else (None, None)
    if invocation.as_json:
        output.document(documents.inbox(groups, alone, within_book))
        return
    _inbox_page(groups)
    for title, effect in (("this rule alone", alone), ("within the book", within_book)):
        if effect is not None:
            output.line(f"{title}, over the loaded past: {'; '.join(effect.lines())}")


def _effects(ws: "Workspace", proposal: "Proposal") -> "tuple[RuleReach | None, Effect | None]":
    """What the one rule of a proposal would have stopped alone, and what approving it would change; None of what is answered."""
    from audit.queries import remedies
    from audit.rules.book import documents, proposals

    (change, *more) = proposal.changes or (None,)
    rule = None if change is None or more else change.after
    alone = None
    if rule is not None:
        alone = documents.reach(remedies.alone(ws, rule, output.Progress("replaying")))
    if not proposal.changes or proposal.state != proposals.PROPOSED:
        return alone, None
    return alone, rule_changes.plan_effect(ws, ws.book.plan_approve(proposal.number))


def _inbox_page(groups: "Sequence[Group]") -> None:
    for group in groups:
        counts = f"{several(len(group.proposals), 'proposal')}, {several(group.tickets, 'ticket')}, {several(group.customers, 'customer')}"
        output.line(f"{group.campaign or 'no one campaign'}: {counts}")
        for number, proposal in enumerate(group.proposals):
            same = next(
                (earlier for earlier in group.proposals[:number] if earlier.asks_the_same(proposal)), None
            )
            _print(proposal, same)
    if not groups:
        output.line("nothing waits")


@shares(*PROPOSAL)
def draft(invocation: Invocation, file: SourceArgument) -> None:
    """Keep the rules of a file as a draft, to be proposed later."""
    viewer = invocation.require("propose")
    _one_stdin(file, invocation)
    ws = invocation.open()
    case = _case(ws, viewer, invocation)
    plan = ws.book.plan_import(_rules(ws, file), effective=invocation.effective)
    proposal = ws.book.inbox.propose(plan, case, draft=True)
    _tell(
        invocation,
        proposal,
        f"kept as the draft {proposal.id}; propose it with: whysent rules propose {proposal.id}",
    )


@shares(*PROPOSAL)
def propose(
    invocation: Invocation,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="A rule file (TOML), - for stdin, or a draft such as p3; by default what --finding suggests.",
        ),
    ] = None,
) -> None:
    """Ask for the rules of a file, for a draft, or for what a finding suggests."""
    from audit.rules.book import proposal_id

    viewer = invocation.require("propose")
    ws = invocation.open()
    drafted = proposal_id(file) if file is not None else None
    if drafted is None:
        _one_stdin(file, invocation)
        case = _case(ws, viewer, invocation)
        rules, case = _suggested(ws, case) if file is None else (_rules(ws, file), case)
        plan = ws.book.plan_import(rules, effective=invocation.effective)
        proposed = ws.book.inbox.propose(plan, case)
    elif any(invocation.shared[name] for name in PROPOSAL if name not in CASE):
        raise InputError(f"{file}: a draft is proposed as it is; leave the other options away")
    else:
        proposed = ws.book.inbox.hand_in(drafted)
    _tell(invocation, proposed, f"proposed as {proposed.id}")


@shares(*(option for option in CHANGE if option != "effective"))
def approve(invocation: Invocation, proposal: ProposalArgument) -> None:
    """Put a proposal in force; it shows its plan and asks. Where the workspace asks for it, not one's own."""
    from audit.rules.book import proposals

    ws = rule_changes.changeable(invocation)
    number = proposals.number(proposal)
    if ws.book.inbox.proposal(number).request is None:
        rule_changes.carry_out(invocation, ws, ws.book.plan_approve(number))
        return
    invocation.require("handover")
    approved = ws.book.inbox.approve_handover(number, note=invocation.note)
    _tell(invocation, approved, f"{approved.id} is approved; {approved.author} may hand over once")


@shares("note", *ANSWER)
def reject(invocation: Invocation, proposal: ProposalArgument) -> None:
    """Say no to a proposal."""
    from audit.rules.book import proposals

    ws = rule_changes.changeable(invocation)
    rejected = ws.book.inbox.reject(proposals.number(proposal), note=invocation.note)
    _tell(invocation, rejected, f"{rejected.id} is rejected")


@shares("note", *CASE)
def withdraw(invocation: Invocation, proposal: ProposalArgument) -> None:
    """Take back what one proposed oneself."""
    from audit.rules.book import proposals

    invocation.require("propose")
    withdrawn = invocation.open().book.inbox.withdraw(proposals.number(proposal), note=invocation.note)
    _tell(invocation, withdrawn, f"{withdrawn.id} is withdrawn")


@shares("note", *ANSWER)
def policy(
    invocation: Invocation,
    second_person: Annotated[
        str | None,
        typer.Option(
            "--second-person",
            metavar="ACTS",
            help="rules, handover, both with a comma, or none.",
            autocompletion=options.of("rules", "handover", "rules,handover", "none"),
        ),
    ] = None,
) -> None:
    """For which acts this workspace asks a second person; an admin says so."""
    from audit.rules.book.documents import Policy

    invocation.require("see_rules" if second_person is None else "policy")
    ws = invocation.open()
    book = ws.book
    if second_person is not None:
        acts = [act.strip() for act in second_person.split(",") if act.strip() not in {"", "none"}]
        book.ask_second_person(acts, note=invocation.note)
        ws.log.append("policy", "second_person", {"asked": sorted(book.second_person())})
    invocation.answer(Policy(second_person=tuple(sorted(book.second_person()))), _policy_page)


def _policy_page(answer: "Policy") -> None:
    output.line(f"a second person is asked for: {', '.join(answer.second_person) or 'nothing'}")


def _one_stdin(file: str | None, invocation: Invocation) -> None:
    if file == invocation.shared["customer"] == "-":
        raise InputError("the rules and the customer cannot both come from stdin; name a file")


def _suggested(ws: "Workspace", case: "Case") -> "tuple[tuple[Rule, ...], Case]":
    """The rule that the finding of a case suggests; the case with the finding's campaign, if it names none."""
    from audit.queries.remedies import suggested

    if not case.finding or not case.customer:
        raise InputError("nothing to propose: name a rule file, or a --finding of a --customer")
    rule, suggested_case = suggested(ws, case.customer, case.finding, ticket=case.ticket, note=case.note)
    return (rule,), replace(suggested_case, campaign=case.campaign or suggested_case.campaign)


def _rules(ws: "Workspace", source: str) -> "tuple[Rule, ...]":
    return options.rules_of(ws, None if source == "-" else Path(source))


def _case(ws: "Workspace", viewer: "Viewer", invocation: Invocation) -> "Case":
    from audit.privacy.roles import Reach
    from audit.rules.book import Case

    customer, finding, campaign = (invocation.shared[name] for name in ("customer", "finding", "campaign"))
    if customer is None and viewer.reach("propose") is Reach.ONE:
        raise InputError(f"the role {viewer.name} proposes for a customer; name them with --customer")
    pseudonym = ws.resolve(options.customer(customer)) if customer is not None else ""
    return Case(campaign or "", finding or "", pseudonym, viewer.ticket or "", invocation.note)


def _tell(invocation: Invocation, proposal: "Proposal", outcome: str) -> None:
    from audit.rules.book import documents

    if invocation.as_json:
        output.document(documents.proposal(proposal))
    else:
        _print(proposal)
    output.narrate(outcome)


def _print(proposal: "Proposal", same: "Proposal | None" = None) -> None:
    """A proposal with what it would change, unless `same`, printed before, asks for the same."""
    case = proposal.case
    about_case = [f"ticket {case.ticket}"] if case.ticket else []
    about_case += [text for text in (case.customer, case.finding) if text]
    author = f"{proposal.author} on {proposal.made_at:%Y-%m-%d}: {proposal.action}"
    output.line(f"  {proposal.id}  {proposal.state}  {', '.join((author, *about_case))}")
    if case.note:
        output.line(f"      “{case.note}”")
    if same is not None:
        output.line(f"      as {same.id}")
        return
    for line in proposal.lines():
        output.line(f"      {line}")
