"""The export: asked for, approved where the workspace asks for a second person, logged, and only then read from the vault."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.enforcement.handover import formats
from audit.enforcement.handover.suppression_list import Suppressed, suppressed
from audit.errors import NotPermittedError
from audit.events import sensitive_topics
from audit.events.times import iso
from audit.privacy import current_user
from audit.privacy.roles import Reach, Viewer
from audit.queries import documents
from audit.rules.book import Proposal, Request
from audit.rules.book.proposals import APPROVED, PROPOSED
from audit.rules.model import Rule

if TYPE_CHECKING:
    from audit.privacy.log import Entry
    from audit.workspace.workspace import Workspace

ACT = "handover"
"""What the log calls an export before the ids are read; `handover_made` with what was written follows it."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What was handed over: the `text` of the file, and how many `people` are in it.

    `withheld`: rows left out as they are about a sensitive topic; `nameless`: people left out as the vault has no e-mail
    address of theirs; `altered`: cells that got a `'` before them.
    """

    text: str
    people: int
    withheld: int
    nameless: int
    altered: int


def approval(
    ws: "Workspace", rules: Sequence[Rule], form: str, *, viewer: Viewer, actor: str | None = None
) -> Proposal | None:
    """Where the workspace asks for a second person: the approved or waiting proposal of `actor` for this export.

    Asked for here where there is none. None where nobody else has to approve. Raises as `hand_over`.
    """
    permit(viewer, form)
    book, who, wanted = ws.book, actor or current_user.name(), _request(rules, form)
    if ACT not in book.second_person():
        return None
    asked = book.inbox.proposals((APPROVED, PROPOSED))
    mine = [one for one in asked if one.request == wanted and one.author == who]
    if mine:
        return min(mine, key=lambda one: one.state != APPROVED)
    return book.inbox.ask_handover(wanted, author=who)


def permit(viewer: Viewer, form: str) -> None:
    """Raises NotPermittedError for a role that may not hand over in this format, InputError for none of them."""
    viewer.require("handover")
    formats.check(form)
    if form in formats.BY_EMAIL and viewer.reach("reveal") is not Reach.ALL:
        raise NotPermittedError(
            f"--format {form} names people by their e-mail addresses: that takes a role that may reveal them too, admin; "
            "csv and braze go by the source's own ids"
        )


def hand_over(
    ws: "Workspace",
    rules: Sequence[Rule],
    form: str,
    *,
    viewer: Viewer,
    approved: Proposal | None = None,
    actor: str | None = None,
) -> Handover:
    """Whom `rules` suppress at the workspace's moment, in one of `forms.FORMATS`.

    The log says who, which rules, how many people and in which format before an id is read, and the file's SHA-256
    afterwards. Raises NotPermittedError for a role that may not, or without the `approved` proposal where the workspace
    asks for it; InputError for another format.
    """
    permit(viewer, form)
    asked = _request(rules, form)
    who = actor or current_user.name()
    if ACT in ws.book.second_person():
        _use(ws, asked, approved, who)
    found, withheld = _people(ws, rules, ws.at, names_sensitive=viewer.names_sensitive)
    listed = _by_email(found, rules) if form in formats.BY_EMAIL else found
    begun = _begin(ws, asked, listed, approved, who)
    names = _names(ws, form, listed, begun)
    named = [one._replace(customer=name) for one in listed for name in names.get(one.customer, ())]
    named.sort(key=lambda one: one[:3])
    text = formats.written(named, rules, ws.at, form)
    _end(ws, begun, text, who)
    people = {one.customer for one in listed}
    return Handover(
        text,
        people=len(people & set(names)),
        withheld=withheld,
        nameless=len(people - set(names)),
        altered=0
        if form == "json"
        else len({one.customer for one in named if formats.formula(one.customer)}),
    )


def _request(rules: Sequence[Rule], form: str) -> Request:
    """What an approval is given for: the format, and the rules with their versions."""
    return Request(form, tuple((rule.id, rule.version or 0) for rule in rules))


def _use(ws: "Workspace", asked: Request, approved: Proposal | None, who: str) -> None:
    if approved is None:
        raise NotPermittedError(
            "handover: this workspace asks for a second person, and nobody approved this export"
        )
    ws.book.inbox.use(approved.number, asked, actor=who)


def _people(
    ws: "Workspace", rules: Sequence[Rule], at: datetime, *, names_sensitive: bool
) -> tuple[list[Suppressed], int]:
    """Whom `rules` suppress, by pseudonym, and how many rows about a sensitive topic were left out."""
    found = suppressed(ws.events(at), rules, ws.facts(), at, ids=documents.named_in(ws, rules))
    secret = set() if names_sensitive else _secret({one.about for one in found})
    shown = [one for one in found if one.about not in secret]
    return shown, len(found) - len(shown)


def _secret(abouts: set[str]) -> set[str]:
    """Those that touch a sensitive topic, by the sensitive map."""
    listed = pl.DataFrame({"about": sorted(abouts)}, schema={"about": pl.String()})
    touched = listed.filter(sensitive_topics.of_category(pl.col("about")).is_not_null())
    return set(touched["about"])


def _by_email(found: Sequence[Suppressed], rules: Sequence[Rule]) -> list[Suppressed]:
    """Those that are about e-mail, or about every channel."""
    of_email = {rule.id for rule in rules if not rule.channels or "email" in rule.channels}
    return [one for one in found if one.rule in of_email and one.channel in {None, "email"}]


def _begin(
    ws: "Workspace", asked: Request, listed: Sequence[Suppressed], approved: Proposal | None, who: str
) -> "Entry":
    details = {
        "format": asked.format,
        "rules": [{"id": name, "version": version} for name, version in asked.rules],
        "as_of": iso(ws.at),
        "people": len({one.customer for one in listed}),
        "reveals": ["email"] if asked.format in formats.BY_EMAIL else ["source_id"],
        "proposal": approved.id if approved else None,
        "approved_by": approved.steps[-1].actor if approved else None,
    }
    return ws.log.append(ACT, ", ".join(name for name, _ in asked.rules), details, actor=who)


def _names(
    ws: "Workspace", form: str, listed: Sequence[Suppressed], begun: "Entry"
) -> dict[str, tuple[str, ...]]:
    """What each pseudonym is handed over as: the source's own id, or every e-mail address."""
    customers = {one.customer for one in listed}
    if form in formats.BY_EMAIL:
        return ws.vault.revealed("email", customers, logged=begun)
    return {name: (given,) for name, given in ws.vault.source_ids(customers).items()}


def _end(ws: "Workspace", begun: "Entry", text: str, who: str) -> None:
    data = text.encode()
    made = {"of": begun.seq, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    ws.log.append(f"{ACT}_made", begun.subject, made, actor=who)
