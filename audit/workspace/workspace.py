"""A workspace: a folder with the events (Parquet), the vault and the rule book (SQLite), and one manifest.

    workspace.json   which files make up the current generation
    events/          segments in the order (customer_id, occurred_at, event_id)
    superseded-*     events that a later export of the same rows replaced
    facts/           group facts of a generation, and numbers for its texts, made when a version of the program first asks for them
    quarantine/      rows that imports refused, their text sealed with the vault's key; maps/: those answered on the screen
    vault.db         who the customers are; book.db: the rules; log.db: what was exported

Everything is private to its owner. Readers never wait: an open workspace reads the generation it was opened at
until `refresh`. Writers hold `lock`, write new files first and then replace the manifest, so that a killed writer
leaves the workspace as it was; what it left lying is swept by the next one.
"""

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import polars as pl

from audit.errors import NotFoundError, WorkspaceError
from audit.flows import campaign_map
from audit.population.audience import Audiences
from audit.population.coverage import Coverage
from audit.population.stats import Facts
from audit.privacy import links
from audit.storage import manifest, private_files
from audit.storage.event_store import CustomerRange
from audit.storage.manifest import Manifest, Settings
from audit.workspace.names_told import NamesToldOf
from audit.workspace.snapshot import Generation

if TYPE_CHECKING:
    from audit.flows import Flow
    from audit.privacy.keys import Key
    from audit.privacy.links import Persons
    from audit.privacy.log import Log
    from audit.privacy.lookup import Identifier
    from audit.privacy.role_view import RoleView
    from audit.privacy.roles import Viewer
    from audit.privacy.vault import Vault
    from audit.rules.book import Book
    from audit.segments import Definition
    from audit.segments.models import Models
    from audit.workspace.context import Context, Namesakes


@dataclass(frozen=True, slots=True)
class Info:
    """What a header shows of a workspace: `at` is the default moment (UTC), the rest are totals."""

    path: Path
    id: str
    synthetic: bool
    created: datetime
    generation: int
    at: datetime
    customers: int
    events: int


