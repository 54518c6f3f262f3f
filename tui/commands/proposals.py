"""rules inbox, propose, approve ...: what is asked for, and the second person that answers."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from tui.commands import options, output, rule_changes
from tui.commands.options import JsonOption, RoleOption, TicketOption, WorkspaceOption, YesOption
from tui.commands.rule_changes import EffectiveOption, NoteOption

if TYPE_CHECKING:
    from audit.privacy.roles import Viewer
    from audit.rules.book import Case, Proposal
    from audit.rules.model import Rule
    from audit.workspace.workspace import Workspace

ProposalArgument = Annotated[str, typer.Argument(metavar="ID", help="The proposal, such as p3.")]
SourceArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A rule file (TOML); - reads it from stdin.")
]
CustomerOption = Annotated[
    str | None,
    typer.Option(
        "--customer",
        metavar="C",
        help="The customer it is asked for, kept as a pseudonym; - reads it from stdin.",
    ),
]
FindingOption = Annotated[
    str | None, typer.Option("--finding", metavar="ID", help="The finding that it answers.")
]
CampaignOption = Annotated[
    str | None,
    typer.Option("--campaign", metavar="ID", help="What to group it by; by default what its rules name."),
]


def inbox(
    context: typer.Context,
    proposal: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One proposal; by default all that wait.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Drafts too, and what was answered already.")
    ] = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is proposed, by campaign, with how many tickets and people stand behind it."""
    from audit.rules.book import proposals

    options.viewer(context, role).require("see_rules")
    box = options.opened(context, workspace).book.inbox
    if proposal is None:
        groups = box.groups(proposals.STATES if everything else (proposals.PROPOSED,))
    else:
        groups = proposals.grouped([box.proposal(proposals.number(proposal))])
    if as_json:
        output.document({"schema": "whysent.inbox/1", "groups": [one.to_json() for one in groups]})
        return
    for group in groups:
        asked = f"{len(group.proposals)} proposals, {group.tickets} tickets, {group.customers} customers"
        output.line(f"{group.campaign or 'no one campaign'}: {asked}")
        for place, one in enumerate(group.proposals):
            same = next((other for other in group.proposals[:place] if other.asks_the_same(one)), None)
            _print(one, same)
    if not groups:
        output.line("nothing waits")


