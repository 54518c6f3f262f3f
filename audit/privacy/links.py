"""Which ids are one person: links that imports and people made, each from its time on, and which were undone.

They lie in the vault's file, where forgetting an id forgets its links. Nothing is changed there: an undoing is a row of
its own, and a generation of the workspace knows the rows up to a number (`Manifest.links`). Events keep the id they came
with; whoever reads them is given those of one person as one history (`joined`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from msgspec.structs import replace

from audit.events.document import Document
from audit.events.schema import ORDER
from audit.events.times import iso, parse_iso
from audit.privacy.roles import current_user
from audit.storage import database

BY_HAND = "person"
"""The source of a link that somebody made; of any other, what the data said."""


class Link(Document):
    """Two ids that are one person."""

    ids: tuple[str, str]
    since: datetime
    """From when on they are one person: what was decided before was decided of two."""
    source: str
    """person: somebody linked them; else the word by which the data joined them, such as identify or alias."""
    by: str
    """Who linked them, or ran the import that did."""
    at: datetime
    """When."""
    undone_at: datetime | None = None
    undone_by: str | None = None


class Links(Document, schema="whysent.links/1"):
    """Every link of two ids that was made, the newest last, the undone ones too."""

    links: tuple[Link, ...]


class JoinedId(Document):
    """An id of a person who has several."""

    customer: str
    since: datetime
    """When it was joined with another of them first; of what was decided before, only its own history speaks."""


Row = tuple[str, str, datetime | None, str, str, datetime]
"""Two ids, from when on they are one person (None: undone), the source, who, when."""


def record(path: Path, rows: Iterable[Row]) -> int:
    """Write links, or undoings, into the vault at `path`; answers the number of the newest row."""
    with database.connect(path) as db, db.atomic():
        db.conn.executemany(
            "insert into links (one, other, since, source, actor, at) values (?, ?, ?, ?, ?, ?)",
            [(*pair(a, b), iso(since), source, by, iso(at)) for a, b, since, source, by, at in rows],
        )
        return int(db.execute("select coalesce(max(seq), 0) from links").fetchone()[0])


def drop_after(path: Path, newest: int) -> None:
    """Remove what a killed writer left."""
    with database.connect(path) as db, db.atomic():
        db.execute("delete from links where seq > ?", [newest])


def read(path: Path, newest: int) -> tuple[Link, ...]:
    """The links up to row `newest`, oldest first."""
    if not newest:
        return ()
    with database.connect(path) as db:
        rows = db.execute(
            "select one, other, since, source, actor, at from links where seq <= ? order by seq", [newest]
        ).fetchall()
    links: list[Link] = []
    for ident, partner, since, source, actor, at in rows:
        if since is not None:
            link = Link(
                ids=(ident, partner), since=parse_iso(since), source=source, by=actor, at=parse_iso(at)
            )
            links.append(link)
            continue
        for position, link in enumerate(links):
            if link.ids == (ident, partner) and link.undone_at is None:
                links[position] = replace(link, undone_at=parse_iso(at), undone_by=actor)
    return tuple(links)


def pair(ident: str, partner: str) -> tuple[str, str]:
    """Two ids in the order in which a link names them."""
    return (ident, partner) if ident < partner else (partner, ident)


def in_force(links: Iterable[Link], ident: str, partner: str) -> list[Link]:
    """The links of these two ids that were not undone."""
    return [link for link in links if link.ids == pair(ident, partner) and link.undone_at is None]


NO_PAIRS = pl.DataFrame(
    schema={
        "customer_id": pl.String, "same_person_id": pl.String, "occurred_at": pl.Datetime("us", "UTC"),
        "source": pl.String, "merge": pl.Boolean,
    }
)  # fmt: skip


def earliest(rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs of ids, each once with its earliest moment."""
    return (
        rows.filter(pl.col("same_person_id").is_not_null(), pl.col("same_person_id") != "")
        .group_by("customer_id", "same_person_id")
        .agg(pl.col("occurred_at", "source").sort_by("occurred_at").first(), pl.col("merge").any())
    )


class Believed(NamedTuple):
    """Links to record, and how many ids were not joined because they are somebody else's already."""

    rows: list[Row]
    refused: int