class Workspace:
    """An open workspace, at one generation. `viewer`: for whom it is open; nobody in particular is told everything."""

    def __init__(self, generation: Generation, viewer: "Viewer | None" = None) -> None:
        self.path, self.generation = generation.path, generation
        self._told = NamesToldOf(viewer, generation.manifest.id)
        self._opening = threading.Lock()
        self._vault: Vault | None = None
        self._book: Book | None = None
        self._namesakes: Namesakes | None = None

    @classmethod
    def create(cls, path: Path, *, synthetic: bool = False, key: "Key | None" = None) -> Self:
        """Make an empty workspace in the folder `path`, with its vault and its key: `key`, if that is to be kept nowhere.

        Raises WorkspaceError if there is one already, or what is left of one, or the folder cannot be made.
        """
        from audit.privacy import keys
        from audit.privacy.vault import Vault

        private_files.make(path)
        for name in ("events", "facts", "quarantine"):
            private_files.make(path / name)
        with private_files.exclusive(path / "lock"):
            if (path / manifest.NAME).exists():
                raise WorkspaceError(f"{path}: there is a workspace here already; open it or name another")
            if (path / "book.db").exists() or any((path / "events").iterdir()):
                problem = f"holds a workspace whose {manifest.NAME} is missing"
                raise WorkspaceError(f"{path}: {problem}; restore that from a backup, or name another folder")
            (path / "vault.db").unlink(missing_ok=True)  # of a workspace whose making was killed
            fresh = Manifest(secrets.token_hex(16), datetime.now(UTC), Settings(synthetic=synthetic))
            with private_files.clear_errors(path):
                vault = Vault.create(path / "vault.db", key or keys.create(fresh.id))
            fresh.save(path)
        made = cls(Generation(path, fresh))
        made._vault = vault
        return made

    @classmethod
    def open(cls, path: Path, viewer: "Viewer | None" = None, *, known_at: datetime | None = None) -> Self:
        """Open the workspace in the folder `path`, as it was known at a moment or is now. Raises NotFoundError if there is none, else WorkspaceError."""
        return cls(Generation(path, manifest.load(path), known_at), viewer)

    @classmethod
    def open_or_create(cls, path: Path) -> Self:
        """Open the workspace in `path`, made first where there is none."""
        return cls.open(path) if (path / manifest.NAME).exists() else cls.create(path)

    # -- what it is -------------------------------------------------------------------------------

    @property
    def manifest(self) -> Manifest:
        """Which files make up the generation that is read."""
        return self.generation.manifest

    @property
    def info(self) -> Info:
        """Totals and the default moment."""
        manifest = self.manifest
        return Info(
            self.path, manifest.id, manifest.settings.synthetic, manifest.created, manifest.generation, self.at,
            manifest.customers, manifest.events,
        )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """What this workspace chooses."""
        return self.manifest.settings

    @property
    def at(self) -> datetime:
        """The default moment: the newest event not later than its import; of an empty workspace, its making."""
        return self.generation.at or self.manifest.created

    @property
    def version(self) -> str:
        """Changes with every import and every campaign map; for caches."""
        return self.generation.version

    @property
    def vault(self) -> "Vault":
        """Who the customers are. Raises WorkspaceError if its key is missing or not its own."""
        from audit.privacy import keys
        from audit.privacy.vault import Vault

        with self._opening:
            if self._vault is None:
                self._vault = Vault.open(self.path / "vault.db", keys.load(self.manifest.id))
            return self._vault

    @property
    def book(self) -> "Book":
        """The rules, with their versions."""
        from audit.rules.book import Book

        with self._opening:
            if self._book is None:
                having = lambda address: self.vault.having(address)  # noqa: E731,PLW0108 - opens no vault before it is asked
                self._book = Book(self.path / "book.db", who=having)
            return self._book

    @cached_property
    def log(self) -> "Log":
        """What was done with people's data."""
        from audit.privacy.log import Log

        return Log(self.path / "log.db")

    @property
    def coverage(self) -> Coverage:
        """The last event of each source, the kinds, the gaps."""
        return self.generation.coverage

    @property
    def daily(self) -> pl.DataFrame:
        """Events by source, kind and day, in the shape of `coverage.DAILY`."""
        return self.generation.daily

    @property
    def campaigns(self) -> pl.DataFrame:
        """The campaign map, in the shape of `campaigns.SCHEMA`."""
        return self.generation.campaigns

    @property
    def flows(self) -> "tuple[Flow, ...]":
        """What campaigns are defined to do."""
        return self.generation.flows

    @property
    def definition_record(self) -> pl.DataFrame:
        """Which segment definitions were in force since when, in the shape of `segments.versions.RECORD`."""
        return self.generation.definition_record

    @property
    def definitions(self) -> "tuple[Definition, ...]":
        """The segment definitions in force: ours, the workspace's own, and those of what it has learned."""
        return self.generation.definitions

    @property
    def models(self) -> "Models | None":
        """What the workspace has learned from all its customers."""
        return self.generation.models

    @property
    def view(self) -> "RoleView":
        """What whoever it is open for is told: the names in all that was read of it so far are known."""
        return self._told.view(self.generation, lambda: self.book)

    # -- reading ----------------------------------------------------------------------------------

    def resolve(self, text: str, *, at: datetime | None = None) -> str:
        """The customer that a pseudonym, a source id or an e-mail address stands for at `at`. Raises NotFoundError."""
        customer = self.person(text, at=at)
        if customer is None:
            raise NotFoundError(
                "no such customer here: neither a pseudonym, nor a source's id, nor an e-mail address; look at how it is written, or import their data"
            )
        return customer

    def person(self, text: str, *, at: datetime | None = None) -> str | None:
        """The customer that a text stands for; an id that was linked with another is their person's, from that time on.

        Whom only an import knows that is under way, or was killed, is not found.
        """
        unfinished = set(self.vault.pending()) - set(self.manifest.imports)
        return self.vault.resolve(text, leaving_out=unfinished, persons=self.persons(at))

    def persons(self, at: datetime | None = None) -> "Persons":
        """Which ids are one person at `at` (default: the workspace's moment)."""
        return self._readable().persons(at)

    def known_by(self, identifiers: "Iterable[Identifier]") -> "dict[Identifier, frozenset[str]]":
        """Identifier → the pseudonyms of all whom it may stand for, as the vault or an event knows them: an `order` is an
        order_id or a message_id.
        """
        asked = set(identifiers)
        unfinished = set(self.vault.pending()) - set(self.manifest.imports)
        known = self.vault.known_by(asked, leaving_out=unfinished, persons=self.persons())
        orders = {identifier.value: identifier for identifier in asked if identifier.field == "order"}
        for ident, customer in self._readable().having_ids(list(orders)).iter_rows() if orders else ():
            known[orders[ident]] = known.get(orders[ident], frozenset()) | {customer}
        return known

    def history(
        self, customer: str, *, at: datetime | None = None, without: Iterable[str] = ()
    ) -> pl.DataFrame:
        """The events of one customer (a pseudonym) in order, campaign map filled in.

        Only those not later than `at` (all, if None); those named by `without` (event_ids) are left out.
        """
        return self._told.one(self._readable().history(customer, at=at, without=without))

    def scan(self, at: datetime | None = None) -> pl.LazyFrame:
        """All events in order, campaign map filled in; who is one person is what holds at `at`."""
        return self._told.everybody(self._readable(), at)

    def events(self, at: datetime | None = None) -> pl.DataFrame:
        """All events in order, not later than `at` (default: the workspace's moment)."""
        return self.scan(at).filter(pl.col("occurred_at") <= (at or self.at)).collect()

    def parts(self, rows: int, *, at: datetime) -> list[CustomerRange]:
        """Parts of about `rows` events, never cutting through a customer."""
        return self._readable().parts(rows, at)

    def part(self, customers: CustomerRange, *, at: datetime) -> pl.DataFrame:
        """The events of these customers in order, not later than `at`."""
        events = self._readable().part(customers, at).filter(pl.col("occurred_at") <= at).collect()
        return self._told.one(events)

    def facts(self) -> Facts:
        """Group facts over all customers, counted when first asked for in a generation and then kept beside it."""
        return self._readable().now.facts()

    def audiences(self, *windows: timedelta, campaign: str | None = None) -> Audiences:
        """Who got each campaign and what sets them apart; of one `campaign`, by acts in other `windows` than the usual ones."""
        readable = self._readable().now
        return readable.compare_audiences(*windows, campaign=campaign) if windows else readable.audiences()

    def has_all_facts(self) -> bool:
        """Whether what people also bought and what their baskets look like has been counted for this generation."""
        return self._readable().now.has_all_facts()

    def context(self, at: datetime | None = None, *, customer: str | None = None) -> "Context":
        """What a derivation needs beside the events; the coverage is that of the events not later than `at`.

        `customer`: whose rows (a pseudonym's) that were left out it names, instead of everybody's.
        """
        from audit.workspace.context import Context, Namesakes, declared

        moment = at or self.at
        covered = self._readable().coverage_at(moment)
        if customer is not None:
            covered = replace(covered, left_out=self._readable().left_out(customer))
        self._namesakes = self._namesakes or Namesakes()
        return Context(
            moment,
            covered,
            self.facts(),
            self.campaigns,
            self.settings,
            declared=declared(self.book.enabled(), self.person),
            definitions=self.definitions,
            flows=self.flows,
            models=self.models,
            early=self._readable().early(moment, customer),
            persons=self.persons(moment),
            **self._namesakes.of(self.path / "vault.db", self._readable(), moment),
        )

    # -- writing ----------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one writer, at the newest generation, what killed writers left swept away. Raises WorkspaceError if another is."""
        with private_files.exclusive(self.path / "lock"):
            self.refresh()
            self._sweep()
            yield

    def commit(self, changed: Manifest) -> None:
        """Make `changed` the next generation; only inside `writing`."""
        before = self.manifest
        if changed.definitions == before.definitions:  # ours may have changed with the program
            text = None if self.definition_record.is_empty() else self.definition_record["own"][-1]
            changed = self._recorded(changed, text)
        following = replace(
            changed, generation=before.generation + 1, retired=tuple(sorted(before.files() - changed.files()))
        )
        following.save(self.path)
        self.generation = Generation(self.path, following, self.generation.known_at)

    def refresh(self) -> None:
        """Read the newest generation from now on."""
        self.generation = Generation(self.path, manifest.load(self.path), self.generation.known_at)

    def set_map(self, campaigns: pl.DataFrame | None, flows: pl.DataFrame | None) -> None:
        """Replace the campaign map (columns of `campaigns.SCHEMA`), the flows (`flows.FLOWS`), or both; None keeps."""
        with self.writing():
            changed = self.manifest
            if campaigns is not None:
                name = self.keep(campaigns.select(*campaign_map.SCHEMA), "campaigns")
                changed = replace(changed, campaigns=name)
            if flows is not None:
                changed = replace(changed, flows=self.keep(flows, "flows"))
            self.commit(changed)

    def set_definitions(self, text: str | None) -> None:
        """Replace the workspace's own segment definitions with those in `text` (TOML); None takes them away."""
        with self.writing():
            self.commit(self._recorded(self.manifest, text))

    def set_models(self, models: "Models | None") -> None:
        """Keep what was learned, in the place of what was before; None takes it away."""
        with self.writing():
            frame = None if models is None else pl.DataFrame({"models": [models.to_json()]})
            name = None if frame is None else self.keep(frame, "models")
            self.commit(replace(self.manifest, models=name))

    def _recorded(self, changed: Manifest, text: str | None) -> Manifest:
        """`changed` with the definitions that are in force from now on in its record."""
        from audit.segments import versions

        record = versions.recorded(self.definition_record, text, datetime.now(UTC))
        return changed if record is None else replace(changed, definitions=self.keep(record, "definitions"))

    def keep(self, frame: pl.DataFrame, stem: str) -> str:
        """Write a small frame as a new file of the workspace; answers its name for the manifest."""
        return private_files.write_parquet(self.path / f"{stem}-{secrets.token_hex(8)}.parquet", frame).name

    def _readable(self) -> Generation:
        """The generation that is read; the newest, if two others have been written since. Raises WorkspaceError."""
        if not self.generation.is_there:
            self.refresh()
        return self.generation

    def _sweep(self) -> None:
        """Remove files older than the generation before, and what killed imports left lying, in the vault too."""
        for import_id in self.vault.pending():
            if import_id in self.manifest.imports:
                self.vault.confirm(import_id)
            else:
                self.vault.discard(import_id)
        links.drop_after(self.path / "vault.db", self.manifest.links)
        named = self.manifest.files() | set(self.manifest.retired)
        with private_files.clear_errors(self.path):
            for pattern in ("events/*.parquet", "quarantine/*.parquet", "*-*.parquet", ".workspace.json.*"):
                for path in self.path.glob(pattern):
                    if path.relative_to(self.path).as_posix() not in named:
                        path.unlink(missing_ok=True)
