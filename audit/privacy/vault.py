"""The vault: the only place where a pseudonym and a person meet.

An SQLite file of its own (0600). Source ids and direct identifiers lie in it encrypted (AES-GCM, each value bound
to its customer and field, so that values cannot be swapped); they are found again through a keyed blind index:
`HMAC-SHA256(key, domain ‖ type ‖ normalised value)`. Destroying a customer's rows leaves the events nameless.

Everything an import writes carries its id and stays *pending* until `confirm`; `discard` removes it again, so
that an import that was killed leaves nothing behind.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.errors import InputError, WorkspaceError
from audit.privacy import vault_tables
from audit.privacy.clean import mask_all
from audit.privacy.keys import Key
from audit.privacy.links import NOBODY, Persons
from audit.privacy.lookup import NORMALISED, Identifier, field_of_id, normalised_id
from audit.storage import database

if TYPE_CHECKING:
    from sqlite_utils import Database

    from audit.privacy.log import Entry

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in small letters: no i, l, o, u, so that a pseudonym can be read out on the telephone."""

LENGTH = 8

Maker = Callable[[str], str]
"""Gives a pseudonym for a source id; asked again when the one it gave is taken."""

_NONCE = 12
_ATTEMPTS = 100


def random_pseudonym(_source_id: str) -> str:
    """`c_` and eight random characters (40 bits): nothing about the person is in it."""
    bits = secrets.randbits(5 * LENGTH)
    return "c_" + "".join(ALPHABET[bits >> 5 * digit & 31] for digit in range(LENGTH))


