"""An import from its first file to the new generation of the workspace: all of it, or nothing."""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.errors import InputError
from audit.events.schema import OTHER, TIME, conform
from audit.events.vocabulary import MUST_NOT_BE_LOST
from audit.ingest import attributes, canonical, formats, free_text, map_formats, normalise, timestamps
from audit.ingest.format import REJECTED, Batch, Format, Options
from audit.ingest.report import (
    QUARANTINED,
    FileReport,
    ImportReport,
    less,
    raw_text,
    with_customer,
    with_opt_outs,
    with_pseudonyms,
    write_quarantine,
)
from audit.ingest.values import Conventions
from audit.population import coverage
from audit.privacy import links, scan
from audit.privacy.vault_tables import shared
from audit.storage import event_store

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

BUFFER = 2_000_000
"""Events held in memory before they are written as a segment."""

BYTES = 1_000_000_000
"""Bytes of events held in memory: what has so much is written sooner, half as much at the end of a file."""

_IDENTITY = ["customer_id", "event_id"]
_OLD = datetime(1990, 1, 1, tzinfo=UTC)


def import_paths(
    ws: "Workspace",
    paths: Sequence[Path],
    *,
    format: str | None = None,  # noqa: A002  the option's own name
    map_file: Path | None = None,
    by_map: Format | None = None,
    customer: str | None = None,
    time_zone: str = "UTC",
    progress: Callable[[int, int, str], None] | None = None,
    reading: Callable[[Sequence[Path]], AbstractContextManager[object]] = nullcontext,
    without: Collection[Path] = (),
) -> ImportReport:
    """Bring files and folders into `ws`; what is known already adds nothing.

    `map_file`, or a format made of a map, reads them all. `time_zone` is where times without an offset are read, `customer` whose export it is where the files do not say
    (a pseudonym, a source's own id or an e-mail address),
    `progress(done, total, path)` is called with bytes read. Files are looked into and read within `reading`, those `without` not at all. A killed or failed import leaves the workspace as it was.
    Raises InputError for what cannot be read, WorkspaceError for what cannot be written.
    """
    by_map = by_map if map_file is None else map_formats.format_of(map_file)
    options = Options(customer, timestamps.zone(time_zone), progress)
    with reading(paths):
        sources, unknown = formats.plan([Path(path) for path in paths], format, by_map)
    with ws.writing():
        run = Run(ws, replace(options, customer=source_id(ws, customer)))
        run.report.unknown = unknown
        try:
            for source in sources:
                if source.path not in without:
                    with reading([source.path]):
                        run.read_file(source)
            with reading([source.path for source in sources]):
                run.flush()
            return run.finish()
        finally:
            ws.vault.discard(run.import_id)  # does nothing once the import is confirmed


def source_id(ws: "Workspace", customer: str | None) -> str | None:
    """The source's own id of a customer who is known already, by pseudonym or e-mail address; else what was given."""
    pseudonym = ws.vault.resolve(customer) if customer else None
    return ws.vault.source_ids([pseudonym])[pseudonym] if pseudonym else customer