def believed(pairs: pl.DataFrame, names: Mapping[str, str], before: Sequence[Link]) -> Believed:
    """Which of the `earliest` pairs are links from their time on, given the links that were there `before`; `names`: source ids → pseudonyms.

    What somebody undid is not made again. An id that was only seen on the device of a customer (no `merge`) joins the first
    customer it was seen with: the next may be somebody else at the same device.
    """
    undone = {link.ids for link in before if link.undone_at is not None}
    since = {link.ids: link.since for link in before if link.undone_at is None}
    belongs_to: dict[str, set[str]] = {}
    for link in before:
        for ident in link.ids:
            belongs_to.setdefault(ident, set()).update({*link.ids} - {ident})
    new_rows: list[Row] = []
    refused: set[str] = set()
    now, user = datetime.now(UTC), current_user()
    order = ["occurred_at", "customer_id", "same_person_id"]
    for customer, anonymous, moment, source, merge in (
        pairs.sort(order)
        .select("customer_id", "same_person_id", "occurred_at", "source", "merge")
        .iter_rows()
    ):
        ident, partner = names[customer], names[anonymous]
        ids = pair(ident, partner)
        if ident == partner or ids in undone or (ids in since and since[ids] <= moment):
            continue
        if not merge and belongs_to.get(partner, {ident}) != {ident}:
            refused.add(partner)
            continue
        since[ids] = moment
        belongs_to.setdefault(partner, set()).add(ident)
        belongs_to.setdefault(ident, set())
        new_rows.append((ident, partner, moment, source, user, now))
    return Believed(new_rows, len(refused))


class Persons:
    """Who is one person at a moment. `of`: id → the person it belongs to, of ids that have another name than their own.

    A person goes by the least of their ids, so that it is no matter who was linked first. `since`: id → when it was joined
    with another first.
    """

    def __init__(self, links: Sequence[Link], at: datetime) -> None:
        groups: dict[str, set[str]] = {}
        self.since: dict[str, datetime] = {}
        self.links = sorted(
            (link for link in links if link.undone_at is None and link.since <= at),
            key=lambda link: (link.since, link.ids),
        )
        for link in self.links:
            ident, partner = (groups.get(name, {name}) for name in link.ids)
            if ident is not partner:
                self.since |= {min(group): link.since for group in (ident, partner) if len(group) == 1}
                person = ident | partner
                groups |= dict.fromkeys(person, person)
        self.of: Mapping[str, str] = {name: min(ids) for name, ids in groups.items() if name != min(ids)}
        self._groups = groups

    def __bool__(self) -> bool:
        return bool(self._groups)

    def ids(self, customer: str) -> tuple[str, ...]:
        """All ids of the person that an id belongs to."""
        return tuple(sorted(self._groups.get(customer, {customer})))

    def ids_with_times(self, customer: str) -> tuple[JoinedId, ...]:
        """The ids of the person that an id belongs to; none of one that has no other."""
        return tuple(
            JoinedId(customer=name, since=self.since[name]) for name in sorted(self._groups.get(customer, ()))
        )

    def joined(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """Whole customers' events in order, those of one person as one customer's; `member`: the id they came with.

        Of two with one event_id, one under the other id is named with that id behind it.
        """
        touched = pl.col("customer_id").is_in(list(self._groups))
        person = pl.col("customer_id").replace(self.of)
        again = (pl.col("customer_id") != pl.col("member")) & pl.len().over("customer_id", "event_id").gt(1)
        joined = (
            events.filter(touched)
            .with_columns(person, member="customer_id")
            .with_columns(
                event_id=pl.when(again).then(pl.format("{}~{}", "event_id", "member")).otherwise("event_id")
            )
            .sort(ORDER)
        )
        untouched = events.filter(~touched).with_columns(member="customer_id")
        return untouched.merge_sorted(joined, key="customer_id", maintain_order=True)

    def early(self, events: pl.LazyFrame) -> pl.DataFrame:
        """Of stored events those from before their id was joined with another: `customer_id` (the person), `event_id`, `member`."""
        joins = pl.col("member").replace_strict(
            self.since, default=None, return_dtype=pl.Datetime("us", "UTC")
        )
        rows = self.joined(events.filter(pl.col("customer_id").is_in(list(self._groups))))
        return (
            rows.filter(pl.col("occurred_at") < joins).select("customer_id", "event_id", "member").collect()
        )


NOBODY = Persons((), datetime.max.replace(tzinfo=UTC))
"""No ids are one person."""