class Vault:
    """An open vault. Every act is one transaction on a connection of its own; any thread may call."""

    def __init__(self, path: Path, key: Key) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._path = path
        self._key = key
        self._index = key.purpose("index")
        self._cipher = AESGCM(key.purpose("encrypt"))

    @classmethod
    def create(cls, path: Path, key: Key) -> "Vault":
        """A new, empty vault at `path`, tied to `key`. Raises WorkspaceError if a file is there."""
        database.create(path)
        vault = cls(path, key)
        with database.connect(path) as db:
            database.bring_up_to_date(
                db, path, application_id=vault_tables.APPLICATION_ID, migrations=vault_tables.migrations()
            )
            with db.atomic():
                db.execute(
                    "insert into meta (name, value) values ('key_check', ?), ('lookups', ?), ('spelling', ?)",
                    [vault._check(), b"1", b"1"],
                )
        return vault

    @classmethod
    def open(cls, path: Path, key: Key) -> "Vault":
        """The vault at `path`. Raises WorkspaceError if it is no vault, of a newer version, or of another key."""
        vault = cls(path, key)
        with database.connect(path) as db:
            if db.execute("pragma application_id").fetchone()[0] != vault_tables.APPLICATION_ID:
                raise WorkspaceError(f"{path}: is no vault of whysent; restore it from a backup")
            database.bring_up_to_date(
                db, path, application_id=vault_tables.APPLICATION_ID, migrations=vault_tables.migrations()
            )
            row = db.execute("select value from meta where name = 'key_check'").fetchone()
        if row is None or not hmac.compare_digest(row[0], vault._check()):
            raise WorkspaceError(
                f"{path}: the key {key.fingerprint} is not the key of this vault; name the file of its key with WHYSENT_KEY_FILE"
            )
        vault._spell_alike()
        return vault

    @property
    def fingerprint(self) -> str:
        """Which key this vault was opened with."""
        return self._key.fingerprint

    # -- pseudonyms ---------------------------------------------------------------------------------

    def pseudonyms(
        self, source_ids: Iterable[str], *, import_id: str, maker: Maker | None = None
    ) -> dict[str, str]:
        """The pseudonym of each source id, made by `maker` (by default at random) where there is none yet.

        Keys of the answer are the ids as given; ids of one spelling (`normalised_id`) share a pseudonym. New ones
        are pending under `import_id`.
        """
        tokens = {source_id: self.source_token(source_id) for source_id in source_ids}
        with database.connect(self._path) as db, db.atomic():
            pseudonyms = vault_tables.pseudonyms_of(db, set(tokens.values()))
            fresh = {token: source_id for source_id, token in tokens.items() if token not in pseudonyms}
            if fresh:
                _begin(db, import_id)
                new = _free_pseudonyms(db, fresh, maker or random_pseudonym)
                db.conn.executemany(
                    "insert into people (pseudonym, source_token, source_id, import_id) values (?, ?, ?, ?)",
                    [
                        (name, token, self._encrypt(fresh[token].strip(), name, "source_id"), import_id)
                        for token, name in sorted(new.items())
                    ],
                )
                fields = ((name, field_of_id(fresh[token]), fresh[token]) for token, name in new.items())
                self._insert(db, ((name, field, text) for name, field, text in fields if field), import_id)
                pseudonyms |= new
        return {source_id: pseudonyms[token] for source_id, token in tokens.items()}

    def resolve(
        self, text: str, *, leaving_out: Collection[str] = (), persons: Persons = NOBODY
    ) -> str | None:
        """Whom `text` stands for: a pseudonym itself, a source id, or an e-mail address; of `persons`, who goes by another.

        What the imports `leaving_out` wrote is not looked at. Nothing is revealed and nothing kept of what was asked.
        Raises InputError when several customers share the address.
        """
        hidden, name = json.dumps(list(leaving_out)), normalised_id(text)
        with database.connect(self._path) as db:
            row = db.execute(
                "select pseudonym from people where import_id not in (select value from json_each(?))"
                " and (pseudonym = ? or source_token = ?) order by pseudonym = ? desc",
                [hidden, name, self.source_token(text), name],
            ).fetchone()
            if row is not None:
                return persons.of.get(row[0], str(row[0]))
            rows = db.execute(
                "select distinct pseudonym from identifiers"
                " where import_id not in (select value from json_each(?)) and lookup = ? order by pseudonym",
                [hidden, self._lookup("email", text)],
            ).fetchall()
        shared = sorted({persons.of.get(name, name) for (name,) in rows})
        if len(shared) > 1:
            raise InputError(f"{len(shared)} ids of one address: {', '.join(shared)}; name one of them")
        return shared[0] if shared else None

    def source_token(self, source_id: str) -> bytes:
        """What the blind index holds in place of a source id, in one spelling."""
        return self._token("source_id", normalised_id(source_id))

    def known_by(
        self,
        identifiers: Iterable[Identifier],
        *,
        leaving_out: Collection[str] = (),
        persons: Persons = NOBODY,
    ) -> dict[Identifier, frozenset[str]]:
        """Identifier → the pseudonyms of all whom it may stand for; one that nobody has is left out.

        What the imports `leaving_out` wrote is not looked at. Nothing is revealed and nothing kept of what was asked.
        """
        asked = {identifier: self._index_entry(*identifier) for identifier in identifiers}
        entries: dict[bytes, set[str]] = {}
        with database.connect(self._path) as db:
            self._complete_index(db)
            db.execute("create temp table wanted (entry blob primary key)")
            db.conn.executemany("insert into wanted values (?)", [(e,) for e in {*asked.values()} if e])
            for entry, pseudonym in db.execute(
                vault_tables.KNOWN_BY, {"hidden": json.dumps(list(leaving_out))}
            ):
                entries.setdefault(entry, set()).add(persons.of.get(pseudonym, pseudonym))
        return {known: frozenset(entries[entry]) for known, entry in asked.items() if entry in entries}

    def having(self, address: str) -> frozenset[str]:
        """The pseudonyms of those who have an e-mail address, as their id or beside it."""
        fields = ("source_id", "email")
        return frozenset().union(*self.known_by(Identifier(field, address) for field in fields).values())

    def _index_entry(self, field: str, value: str) -> bytes | None:
        if field == "pseudonym":
            return normalised_id(value).encode()
        return self.source_token(value) if field == "source_id" else self._lookup(field, value)

    def _complete_index(self, db: "Database") -> None:
        """Take in the names and telephone numbers of a vault that an older program filled, once."""
        if db.execute("select 1 from meta where name = 'lookups'").fetchone():
            return
        rows = db.execute(
            "select id, pseudonym, field, value from identifiers where lookup is null"
            " and field in (select value from json_each(?))",
            [json.dumps(list(NORMALISED))],
        ).fetchall()
        entries = [
            (self._lookup(field, self._decrypt(sealed, name, field)), at) for at, name, field, sealed in rows
        ]
        with db.atomic():
            db.conn.executemany("update identifiers set lookup = ? where id = ?", entries)
            db.execute("insert into meta (name, value) values ('lookups', ?) on conflict do nothing", [b"1"])

    def _spell_alike(self) -> None:
        """Take in ids that are addresses in one spelling, where an older program filled the vault, once.

        Of two that were told apart by their spelling the second stays as it was.
        """
        with database.connect(self._path) as db:
            if db.execute("select 1 from meta where name = 'spelling'").fetchone():
                return
            rows = db.execute("select pseudonym, source_id from people").fetchall()
            with db.atomic():
                db.conn.executemany(
                    "update or ignore people set source_token = ? where pseudonym = ?",
                    [
                        (self.source_token(self._decrypt(sealed, name, "source_id")), name)
                        for name, sealed in rows
                    ],
                )
                db.execute(
                    "insert into meta (name, value) values ('spelling', ?) on conflict do nothing", [b"1"]
                )

    def everybody(self) -> dict[bytes, str]:
        """The blind index of source ids as it stands: token (`source_token`) → pseudonym."""
        with database.connect(self._path) as db:
            return dict(db.execute("select source_token, pseudonym from people").fetchall())

    def source_ids(self, customers: Collection[str]) -> dict[str, str]:
        """Pseudonym → the source's own id in clear, for those of `customers` that are known."""
        with database.connect(self._path) as db:
            rows = db.execute(
                "select pseudonym, source_id from people where pseudonym in (select value from json_each(?))",
                [json.dumps(list(customers))],
            ).fetchall()
        return {name: self._decrypt(sealed, name, "source_id") for name, sealed in rows}

    # -- identifiers --------------------------------------------------------------------------------

    def put(self, rows: pl.DataFrame, *, import_id: str) -> int:
        """Keep direct identifiers: columns `customer_id` (pseudonym), `field`, `value`; known ones are left alone.

        Answers how many were new. Raises WorkspaceError if a customer has no pseudonym here.
        """
        columns = ("customer_id", "field", "value")
        triples = (
            rows.select(columns)
            .drop_nulls()
            .unique(maintain_order=True)
            .sort("customer_id", maintain_order=True)  # neighbours in the index
            .rows()
        )
        with database.connect(self._path) as db, db.atomic():
            _begin(db, import_id)
            before = db.conn.total_changes
            self._insert(db, triples, import_id)
            return db.conn.total_changes - before

    def _insert(self, db: "Database", triples: Iterable[tuple[str, str, str]], import_id: str) -> None:
        db.conn.executemany(
            "insert into identifiers (pseudonym, field, value, token, lookup, import_id)"
            " values (?, ?, ?, ?, ?, ?) on conflict (pseudonym, field, token) do nothing",
            (self._identifier(row, import_id) for row in triples),
        )

    def masked(self, *ids: str) -> dict[str, str]:
        """Field → what may be shown of it to anybody: the masks of its values under these ids, each once, in the order they came."""
        with database.connect(self._path) as db:
            rows = db.execute(
                "select pseudonym, field, value from identifiers"
                " where pseudonym in (select value from json_each(?)) order by id",
                [json.dumps(ids)],
            ).fetchall()
        return mask_all((field, self._decrypt(value, name, field)) for name, field, value in rows)

    def revealed(
        self, field: str, customers: Collection[str], *, logged: "Entry"
    ) -> dict[str, tuple[str, ...]]:
        """Pseudonym → its values of `field` in clear, as they came, for those of `customers` that have any.

        `logged`: the row of the log that says so, written before.
        """
        if field not in logged.details.get("reveals", ()):
            raise WorkspaceError(f"{field}: row {logged.seq} of the log does not reveal it; ask again")
        with database.connect(self._path) as db:
            rows = db.execute(
                "select pseudonym, value from identifiers"
                " where pseudonym in (select value from json_each(?)) and field = ? order by id",
                [json.dumps(list(customers)), field],
            ).fetchall()
        by_customer: dict[str, dict[str, None]] = {}
        for name, sealed in rows:
            by_customer.setdefault(name, {})[self._decrypt(sealed, name, field)] = None
        return {name: tuple(values) for name, values in by_customer.items()}

    # -- imports ------------------------------------------------------------------------------------

    def confirm(self, import_id: str) -> None:
        """What this import wrote is there to stay."""
        with database.connect(self._path) as db, db.atomic():
            db.execute("update imports set pending = 0 where import_id = ?", [import_id])

    def discard(self, import_id: str) -> None:
        """Remove what a pending import wrote; a confirmed one is left alone."""
        with database.connect(self._path) as db, db.atomic():
            db.execute("delete from imports where import_id = ? and pending = 1", [import_id])

    def pending(self) -> list[str]:
        """Imports that were neither confirmed nor discarded: running, or killed."""
        with database.connect(self._path) as db:
            rows = db.execute("select import_id from imports where pending = 1 order by import_id").fetchall()
        return [row[0] for row in rows]

    # -- sealing ------------------------------------------------------------------------------------

    def seal(self, data: bytes) -> bytes:
        """Encrypt bytes that are kept outside the vault, such as the raw text of refused rows."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, b"sealed")

    def unseal(self, sealed: bytes) -> bytes:
        """Undo `seal`. Raises WorkspaceError if it was sealed with another key or changed since."""
        return self._open(sealed, b"sealed")

    def purpose_key(self, purpose: str) -> bytes:
        """A 256-bit key for one purpose, such as ids made from content."""
        return self._key.purpose(purpose)

    def _identifier(self, row: tuple[str, str, str], import_id: str) -> tuple[object, ...]:
        customer, field, value = row
        token = self._token(f"value:{field}", value)
        sealed = self._encrypt(value, customer, field)
        return customer, field, sealed, token, self._lookup(field, value), import_id

    def _lookup(self, field: str, value: str) -> bytes | None:
        """What the blind index holds of an identifier by which somebody is found; None of another, and of an empty one."""
        spelling = NORMALISED[field](value) if field in NORMALISED else ""
        return self._token(field, spelling) if spelling else None

    def _token(self, domain: str, value: str) -> bytes:
        # The length of the domain stands before it: "ab" + "c" is not "a" + "bc".
        name = domain.encode()
        return hmac.digest(self._index, bytes([len(name)]) + name + value.encode(), "sha256")

    def _encrypt(self, value: str, customer: str, field: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value.encode(), _bound(customer, field))

    def _decrypt(self, sealed: bytes, customer: str, field: str) -> str:
        return self._open(sealed, _bound(customer, field)).decode()

    def _open(self, sealed: bytes, bound: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
        except (InvalidTag, ValueError) as error:
            raise WorkspaceError(
                f"{self._path}: a value was changed, or sealed with another key; restore it from a backup"
            ) from error

    def _check(self) -> bytes:
        return self._key.purpose("check")


def _bound(customer: str, field: str) -> bytes:
    return f"{customer}\x1f{field}".encode()


def _begin(db: "Database", import_id: str) -> None:
    db.execute("insert into imports (import_id, pending) values (?, 1) on conflict do nothing", [import_id])
    if not db.execute("select pending from imports where import_id = ?", [import_id]).fetchone()[0]:
        raise WorkspaceError(f"import {import_id} is confirmed already; an import's id is used once")


def _free_pseudonyms(db: "Database", fresh: dict[bytes, str], maker: Maker) -> dict[bytes, str]:
    """A free pseudonym for each token."""
    taken = {row[0] for row in db.execute("select pseudonym from people")}
    pseudonyms = {}
    for token, source_id in fresh.items():
        for _ in range(_ATTEMPTS):
            name = maker(source_id)
            if name not in taken:
                break
        else:
            raise WorkspaceError(f"no free pseudonym in {_ATTEMPTS} attempts; import again")
        taken.add(name)
        pseudonyms[token] = name
    return pseudonyms
