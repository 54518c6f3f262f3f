"""Who got a campaign, and what sets them apart from those who could have got it and did not: `whysent audience`."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit.errors import InputError, NotFoundError
from audit.events.document import Document
from audit.events.times import duration
from audit.population.audience import FEWEST, WINDOWS, Audiences, SetsApart, fewest_told
from audit.privacy.role_view import RoleView
from audit.storage.toml_input import nearest
from audit.why.wording import HAND_OVER

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

NOTES = {
    "apart": "shares of the recipients that chance does not give; it says who got it, not what the sender meant",
    "nothing": "no act in this data sets them apart",
    "few_recipients": "too few people got it to tell what sets them apart",
    "few_others": "too few others could have got it to tell what sets its recipients apart",
    "withheld": f"what sets them apart touches a sensitive topic; {HAND_OVER}",
}
"""What is said of each outcome."""

Outcome = Literal["apart", "nothing", "few_recipients", "few_others", "withheld"]


class AudienceDocument(Document, schema="whysent.audience/1"):
    """Who got a campaign, and what sets them apart from those who could have got it and did not."""

    campaign: str
    title: str | None
    at: datetime
    recipients: int
    """Distinct customers that it was sent to."""
    others: int
    """Customers with events before it who could have got it (country, list, no no in force, as far as known) and did not."""
    window: str
    """How far back acts are looked for at most."""
    sets_apart: tuple[SetsApart, ...]
    """The likeliest first; empty where nothing sets them apart beyond chance."""
    explains: float | None
    """Share of the recipients with at least one of them; null where some are withheld."""
    withheld: int
    """How many of them touch a sensitive topic that this role is not told."""
    outcome: Outcome
    note: str
    first: datetime
    last: datetime


def audience(ws: "Workspace", campaign: str, *, window: str | None = None) -> AudienceDocument:
    """Who got `campaign` (its id, or its name), by acts in `window` (such as `90d`) before each was sent it.

    Without `window` the one of the usual windows is told in which an act sets recipients apart best. Raises NotFoundError,
    and InputError where several campaigns have that name.
    """
    span = None if window is None else duration(window)
    if span is not None and span <= timedelta(0):
        raise InputError(f"--window {window}: nothing lies in it; write 30d, 90d or 365d")
    audiences = ws.audiences()
    row = _campaign(audiences, ws.view, campaign)
    if span is not None:
        audiences = ws.audiences(span, campaign=row["campaign"])
        row = audiences.campaigns.row(0, named=True)
    fewest = fewest_told(synthetic=ws.settings.synthetic)
    facts = audiences.sets_apart(row["campaign"], fewest)
    told = tuple(fact for fact in facts if ws.view.tells(sensitive=fact.sensitive))
    outcome = _outcome(row, len(told), len(facts) - len(told))
    document = AudienceDocument(
        campaign=row["campaign"],
        title=row["title"],
        at=ws.at,
        recipients=row["recipients"],
        others=row["others"],
        window=window or f"{max(WINDOWS).days}d",
        sets_apart=told,
        explains=row["explains"] if len(told) == len(facts) else None,
        withheld=len(facts) - len(told),
        outcome=outcome,
        note=NOTES[outcome],
        first=row["first"],
        last=row["last"],
    )
    return ws.view.shown(document)


def _campaign(audiences: Audiences, view: RoleView, name: str) -> dict[str, Any]:
    """The one campaign of that id, else of that name. Raises NotFoundError, and InputError where several have the name.

    A campaign that is withheld is as unknown as one that is not there: what is said of either holds no name but told ones.
    """
    meant = view.meant(name)
    for column in () if view.guesses(meant) else ("campaign", "title"):
        rows = audiences.campaigns.filter(pl.col(column) == meant)
        if rows.height == 1:
            return rows.row(0, named=True)
        if rows.height:
            ids = ", ".join(view.shown(rows["campaign"].to_list()))
            raise InputError(f"{rows.height} campaigns have that name; name one of: {ids}")
    known = view.shown(audiences.campaigns["campaign"].to_list())
    raise NotFoundError(
        f"no campaign of that id or name was sent{nearest(name, known)}; `whysent map` lists them"
    )


def _outcome(row: dict[str, Any], told: int, withheld: int) -> Outcome:
    if told:
        return "apart"
    if withheld:
        return "withheld"
    if row["recipients"] < FEWEST:
        return "few_recipients"
    return "few_others" if row["others"] < FEWEST else "nothing"