class Run:
    """One import under way."""

    def __init__(self, ws: "Workspace", options: Options) -> None:
        self.import_id = secrets.token_hex(8)
        self.report = ImportReport()
        self._ws, self._options = ws, options
        self._started = datetime.now(UTC)
        self._files: dict[str, int] = {}
        self._conventions: dict[str, Conventions] = {}
        self._events: list[pl.DataFrame] = []
        self._identifiers: list[pl.DataFrame] = []
        self._bytes = 0
        self._refused: list[pl.DataFrame] = []
        self._partly: list[pl.DataFrame] = []
        self._segments: list[event_store.Segment] = []
        self._replaced: list[tuple[int, pl.DataFrame]] = []
        self._superseded: list[pl.DataFrame] = []
        self._daily = ws.daily
        self._unread = ws.generation.unread
        self._at = ws.manifest.at
        self._customers: set[str] = set()
        self._repeats = normalise.Repeats()
        self._pairs: list[pl.DataFrame] = []
        self._zones: list[pl.DataFrame] = []
        self._known: list[pl.DataFrame] = []
        self._kept: set[str] = set()

    def read_file(self, source: formats.Source) -> None:
        """Take all rows of a file in. Raises InputError."""
        try:
            for batch in source.format.read(source.path, self._options):
                self.take(batch)
            if self._bytes >= BYTES // 2:
                self.flush()
        except pl.exceptions.PanicException as error:
            raise InputError(
                f"{source.path}: cannot be read ({str(error).splitlines()[0]}); fetch it again"
            ) from error

    def take(self, batch: Batch) -> None:
        """Take the rows of one batch in."""
        number = self._files.setdefault(batch.path, len(self._files))
        if number == len(self.report.files):
            self.report.files.append(FileReport(path=scan.scrubbed(batch.path), format=batch.format))
        for column, (looks_like, rows) in batch.held_back.items():
            self.report.held_back[scan.scrubbed(column), looks_like] += rows
        self._kept.update(batch.kept)
        said = Conventions(batch.time_zone or self._options.time_zone, batch.decimal)
        conventions = self._conventions.setdefault(batch.path, said)
        normalised = normalise.cast(batch.events, conventions)
        events, refused = normalised.events, self._quarantined(batch, normalised.refused)
        if batch.rejected.height:
            events = events.join(batch.rejected.select("row"), on="row", how="anti", maintain_order="left")
        quarantined, skipped = refused["row"].n_unique(), sum(batch.skipped.values())
        self._partly.append(refused.select("row", file=pl.lit(number, pl.UInt32)))
        self.report.count(
            number,
            rows=batch.rows,
            quarantined=quarantined,
            skipped=skipped,
            duplicates=batch.rows - quarantined - skipped,  # until they turn out to be new
        )
        self.report.skipped_by_reason.update(batch.skipped)
        self.report.other_kinds.update(batch.other_kinds)
        self.report.joined_by_last |= batch.joined_by_last
        if normalised.bare:
            self.report.bare_times[conventions.time_zone] += normalised.bare
        distinct = {"distinct": pl.lit(value=True)} if batch.distinct else {}
        self._events.append(events.with_columns(pl.lit(number, pl.UInt32).alias("file"), **distinct))
        self._identifiers += [batch.identifiers, normalised.identifiers]
        if batch.links.height:
            self._pairs.append(canonical.pairs(batch, events))
        self._bytes += int(batch.events.estimated_size())
        if sum(frame.height for frame in self._events) >= BUFFER or self._bytes >= BYTES:
            self.flush()

    def finish(self) -> ImportReport:
        """Make what was written the workspace's new generation, and answer the account."""
        self.report.customers = len(self._customers)
        if self._zones:
            zones = pl.concat(self._zones).unique().group_by("customer_id").len()
            self.report.several_zones = zones.filter(pl.col("len") > 1).height
        ws, before = self._ws, self._ws.manifest
        quarantine_file = self._held()
        links_made = self._links_made()
        if not (self._segments or links_made) and quarantine_file in (None, *before.quarantine):
            return self.report
        segments = (*before.segments, *self._segments)
        if self._replaced:
            segments = tuple(event_store.without(ws.path / "events", segments, self._replaced))
        segments = tuple(event_store.folded(ws.path / "events", segments))
        vault = ws.path / "vault.db"
        newest = links.record(vault, links_made) if links_made else before.links
        persons = links.Persons(links.read(vault, newest), self._at or before.created)
        self.report.shared = [
            group for group in shared(vault, persons) if not self._customers.isdisjoint(group.customers)
        ]
        ws.commit(
            replace(
                before,
                at=self._at,
                segments=segments,
                customers=event_store.customers(ws.path / "events", segments, persons.of),
                coverage=ws.keep(self._daily, "coverage"),
                unread=ws.keep(self._unread, "unread") if self._unread.height else None,
                quarantine=tuple(dict.fromkeys((*before.quarantine, *filter(None, [quarantine_file])))),
                superseded=(*before.superseded, *self._kept_superseded()),
                imports=(*before.imports, self.import_id),
                links=newest,
            )
        )
        ws.vault.confirm(self.import_id)
        return self.report

    def _links_made(self) -> list[links.Row]:
        """The links that the files bring and nobody undid; counted."""
        pairs = links.earliest(pl.concat([links.NO_PAIRS, *self._pairs]))
        sources = {*pairs["customer_id"], *pairs["same_person_id"]}
        names = self._ws.vault.pseudonyms(sources, import_id=self.import_id)
        rows, self.report.not_linked = links.believed(pairs, names, self._ws.generation.links)
        self.report.linked = len(rows)
        return rows

    def flush(self) -> None:
        """Turn what is buffered into a segment of new events."""
        frames, identifiers = self._events, self._identifiers
        self._events, self._identifiers, self._bytes = [], [], 0
        if not any(frame.height for frame in frames):
            return
        pseudonymised, personal = self._pseudonymised(
            pl.concat(frames, how="diagonal"), pl.concat(identifiers)
        )
        complete = self._repeats.numbered(normalise.with_ids(pseudonymised, self._ws.vault))
        complete = free_text.scrubbed(complete, personal, self._ws.vault, self._kept)
        fresh = self._fresh(complete)
        self._note(complete)
        refused = pl.concat(self._partly)  # counted as such, though others of their events are here
        readable, accepted = (
            rows.join(refused, on=["row", "file"], how="anti") if refused.height else rows
            for rows in (complete, fresh)
        )
        for file, rows in accepted.group_by("file").agg(pl.col("row").n_unique()).rows():
            self.report.count(file, accepted=rows, duplicates=-rows)
        if accepted.height < readable.height:
            self.report.repeated += self._repeated(readable, accepted)
        self.report.events += fresh.height
        if fresh.height:
            self._store(event_store.in_order(fresh.drop("file", "row", normalise.REPLACES)))

    def _store(self, fresh: pl.DataFrame) -> None:
        events = attributes.with_scanners(conform(fresh))
        self.report.others += events.filter(pl.col("kind") == OTHER).height
        came = pl.lit(self._started).cast(TIME).alias("imported_at")
        self._segments.append(event_store.write(self._ws.path / "events", events.with_columns(came)))
        self._daily = coverage.add(self._daily, coverage.daily(events))
        self._count_unread(events, 1)
        newest = events.select(
            pl.col("occurred_at").filter(pl.col("occurred_at") <= self._started).max()
        ).item()
        self._at = max((moment for moment in (self._at, newest) if moment), default=None)

    def _repeated(self, complete: pl.DataFrame, fresh: pl.DataFrame) -> int:
        """How many rows have no fresh event and are not known from before this import."""
        place = ["file", "row"]
        again = complete.select(*place, *_IDENTITY).join(fresh.select(place), on=place, how="anti")
        return again.join(pl.concat(self._known), on=_IDENTITY, how="anti").select(place).n_unique()

    def _count_unread(self, events: pl.DataFrame, times: int) -> None:
        """Add what could not be read of events to the workspace's count, or take it away again."""
        counted = (
            attributes.unread(events).group_by(customer="customer_id", column="column").agg(rows=pl.len())
        )
        if counted.height:
            rows = pl.col("rows").cast(pl.Int64) * times
            self._unread = (
                pl.concat([self._unread, counted.with_columns(rows)])
                .group_by("customer", "column", maintain_order=True)
                .agg(pl.col("rows").sum())
                .filter(pl.col("rows") > 0)
            )

    def _fresh(self, events: pl.DataFrame) -> pl.DataFrame:
        """What is not known yet: of events that repeat an event_id of a customer the first, of those with a key the newest."""
        newest = self._newest(events.filter(normalise.REPLACES))
        plain = events.filter(~pl.col(normalise.REPLACES)) if newest.height else events
        unique = normalise.first_of_each(plain, _IDENTITY)
        place, before = self._ws.path / "events", self._ws.manifest.segments
        segments = (*before, *self._segments)
        stored = event_store.keys(place, before, unique.select(_IDENTITY))
        self._known = [stored]
        own = event_store.keys(place, self._segments, unique.select(_IDENTITY)) if self._segments else stored
        known = pl.concat([stored, own, newest.select(_IDENTITY)])
        if known.height:
            unique = unique.join(known, on=_IDENTITY, how="anti", maintain_order="left")
        return pl.concat([unique, self._replacing(newest, segments)]) if newest.height else unique

    def _newest(self, events: pl.DataFrame) -> pl.DataFrame:
        """The last row of each key; what earlier ones said otherwise is kept as superseded."""
        newest = events.unique(_IDENTITY, keep="last", maintain_order=True)
        if newest.height < events.height:
            said = events.with_columns(normalise.signature(conform(events)).alias("said"))
            versions = said.unique([*_IDENTITY, "said"], keep="last", maintain_order=True)
            self._supersede(
                versions.filter(~versions.select(pl.struct(_IDENTITY).is_last_distinct()).to_series())
            )
        return newest

    def _replacing(self, newest: pl.DataFrame, segments: Sequence[event_store.Segment]) -> pl.DataFrame:
        """Those of `newest` that say what is not known yet; what is known of them is superseded."""
        stored = event_store.stored(self._ws.path / "events", segments, newest.select(_IDENTITY))
        if stored.is_empty():
            return newest
        stored = stored.unique(_IDENTITY, keep="last", maintain_order=True)
        self._known.append(stored.select(_IDENTITY))
        said = newest.with_columns(normalise.signature(conform(newest)).alias("said"))
        before = stored.with_columns(normalise.signature(stored).alias("said"))
        fresh = said.join(before, on=[*_IDENTITY, "said"], how="anti", maintain_order="left").drop("said")
        replaced = stored.join(fresh, on=_IDENTITY, how="semi", maintain_order="left")
        if replaced.height:
            self.report.updated += replaced.height
            self._replaced.append((len(segments), replaced.select(_IDENTITY)))
            self._daily = less(self._daily, coverage.daily(replaced))
            self._count_unread(replaced, -1)
            self._supersede(replaced)
        return fresh

    def _supersede(self, events: pl.DataFrame) -> None:
        if events.height:
            now = pl.lit(self._started).cast(TIME)
            came = events["imported_at"] if "imported_at" in events.columns else now
            kept = conform(events).with_columns(came.alias("imported_at"), now.alias("superseded_at"))
            self._superseded.append(kept)

    def _kept_superseded(self) -> list[str]:
        return [self._ws.keep(pl.concat(self._superseded), "superseded")] if self._superseded else []

    def _note(self, events: pl.DataFrame) -> None:
        self._customers.update(events["customer_id"].unique())
        earliest, latest = events.select(
            pl.col("occurred_at").min().alias("a"), pl.col("occurred_at").max().alias("b")
        ).row(0)
        report = self.report
        for column, reason, rows in (
            attributes.unread(events).group_by("column", "reason").agg(pl.len()).rows()
        ):
            report.unread[column, reason] += rows
        report.before_1990 += events.filter(pl.col("occurred_at") < _OLD).height
        if "time_zone" in events.columns:
            named = events.filter(~pl.col("time_zone").str.starts_with("Etc/"))  # an offset is in many zones
            self._zones.append(named.select("customer_id", "time_zone").unique())
        future = events.filter(pl.col("occurred_at") > self._started)
        report.future += future.height
        report.future_opt_outs += future.filter(pl.col("kind").is_in(MUST_NOT_BE_LOST)).height
        report.first = min(moment for moment in (report.first, earliest) if moment)
        report.last = max(moment for moment in (report.last, latest) if moment)

    def _pseudonymised(
        self, events: pl.DataFrame, identifiers: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The events and the identifiers, by pseudonym."""
        vault = self._ws.vault
        sources = events["customer_id"].unique(maintain_order=True).to_list()
        names = vault.pseudonyms(sources, import_id=self.import_id)
        pseudonyms = pl.DataFrame({"customer_id": list(names), "pseudonym": list(names.values())})
        identifiers = identifiers.with_columns(normalise.customer_ids(identifiers["customer_id"]))
        personal = identifiers.join(pseudonyms, on="customer_id", how="inner", maintain_order="left").select(
            pl.col("pseudonym").alias("customer_id"), "field", "value"
        )
        if personal.height:
            vault.put(personal, import_id=self.import_id)
        renamed = pl.col("customer_id").replace_strict(pseudonyms["customer_id"], pseudonyms["pseudonym"])
        return events.with_columns(renamed), personal

    def _quarantined(self, batch: Batch, refused: pl.DataFrame) -> pl.DataFrame:
        """All refused rows of a batch, once each; noted for the quarantine with their text."""
        late = refused.join(batch.rejected.select("row"), on="row", how="anti", maintain_order="left")
        if late.height:
            source = batch.events if batch.source is None else batch.source
            rows = source.join(late.select("row"), on="row", how="semi").unique(
                "row", keep="first", maintain_order=True
            )
            late = late.join(raw_text(rows), on="row", how="left", maintain_order="left")
        else:
            late = batch.rejected.clear()
        refusals = [
            pl.DataFrame(schema={**REJECTED, "byte": pl.UInt64(), "opt_out": pl.Boolean()}),
            batch.rejected,
            late,
        ]
        all_refused = pl.concat(refusals, how="diagonal").unique("row", keep="first").sort("row")
        if all_refused.height:
            self.report.refused_by_reason.update(all_refused["reason"])
            placed = pl.coalesce(pl.format("{}, at byte {}", "reason", "byte"), "reason")
            listing = with_customer(all_refused, batch.events).with_columns(reason=placed)
            listing = with_opt_outs(listing, batch.events, batch.path)
            self._refused.append(listing.with_columns(file=pl.lit(scan.scrubbed(batch.path))))
        return all_refused

    def _held(self) -> str | None:
        if not self._refused:
            return None
        rows = with_pseudonyms(pl.concat(self._refused), self._ws.vault).select(*QUARANTINED)
        self.report.lost_opt_outs = int(rows["opt_out"].sum())
        name = write_quarantine(self._ws.path / "quarantine", rows, self._ws.vault)
        self.report.quarantine = self._ws.path / "quarantine" / name
        return name
