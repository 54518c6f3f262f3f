"""One generation of a workspace, read: its events and what is known beside them.

Nothing in it changes: a writer makes another generation, and whoever reads this one goes on reading it as long as its
files are there (that is, until a second other one has been written).
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.errors import WorkspaceError
from audit.events.messages import sent_messages
from audit.events.schema import ORDER, SCHEMA
from audit.events.vocabulary import MUST_NOT_BE_LOST
from audit.flows import campaign_map
from audit.population import audience, audience_comparison, coverage
from audit.population.audience import Audiences
from audit.population.coverage import Coverage, LeftOut
from audit.population.stats import Facts
from audit.privacy import links
from audit.privacy.links import Link, Persons
from audit.storage import event_store
from audit.storage.event_store import CustomerRange
from audit.storage.manifest import Manifest

if TYPE_CHECKING:
    from audit.flows import Flow
    from audit.segments import Definition
    from audit.segments.models import Models


class Generation:
    """What the manifest names in the folder `path`, each part read when it is first asked for.

    `known_at`: the moment (UTC) as of which its events are read: what was imported later is left out, what a later export replaced stands
    as it stood. None: as they are known now, as group facts, maps and definitions always are.
    """

    def __init__(self, path: Path, manifest: Manifest, known_at: datetime | None = None) -> None:
        self.path, self.manifest, self.known_at = path, manifest, known_at
        self._columns_checked = False
        self._counting = threading.Lock()
        self._facts: Facts | None = None
        self._persons: dict[datetime, Persons] = {}
        self._early: dict[datetime, pl.DataFrame] = {}
        self._comparing = threading.Lock()
        self._audiences: Audiences | None = None

    @property
    def version(self) -> str:
        """Changes with every import and every campaign map; for caches."""
        generation = f"{self.manifest.id}-{self.manifest.generation}"
        return generation if self.known_at is None else f"{generation}-{self.known_at.isoformat()}"

    @cached_property
    def at(self) -> datetime | None:
        """The newest event that is not later than the import it came with, or than when it was known; None before there is one."""
        if self.known_at is None:
            return self.manifest.at
        known = self._as_it_came().filter(pl.col("occurred_at") <= self.known_at)
        newest: datetime | None = known.select(pl.col("occurred_at").max()).collect().item()
        return newest

    @property
    def is_there(self) -> bool:
        """Whether all files of its events still are."""
        return all((self.path / "events" / segment.file).exists() for segment in self.manifest.segments)

    # -- events -----------------------------------------------------------------------------------

    def history(
        self, customer: str, *, at: datetime | None = None, without: Iterable[str] = ()
    ) -> pl.DataFrame:
        """The events of one customer (a pseudonym) in order, campaign map filled in; as `Workspace.history`."""
        self._check()
        persons = self.persons(at)
        ids = persons.ids(customer)
        events = self._history(ids[0])
        if ids[1:]:
            parts = [events, *(self._history(name) for name in ids[1:])]
            events = persons.joined(pl.concat(parts).sort(ORDER).lazy()).drop("member").collect()
        left_out = list(without)
        if left_out:
            events = events.filter(pl.col("event_id").is_in(left_out).not_())
        if at is not None:
            events = events.filter(pl.col("occurred_at") <= at)
        return self._filled(events.lazy()).collect()

    def scan(self, at: datetime | None = None) -> pl.LazyFrame:
        """All events in order, campaign map filled in; who is one person is what holds at `at`."""
        return self._filled(self._stored(at))

    def parts(self, rows: int, at: datetime | None) -> list[CustomerRange]:
        """Parts of about `rows` events, as `event_store.parts` gives them; who is one person is what holds at `at`."""
        self._check()
        self._check_columns()
        return event_store.parts(self.path / "events", self.manifest.segments, rows, self.persons(at).of)

    def part(self, customers: CustomerRange, at: datetime) -> pl.LazyFrame:
        """The events of these customers in order, campaign map filled in."""
        persons = self.persons(at)
        events = self._part(customers)
        if persons:
            elsewhere = [
                name for name, person in persons.of.items() if customers.first <= person <= customers.last
            ]
            theirs = self._as_it_came().filter(pl.col("customer_id").is_in(elsewhere))
            rest = events.filter(~pl.col("customer_id").is_in(list(persons.of)))
            events = persons.joined(pl.concat([rest, theirs]).sort(ORDER)).drop("member")
        return self._filled(events)

    def naming(self, names: Sequence[str]) -> pl.LazyFrame:
        """The events of campaigns and items of those names, campaign map filled in."""
        named = pl.any_horizontal(pl.col("campaign_id", "campaign_name", "item_id").is_in(names))
        return self._filled(self._stored().filter(named))

    def having_ids(self, ids: Sequence[str]) -> pl.DataFrame:
        """Whose orders and messages these are: `id, customer_id`, each pair once."""
        columns = ("order_id", "message_id")
        rows = (
            self._stored()
            .filter(pl.any_horizontal(pl.col(*columns).is_in(ids)))
            .select("customer_id", *columns)
        )
        pairs = rows.unpivot(on=columns, index="customer_id", value_name="id").filter(pl.col("id").is_in(ids))
        return pairs.select("id", "customer_id").unique().sort("id", "customer_id").collect()

    def _filled(self, events: pl.LazyFrame) -> pl.LazyFrame:
        return events if self.campaigns.is_empty() else campaign_map.fill(events, self.campaigns)

    def _stored(self, at: datetime | None = None) -> pl.LazyFrame:
        """All events, those of one person together, whatever ids they came with."""
        persons = self.persons(at)
        return persons.joined(self._as_it_came()).drop("member") if persons else self._as_it_came()

    def _history(self, customer: str) -> pl.DataFrame:
        """The events of one id as they came."""
        if self.known_at is not None:
            return self._known(self.known_at, customer).collect()
        return event_store.history(self.path / "events", self.manifest.segments, customer)

    def _part(self, customers: CustomerRange) -> pl.LazyFrame:
        """The events of these ids as they came."""
        if self.known_at is not None:
            inside = pl.col("customer_id").is_between(customers.first, customers.last)
            return self._known(self.known_at).filter(inside)
        events = event_store.part(self.path / "events", self.manifest.segments, customers)
        return events.select(list(SCHEMA))

    def _as_it_came(self) -> pl.LazyFrame:
        self._check()
        self._check_columns()
        if self.known_at is not None:
            return self._known(self.known_at)
        return event_store.scan(self.path / "events", self.manifest.segments)

    def _known(self, at: datetime, customer: str | None = None) -> pl.LazyFrame:
        replaced = [self.path / name for name in self.manifest.superseded]
        return event_store.known(self.path / "events", self.manifest.segments, replaced, at, customer)

    def _check(self) -> None:
        """Raises WorkspaceError where a file is missing or damaged."""
        event_store.check(self.path / "events", self.manifest.segments)

    def _check_columns(self) -> None:
        """The same where a column is not as it was written; asked once, as a generation stays as it is."""
        if not self._columns_checked:
            event_store.check_columns(self.path / "events", self.manifest.segments)
            self._columns_checked = True

    # -- who is who -------------------------------------------------------------------------------

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links of ids, the undone ones too."""
        return links.read(self.path / "vault.db", self.manifest.links)

    def persons(self, at: datetime | None = None) -> Persons:
        """Who is one person at `at` (default: the workspace's moment)."""
        moment = at or self.at or self.manifest.created
        if moment not in self._persons:
            self._persons[moment] = Persons(self.links, moment)
        return self._persons[moment]

    def early(self, at: datetime, customer: str | None = None) -> pl.DataFrame | None:
        """The events from before their id was joined with another, as `Persons.early`: of one customer, or of everybody."""
        persons = self.persons(at)
        if customer is None:
            if persons and at not in self._early:
                self._early[at] = persons.early(self._as_it_came())
            return self._early.get(at)
        ids = persons.ids(customer)
        return persons.early(self._as_it_came().filter(pl.col("customer_id").is_in(ids))) if ids[1:] else None

    @cached_property
    def now(self) -> "Generation":
        """The same, as it is known now."""
        return self if self.known_at is None else Generation(self.path, self.manifest)

    # -- group facts ------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """Group facts over all customers, counted when first asked for and then kept beside the events."""
        from audit.population import stats_store

        with self._counting:
            if self._facts is None:
                self._facts = stats_store.of(self.beside, self.scan(), self.audiences)
            return self._facts

    def audiences(self) -> Audiences:
        """Who got each campaign and what sets them apart, counted when first asked for and then kept beside the events."""
        from audit.population import stats_store

        with self._comparing:
            if self._audiences is None:
                self._audiences = stats_store.audiences(self.beside, self.compare_audiences)
            return self._audiences

    def compare_audiences(self, *windows: timedelta, campaign: str | None = None) -> Audiences:
        """The same, of all campaigns or of one, by acts in the usual or other `windows`, counted."""
        at = self.at or self.manifest.created
        stored, filled = (
            events.filter(pl.col("occurred_at") <= at) for events in (self._stored(), self.scan())
        )
        fewest = audience.fewest_told(synthetic=self.manifest.settings.synthetic)
        return audience_comparison.count(
            stored, filled, windows=windows or audience.WINDOWS, least=fewest, campaign=campaign
        )

    def has_all_facts(self) -> bool:
        """Whether what people also bought and what their baskets look like has been counted."""
        from audit.population import stats_store

        return self.facts().complete or stats_store.complete(self.beside)

    @property
    def beside(self) -> Path:
        """The folder for what is made of these events when it is first asked for; gone with the generation, and with the version of this
        program that made it.
        """
        from audit.population import stats_store

        return self.path / "facts" / f"{self.version}-{stats_store.counted_by()}"

    # -- coverage ---------------------------------------------------------------------------------

    @cached_property
    def coverage(self) -> Coverage:
        """The last event of each source, the kinds, the gaps; of rows later than their import it knows nothing."""
        moment = self.at
        counted = coverage.summarize(self.daily) if moment is None else self._coverage_up_to(moment)
        return replace(counted, left_out=self.left_out())

    @cached_property
    def daily(self) -> pl.DataFrame:
        """Events by source, kind and day, in the shape of `coverage.DAILY`."""
        if self.known_at is not None:
            return _daily(self._as_it_came())
        counted = self._frame(self.manifest.coverage, coverage.DAILY)
        if counted["marks"].null_count():  # by an older program, which did not look at them
            counted = _daily(self._stored())
        return counted

    def coverage_at(self, moment: datetime) -> Coverage:
        """The coverage of the events not later than `moment`."""
        if moment == self.at:
            return self.coverage
        return replace(self._coverage_up_to(moment), left_out=self.left_out())

    def _coverage_up_to(self, moment: datetime) -> Coverage:
        """`coverage_at`; a day that the moment parts is counted anew."""
        within = self.daily.filter(pl.col("last") <= moment)
        if self.daily.filter(pl.col("first") <= moment).height > within.height:
            day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            parted = self._stored().filter(pl.col("occurred_at").is_between(day, moment))
            within = pl.concat([within.filter(pl.col("day") != moment.date()), _daily(parted)])
        return coverage.summarize(within, moment)

    # -- what is left out -------------------------------------------------------------------------

    def left_out(self, customer: str | None = None) -> LeftOut:
        """What no answer rests on: that of one customer (a pseudonym), or of the whole workspace."""
        refused, future, unread = self._refused, self._future, self.unread
        if customer is not None:
            ids = self.persons().ids(customer)
            refused = refused.filter(pl.col("customer").is_in(ids))
            future = future.filter(pl.col("customer_id").is_in(ids))
            unread = unread.filter(pl.col("customer").is_in(ids))
        return LeftOut(
            quarantined=refused.height,
            lost_opt_outs=int(refused["opt_out"].sum()),
            future=future.height,
            messages=sent_messages(future).height,
            future_opt_outs=future.filter(pl.col("kind").is_in(MUST_NOT_BE_LOST)).height,
            unread=dict(
                unread.group_by("column")
                .agg(pl.col("rows").sum())
                .sort("rows", "column", descending=[True, False])
                .rows()
            ),
        )

    @cached_property
    def unread(self) -> pl.DataFrame:
        """How many values of a customer could not be read, by column, in the shape of `coverage.UNREAD`."""
        return self._frame(self.manifest.unread, coverage.UNREAD)

    @cached_property
    def _refused(self) -> pl.DataFrame:
        """A row for each refused row: `customer` (null where it names none that is known), `opt_out`."""
        columns: dict[str, pl.DataType] = {"customer": pl.String(), "opt_out": pl.Boolean()}
        files = [
            self._frame(f"quarantine/{name}", columns).select(*columns) for name in self.manifest.quarantine
        ]
        return pl.concat([pl.DataFrame(schema=columns), *files])

    @cached_property
    def _future(self) -> pl.DataFrame:
        """The rows later than the import that brought them: `customer_id, event_id, occurred_at, kind, message_id`."""
        columns = ("customer_id", "event_id", "occurred_at", "kind", "message_id")
        moment = self.at
        if moment is None or self.daily.filter(pl.col("last") > moment).is_empty():
            return pl.DataFrame(schema={name: SCHEMA[name] for name in columns})
        return self._stored().filter(pl.col("occurred_at") > moment).select(columns).collect()

    # -- maps and definitions ---------------------------------------------------------------------

    @cached_property
    def campaigns(self) -> pl.DataFrame:
        """The campaign map, in the shape of `campaigns.SCHEMA`."""
        return self._frame(self.manifest.campaigns, campaign_map.SCHEMA)

    @cached_property
    def flows(self) -> "tuple[Flow, ...]":
        """What campaigns are defined to do."""
        from audit import flows

        return flows.from_json(self._frame(self.manifest.flows, flows.FLOWS))

    @cached_property
    def definition_record(self) -> pl.DataFrame:
        """Which segment definitions were in force since when, in the shape of `segments.versions.RECORD`."""
        from audit.segments import versions

        return self._frame(self.manifest.definitions, versions.RECORD)

    @cached_property
    def definitions(self) -> "tuple[Definition, ...]":
        """The segment definitions in force: ours, the workspace's own, and those of what it has learned."""
        from audit import segments
        from audit.segments import versions

        written = segments.with_ours(versions.own(self.definition_record))
        if self.models is None:
            return written
        from audit.segments.models import explain

        return (*written, *explain.definitions(self.models))

    @cached_property
    def models(self) -> "Models | None":
        """What the workspace has learned from all its customers."""
        if self.manifest.models is None:
            return None
        from audit.segments import models as learned

        return learned.from_json(self._frame(self.manifest.models, {"models": pl.String()})["models"][0])

    def _frame(self, name: str | None, schema: dict[str, pl.DataType]) -> pl.DataFrame:
        if name is None:
            return pl.DataFrame(schema=schema)
        try:
            frame = pl.read_parquet(self.path / name)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise WorkspaceError(
                f"{self.path / name}: cannot be read; restore the workspace from a backup"
            ) from error
        lacking = [
            pl.lit(None, dtype).alias(column)
            for column, dtype in schema.items()
            if column not in frame.columns
        ]
        return frame.with_columns(lacking)  # columns that an older program did not write


def _daily(events: pl.LazyFrame) -> pl.DataFrame:
    return coverage.daily(events.select("source_name", "kind", "occurred_at", *coverage.MARKS).collect())
