"""What a finding suggests, as something to propose: its rule, and the case that it answers."""

from typing import TYPE_CHECKING

import polars as pl

from audit.errors import InputError, NotFoundError
from audit.events.vocabulary import campaign_expr
from audit.queries.case import read_case
from audit.queries.findings_documents import findings_of
from audit.rules.book import Case
from audit.rules.model import Rule, from_dict

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace


def suggested(
    ws: "Workspace",
    customer: str,
    finding: str,
    *,
    ticket: str = "",
    note: str = "",
    names_sensitive: bool = True,
) -> tuple[Rule, Case]:
    """The rule that a finding of a customer suggests, and the case; its campaign is that of most of the finding's messages.

    Raises NotFoundError for an unknown customer or finding, InputError where it suggests no rule, or none that may be
    named to somebody who is not told sensitive topics.
    """
    read = read_case(ws, customer)
    findings = findings_of(read.found, names_sensitive=names_sensitive)
    answered = next((candidate for candidate in findings if candidate.id == finding), None)
    if answered is None:
        raise NotFoundError(
            f"no finding {finding!r} of {read.customer}; `whysent audit {read.customer}` names them"
        )
    if answered.suggested_rule is None:
        raise InputError(f"finding {finding}: no rule is suggested for it; write one, and name its file")
    case = Case(_campaign(read.events, answered.messages), finding, read.customer, ticket, note)
    return from_dict(answered.suggested_rule), case


def _campaign(events: pl.DataFrame, messages: tuple[str, ...]) -> str:
    """The campaign of most of `messages`, of as many the first by name; empty where they name none."""
    campaigns = events.filter(pl.col("event_id").is_in(messages)).select(name=campaign_expr())
    counted = campaigns.drop_nulls().group_by("name").len().sort(["len", "name"], descending=[True, False])
    return str(counted["name"].item(0)) if counted.height else ""
