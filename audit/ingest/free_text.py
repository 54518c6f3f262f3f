"""Events without what tells who somebody is: identifiers by their form, and what the vault knows of the same person."""

import hashlib
import re
from collections.abc import Collection, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import polars as pl

from audit.events.schema import SCHEMA
from audit.ingest import strict_json
from audit.privacy import scan
from audit.privacy.lookup import normalised_email

if TYPE_CHECKING:
    from audit.privacy.vault import Vault

FREE_TEXT = ("query", "subject", "item_name", "campaign_name", "reason", "recipient", "attributes")
"""Columns in which people write what they like."""

NAMES_ALONE = ("query", "subject", "reason", "recipient", "attributes")
"""Those of them in which a first or last name alone is the customer's; a product or campaign may be called Rose."""

IDS = (
    "event_id", "message_id", "campaign_id", "item_id", "order_id", "segment_id", "experiment_id", "list_id", "session_id",
    "device_id",
)  # fmt: skip

_OTHERS = (
    "channel", "series_step", "trigger", "category", "currency", "placement", "variant", "persona", "source_name", "sender",
    "mailbox_provider", "purpose", "legal_basis",
)  # fmt: skip

_KNOWN_FIELDS = ("name", "address", "device_serial", "user_agent", "other")
"""What the vault knows that has no form of its own."""

_SHORTEST, _SHORTEST_NAME = 4, 2
"""House values: characters of what the vault knows, at least, to be sought in texts; a name as short as Jo with its capital alone."""

_MESSAGE_ID = re.compile(r"<?[^\s@<>]+@[^\s@<>]+>?")
_CAN_BE_TOLD = r"^(?:.*[^\d.,\s].*)$"
_SEPARATOR = "\x1f"


def scrubbed(
    events: pl.DataFrame, identifiers: pl.DataFrame, vault: "Vault", spared: Collection[str] = ()
) -> pl.DataFrame:
    """`events` without identifiers: in texts what they are stands in their place, in ids a pseudonym of its type.

    `identifiers`: those of this import, columns `customer_id, field, value`; `spared`: keys of the attributes that a map says are none.
    """
    texts = [name for name in (*FREE_TEXT, *_OTHERS) if name in events.columns and name != "attributes"]
    columns = [scan.scrub(events[name]) for name in texts]
    put = partial(_pseudonym, vault.purpose_key("identifiers in ids"))
    people = _addresses(events, identifiers)
    for name in IDS:
        if name in events.columns:
            own = people if name == "message_id" else None
            columns.append(scan.changed(events[name], partial(_id, put, own), ids=True))
    if "attributes" in events.columns:
        columns.append(scan.changed(events["attributes"], partial(_json, spared)))
    if "topics" in events.columns and events["topics"].null_count() < events.height:
        words = events["topics"].explode(empty_as_null=True)
        if scan.scrub(words) is not words:
            scrub = pl.element().map_batches(scan.scrub, return_dtype=pl.String)
            columns.append(events["topics"].list.eval(scrub))
    return _without_known(events.with_columns(columns), identifiers)


def _addresses(events: pl.DataFrame, identifiers: pl.DataFrame) -> frozenset[str]:
    """The e-mail addresses of people, as far as messages have ids that may be one."""
    if "message_id" not in events.columns or not events["message_id"].str.contains("@", literal=True).any():
        return frozenset()
    return frozenset(map(normalised_email, identifiers.filter(pl.col("field") == "email")["value"].unique()))


def _id(put: Any, people: frozenset[str] | None, text: str) -> str:
    """An id; that of a message often has the form of an address, and is one only where a person has it."""
    if (
        people is not None
        and _MESSAGE_ID.fullmatch(text)
        and normalised_email(text.strip("<>")) not in people
    ):
        return text
    return scan.replaced(text, put)