def draft(
    context: typer.Context,
    file: SourceArgument,
    note: NoteOption = "",
    customer: CustomerOption = None,
    finding: FindingOption = None,
    campaign: CampaignOption = None,
    effective: EffectiveOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the rules of a file as a draft, to be proposed later."""
    looking = _proposer(context, role, ticket)
    _one_stdin(file, customer)
    ws = options.opened(context, workspace)
    case = _case(ws, looking, customer=customer, finding=finding, campaign=campaign, note=note)
    plan = ws.book.plan_import(_rules(file), effective=options.moment(effective))
    made = ws.book.inbox.propose(plan, case, draft=True)
    _tell(made, f"kept as the draft {made.id}; propose it with: whysent rules propose {made.id}", as_json)


def propose(
    context: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="A rule file (TOML), - for stdin, or a draft such as p3; by default what --finding suggests.",
        ),
    ] = None,
    note: NoteOption = "",
    customer: CustomerOption = None,
    finding: FindingOption = None,
    campaign: CampaignOption = None,
    effective: EffectiveOption = None,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for the rules of a file, for a draft, or for what a finding suggests."""
    from audit.rules.book import proposal_id

    looking = _proposer(context, role, ticket)
    ws = options.opened(context, workspace)
    drafted = proposal_id(file) if file is not None else None
    if drafted is None:
        _one_stdin(file, customer)
        case = _case(ws, looking, customer=customer, finding=finding, campaign=campaign, note=note)
        rules, case = _suggested(ws, looking, case) if file is None else (_rules(file), case)
        plan = ws.book.plan_import(rules, effective=options.moment(effective))
        made = ws.book.inbox.propose(plan, case)
    elif any((customer, finding, campaign, effective, note)):
        raise InputError(f"{file}: a draft is proposed as it is; leave the other options away")
    else:
        made = ws.book.inbox.hand_in(drafted)
    _tell(made, f"proposed as {made.id}", as_json)


def approve(
    context: typer.Context,
    proposal: ProposalArgument,
    note: NoteOption = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a proposal in force; it shows its plan and asks. Where the workspace asks for it, not one's own."""
    from audit.rules.book import proposals

    ws = rule_changes.changeable(context, workspace, role)
    number = proposals.number(proposal)
    if ws.book.inbox.proposal(number).request is None:
        rule_changes.carry_out(ws, ws.book.plan_approve(number), note=note, yes=yes, as_json=as_json)
        return
    options.viewer(context, role).require("handover")
    made = ws.book.inbox.approve_handover(number, note=note)
    _tell(made, f"{made.id} is approved; {made.author} may hand over once", as_json)


def reject(
    context: typer.Context,
    proposal: ProposalArgument,
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say no to a proposal."""
    from audit.rules.book import proposals

    ws = rule_changes.changeable(context, workspace, role)
    made = ws.book.inbox.reject(proposals.number(proposal), note=note)
    _tell(made, f"{made.id} is rejected", as_json)


def withdraw(
    context: typer.Context,
    proposal: ProposalArgument,
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    ticket: TicketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what one proposed oneself."""
    from audit.rules.book import proposals

    _proposer(context, role, ticket)
    box = options.opened(context, workspace).book.inbox
    made = box.withdraw(proposals.number(proposal), note=note)
    _tell(made, f"{made.id} is withdrawn", as_json)


def policy(
    context: typer.Context,
    second_person: Annotated[
        str | None,
        typer.Option("--second-person", metavar="ACTS", help="rules, handover, both with a comma, or none."),
    ] = None,
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """For which acts this workspace asks a second person; an admin says so."""
    looking = options.viewer(context, role)
    looking.require("see_rules" if second_person is None else "policy")
    ws = options.opened(context, workspace)
    book = ws.book
    if second_person is not None:
        acts = [one.strip() for one in second_person.split(",") if one.strip() not in {"", "none"}]
        book.ask_second_person(acts, note=note)
        ws.log.append("policy", "second_person", {"asked": sorted(book.second_person())})
    asked = sorted(book.second_person())
    if as_json:
        output.document({"schema": "whysent.policy/1", "second_person": asked})
    else:
        output.line(f"a second person is asked for: {', '.join(asked) or 'nothing'}")


def _proposer(context: typer.Context, role: str | None, ticket: str | None) -> "Viewer":
    looking = options.viewer(context, role, ticket=ticket)
    looking.require("propose")
    return looking


def _one_stdin(file: str | None, customer: str | None) -> None:
    if file == customer == "-":
        raise InputError("the rules and the customer cannot both come from stdin; name a file")


def _suggested(ws: "Workspace", looking: "Viewer", case: "Case") -> "tuple[tuple[Rule, ...], Case]":
    """The rule that the finding of a case suggests; the case with the finding's campaign, if it names none."""
    from audit.queries.suggested_rule import suggested

    if not case.finding or not case.customer:
        raise InputError("nothing to propose: name a rule file, or a --finding of a --customer")
    rule, found = suggested(
        ws,
        case.customer,
        case.finding,
        ticket=case.ticket,
        note=case.note,
        names_sensitive=looking.names_sensitive,
    )
    return (rule,), replace(found, campaign=case.campaign or found.campaign)


def _rules(source: str) -> "tuple[Rule, ...]":
    from audit.rules import files

    return files.loads(sys.stdin.read()) if source == "-" else files.read(Path(source))


def _case(
    ws: "Workspace",
    looking: "Viewer",
    *,
    customer: str | None,
    finding: str | None,
    campaign: str | None,
    note: str,
) -> "Case":
    from audit.privacy.roles import Reach
    from audit.rules.book import Case

    if customer is None and looking.reach("propose") is Reach.ONE:
        raise InputError(f"the role {looking.name} proposes for a customer; name them with --customer")
    pseudonym = ws.resolve(options.customer(customer)) if customer is not None else ""
    return Case(campaign or "", finding or "", pseudonym, looking.ticket or "", note)


def _tell(made: "Proposal", said: str, as_json: bool) -> None:
    if as_json:
        output.document({"schema": "whysent.proposal/1", **made.to_json()})
    else:
        _print(made)
    output.narrate(said)


def _print(one: "Proposal", same: "Proposal | None" = None) -> None:
    case = one.case
    about = [f"ticket {case.ticket}"] if case.ticket else []
    about += [each for each in (case.customer, case.finding) if each]
    said = f"{one.author} on {one.made_at:%Y-%m-%d}: {one.action}"
    output.line(f"  {one.id}  {one.state}  {', '.join((said, *about))}")
    if case.note:
        output.line(f"      “{case.note}”")
    if same is not None:
        output.line(f"      as {same.id}")
        return
    for change in one.changes:
        output.line(f"      {change.sign} {change.rule.id}")
        for line in change.lines() if change.after else []:
            output.line(f"          {line}")
    if one.request:
        rules = ", ".join(f"{name} v{version}" for name, version in one.request.rules)
        output.line(f"      handover as {one.request.format}: {rules}")