def _pseudonym(key: bytes, identifier: scan.Found) -> str:
    if identifier.label in (scan.CARD, scan.PHONE) and not identifier.reads.startswith("+"):
        return identifier.reads  # a number in an id is a number
    digest = hashlib.blake2b(normalised_email(identifier.reads).encode(), key=key, digest_size=6).hexdigest()
    return f"{identifier.label.strip('[]')}-{digest}"


def _json(spared: Collection[str], text: str) -> str:
    """A JSON object with its keys and texts scrubbed one by one, so that it stays JSON."""
    value = strict_json.parse(text)
    clear = {key: value[key] for key in value if key in spared}
    clear |= _inside({key: element for key, element in value.items() if key not in spared})
    return text if clear == value else strict_json.dumps({key: clear[key] for key in clear})


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        clear: dict[str, Any] = {}
        for key, element in value.items():
            name = _key(key)
            clear[name if name not in clear else f"{name} {len(clear) + 1}"] = _inside(element)
        return clear
    if isinstance(value, list):
        return [_inside(element) for element in value]
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "["):
        try:
            return strict_json.dumps(_inside(strict_json.loads(value)))
        except ValueError:
            pass
    clear_text = scan.scrubbed(value)
    return value if clear_text == value else clear_text


@lru_cache(maxsize=10_000)
def _key(name: str) -> str:
    return scan.scrubbed(name)


def _without_known(events: pl.DataFrame, identifiers: pl.DataFrame) -> pl.DataFrame:
    """Texts without the names, addresses and numbers that identity columns of this import say of the same customer."""
    value = pl.col("value")
    signs = value.str.strip_chars().str.len_chars()
    is_long = (signs >= _SHORTEST) | ((signs >= _SHORTEST_NAME) & (pl.col("field") == "name"))
    is_long &= value.str.contains(_CAN_BE_TOLD)
    is_place = (pl.col("field") != "address") | value.str.contains(r"\d")
    sought = identifiers.filter(pl.col("field").is_in(_KNOWN_FIELDS) & is_long & is_place)
    texts = [name for name in FREE_TEXT if name in events.columns]
    if sought.is_empty() or not texts:
        return events
    sought = sought.with_columns(value.str.strip_chars()).unique()
    searched = events.select(
        pl.int_range(pl.len()).alias("place"),
        "customer_id",
        pl.concat_str(texts, separator=_SEPARATOR, ignore_nulls=True).alias("text"),
    ).with_columns(small=pl.col("text").str.to_lowercase())
    as_written = pl.col("text").str.contains(value, literal=True)
    hits = (
        searched.join(sought, on="customer_id")
        .filter(pl.col("small").str.contains(value.str.to_lowercase(), literal=True))
        .filter((value.str.len_chars() >= _SHORTEST) | as_written)
        .sort("place", value.str.len_chars(), "value", descending=[False, True, False])
        .group_by("place", maintain_order=True)
        .agg(personal=pl.struct("field", "value"))
    )
    if hits.is_empty():
        return events
    changed = {}
    for name in texts:
        places, column = hits["place"], events[name].gather(hits["place"])
        clear = [
            text if text is None else without(text, map(dict.values, personal), alone=name in NAMES_ALONE)
            for text, personal in zip(column, hits["personal"], strict=True)
        ]
        changed[name] = events[name].scatter(places, pl.Series(clear, dtype=SCHEMA[name]))
    return events.with_columns(**changed)


def without(text: str, personal: Iterable[Iterable[str]], *, alone: bool) -> str:
    """A text without what is known of its customer, as fields and values; a name of one word only as it is written, capitals and all."""
    for field, value in personal:
        if len(value) < (_SHORTEST_NAME if field == "name" else _SHORTEST):
            continue
        is_one_word = field == "name" and not re.search(r"\W", value)
        if is_one_word and (not alone or value[0].islower()):
            continue
        flags = re.NOFLAG if is_one_word else re.IGNORECASE
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"[{field}]", text, flags=flags)
    return text
