"""The meaning of the words in events: each once, as a Python function and as a polars expression that agree.

The expression has the function's name and `_expr`; columns are those of `audit.events.schema` unless they are handed over.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

import polars as pl

LOOKS_LIKE_AN_OPT_OUT = (
    r"(?i)unsubscrib|objected|objection|opt[ _-]?out|withdraw|suppress|complain|spam|abuse|bounce"
    r"|abgemeldet|abmeldung|widerspr|widerruf|beschwerde|désabonn|désinscri|cancelar suscri|disiscri|afgemeld"
)
"""What stands in a row that nobody could read, if it may have been a no, a complaint or a bounce: a pattern for its raw text."""

FILE_DATE = "the date of the file in the export"
"""What an event whose source dates nothing says of its own date."""

ON_PAPER = ("mail", "post", "letter", "catalogue")
"""Channels of messages on paper: nobody clicks on them or unsubscribes from them, a click is an answer such as a coupon redeemed."""

OPT_OUTS = ("unsubscribed", "objected", "consent_withdrawn")
"""The kinds of events by which a customer says no to messages."""

OPT_INS = ("subscribed", "consent_given")
"""The kinds of events by which a customer says yes to messages."""

COMPLAINT = "message_complained"
"""The kind of event by which a customer calls a message spam."""

NOES = (*OPT_OUTS, COMPLAINT)
"""The kinds of events by which a customer may say no: an opt-out, or a complaint that no machine made (`says_no`)."""

MUST_NOT_BE_LOST = (*NOES, "message_bounced")
"""The kinds of which an import says so first where one did not come in."""

SCOPE = ("channel", "sender", "list_id", "topics")
"""The columns that say what a no, a yes or a message is about (`Scope`)."""

KEY = pl.coalesce("message_id", pl.concat_str(pl.lit("event:"), "event_id")).alias("message_key")
"""What makes a message one message of a customer: its message_id, else the row itself."""

VISITS = (
    "products_searched", "product_viewed", "product_added", "checkout_started", "order_completed", "product_reviewed",
    "wishlist_added", "content_consumed", "registry_created",
)  # fmt: skip
"""The kinds of acts by which customers show that they are there: whoever comes by does not ignore the shop."""

DISCOUNTS = ("discount", "coupon", "coupon_disc", "retail_disc", "promotion", "voucher")
"""The attributes of an order of which one says that it was at a discount."""

DEFAULT_CLASS = "marketing"
"""The class of a message that names none."""

LONGEST_UNIT = {
    "1h": timedelta(hours=2),
    "1d": timedelta(days=3),
    "1w": timedelta(days=9),
    "1mo": timedelta(days=33),
}
"""A calendar window → a time that no such unit outlasts, whatever a zone does to its clocks."""

Column = str | pl.Expr
"""A column by its name, or an expression."""


def class_of(message_class: str | None) -> str:
    """The class of a message; `DEFAULT_CLASS` where it names none."""
    return message_class or DEFAULT_CLASS


def class_expr() -> pl.Expr:
    """The class of a message; `DEFAULT_CLASS` where it names none."""
    return pl.when(pl.col("message_class") != "").then("message_class").otherwise(pl.lit(DEFAULT_CLASS))


def is_marketing(message_class: str | None) -> bool:
    """Whether a message is marketing, as one without a class is."""
    return class_of(message_class) == "marketing"


def is_marketing_expr() -> pl.Expr:
    """Whether a message is marketing, as one without a class is."""
    return class_expr() == "marketing"


def campaign_of(campaign_id: str | None, campaign_name: str | None) -> str | None:
    """The campaign of a row: its id, in a log without ids its name."""
    return campaign_name if campaign_id is None else campaign_id


def campaign_expr(*otherwise: Column) -> pl.Expr:
    """The campaign of a row: its id, in a log without ids its name; where it has neither, the first of `otherwise` that is there."""
    return pl.coalesce("campaign_id", "campaign_name", *otherwise)


def words_expr(text: Column) -> pl.Expr:
    """The words of a text, as a list: of four letters and more, in lower case, without a plural s; no numbers."""
    return (
        _expr(text)
        .str.to_lowercase()
        .str.extract_all(r"\p{L}{4,}")
        .list.eval(pl.element().str.strip_suffix("s"))
    )


def is_human(machine: bool | None) -> bool:
    """Whether an open or click is not marked as made by a machine."""
    return machine is not True


def is_human_expr() -> pl.Expr:
    """Whether an open or click is not marked as made by a machine."""
    return pl.col("machine").fill_null(value=False).not_()


def comes_before(at: datetime, event_id: str, other_at: datetime, other_event_id: str) -> bool:
    """Whether one event comes before another in the order of time, then of event_id as text."""
    return (at, event_id) < (other_at, other_event_id)


def comes_before_expr(at: Column, event_id: Column, other_at: Column, other_event_id: Column) -> pl.Expr:
    """Whether one event comes before another in the order of time, then of event_id as text."""
    time, other_time = _expr(at), _expr(other_at)
    return (time < other_time) | ((time == other_time) & (_expr(event_id) < _expr(other_event_id)))


class Scoped(Protocol):
    """What a no, a yes or a message is about."""

    @property
    def channel(self) -> str | None: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def list_id(self) -> str | None: ...
    @property
    def topics(self) -> Collection[str] | None: ...


class Scope(NamedTuple):
    """What a no, a yes or a message is about, apart from it."""

    channel: str | None = None
    sender: str | None = None
    list_id: str | None = None
    topics: Collection[str] | None = None


def says_no(kind: str, machine: bool | None) -> bool:
    """Whether an event is a no to messages. An opt-out counts whoever made it, a complaint unless a machine did."""
    return kind in OPT_OUTS or (kind == COMPLAINT and is_human(machine))


def says_no_expr() -> pl.Expr:
    """Whether an event is a no to messages. An opt-out counts whoever made it, a complaint unless a machine did."""
    return pl.col("kind").is_in(OPT_OUTS) | ((pl.col("kind") == COMPLAINT) & is_human_expr())


def bears_on(act: Scoped, message: Scoped) -> bool:
    """Whether a no or a yes is about a message: of channel, sender and list it names none, or the message's own, and it
    names no topic, or one of the message's. Of a complaint what `addressed` says of it.
    """
    return covers(act.list_id, message.list_id) and _agrees_but_for_list(act, message)


def bears_on_expr(act: str = "act_", message: str = "") -> pl.Expr:
    """`bears_on` of the columns `SCOPE` with these prefixes."""
    names = ("channel", "sender", "list_id")
    covered = [covers_expr(f"{act}{name}", f"{message}{name}") for name in names]
    return pl.all_horizontal(*covered, shares_topic_expr(f"{act}topics", f"{message}topics"))


def no_in_force(acts: Iterable[Mapping[str, Any]], message: Mapping[str, Any]) -> bool:
    """Whether the newest of the noes and yeses `acts` (rows, oldest first) that bears on a message (a row) is a no."""
    about, newest = _scope(message), None
    for act in acts:
        if bears_on(_scope(act), about):
            newest = act["kind"]
    return newest in NOES


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(*(row[name] for name in SCOPE))


def is_of_unnamed_list(act: Scoped, message: Scoped) -> bool:
    """Whether nobody can tell that an act bears on a message, as it names a list and the message none."""
    return act.list_id is not None and message.list_id is None and _agrees_but_for_list(act, message)


def may_bear_on_expr(act: str = "act_", message: str = "") -> pl.Expr:
    """`bears_on_expr`, or nobody can tell, as the message lacks what the act names."""
    names = ("channel", "sender", "list_id")
    covered = [may_cover_expr(f"{act}{name}", f"{message}{name}") for name in names]
    no_topics = pl.col(f"{message}topics").list.len().fill_null(0) == 0
    return pl.all_horizontal(*covered, no_topics | shares_topic_expr(f"{act}topics", f"{message}topics"))


def addressed(kind: str, act: Scope, message: Scope | None) -> Scope:
    """What an act is about: a complaint goes by the channel and sender of its `message`, where that is known, and by no list."""
    if kind != COMPLAINT:
        return act
    of_message = act if message is None else message
    return act._replace(channel=of_message.channel, sender=of_message.sender, list_id=None)


def with_addresses(acts: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """`acts` (any events, in order) with the columns `SCOPE` of complaints as `addressed` says.

    `sent`: the messages of the same customers, as `messages.sent_messages` gives them.
    """
    is_complaint = pl.col("kind") == COMPLAINT
    keys = acts.filter(is_complaint).select("customer_id", KEY).unique()
    if keys.is_empty():
        return acts
    of_message = sent.select("customer_id", "message_key", _channel="channel", _sender="sender", _known=True)
    known = of_message.join(keys, on=("customer_id", "message_key"), how="semi")
    by_message = is_complaint & pl.col("_known").is_not_null()
    return (
        acts.with_columns(KEY.alias("_key"))
        .join(
            known, left_on=("customer_id", "_key"), right_on=("customer_id", "message_key"),
            how="left", maintain_order="left",
        )
        .with_columns(
            pl.when(by_message).then("_channel").otherwise("channel").alias("channel"),
            pl.when(by_message).then("_sender").otherwise("sender").alias("sender"),
            pl.when(~is_complaint).then("list_id").alias("list_id"),
        )
        .select(acts.columns)
    )  # fmt: skip


def covers(named: str | None, own: str | None) -> bool:
    """Whether what an act names, such as a channel, is about a message: it names none, or the message's own."""
    return named is None or named == own


def covers_expr(named: Column, own: Column) -> pl.Expr:
    """Whether what an act names, such as a channel, is about a message: it names none, or the message's own."""
    return _expr(named).is_null() | _expr(named).eq_missing(_expr(own))


def may_cover_expr(named: Column, own: Column) -> pl.Expr:
    """`covers_expr`, or nobody can tell, as the message names none."""
    return _expr(own).is_null() | covers_expr(named, own)


def shares_topic(act: Collection[str] | None, message: Collection[str] | None) -> bool:
    """Whether an opt-out or opt-in bears on a message by its topics: it names none, or one of the message's."""
    return not act or not set(act).isdisjoint(message or ())


def shares_topic_expr(act: Column, message: Column) -> pl.Expr:
    """Whether an opt-out or opt-in bears on a message by its topics: it names none, or one of the message's."""
    shared = _expr(act).list.set_intersection(_expr(message)).list.len().fill_null(0) > 0
    return _expr(act).is_null() | (_expr(act).list.len() == 0) | shared


def _agrees_but_for_list(act: Scoped, message: Scoped) -> bool:
    by_sender = covers(act.sender, message.sender)
    return by_sender and covers(act.channel, message.channel) and shares_topic(act.topics, message.topics)


def _expr(column: Column) -> pl.Expr:
    return column if isinstance(column, pl.Expr) else pl.col(column)


def life_changed() -> pl.Expr:
    """Whether an event (columns `kind`, `reason`) says so."""
    kinds, _ = _words()
    return pl.col("kind").is_in(list(kinds)) | speaks_of_death()


def speaks_of_death() -> pl.Expr:
    """Whether an event's `reason` says so: a word of it begins like one of the list."""
    _, begins = _words()
    return pl.col("reason").str.contains(begins).fill_null(value=False)


def life_changes() -> dict[str, list[str]]:
    """Kind of event → how our sentences name the change of a life that it says, first where a finding does."""
    called: dict[str, list[str]] = _bereavement()["called"]
    return called


@cache
def _bereavement() -> dict[str, Any]:
    return tomllib.loads(files("audit.events").joinpath("bereavement.toml").read_text(encoding="utf-8"))


@cache
def _words() -> tuple[tuple[str, ...], str]:
    fields = _bereavement()
    return tuple(fields["kinds"]), rf"(?i)(?:^|[^\p{{L}}])(?:{'|'.join(map(re.escape, fields['reasons']))})"


# -- what an item is called ----------------------------------------------------------------------------------------


def usual_names(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The usual name of each thing told apart `by` columns: `*by, item_name`, in no order; without it those that have none.

    `rows`: with `item_name, occurred_at` (µs, UTC). Blanks at the ends and in a row do not count. Of names that equally
    many rows have, the latest.
    """
    spelled = rows.select(*by, "item_name", "occurred_at").drop_nulls((*by, "item_name"))
    once = spelled.group_by(*by, "item_name").agg(pl.len().alias("rows"), pl.col("occurred_at").max())
    blanks = pl.col("item_name").cast(pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
    return (
        once.with_columns(blanks)
        .filter(pl.col("item_name") != "")
        .group_by(*by, "item_name")
        .agg(pl.col("rows").sum(), pl.col("occurred_at").max())
        .sort("rows", "occurred_at", "item_name")
        .unique(by, keep="last")
        .select(*by, "item_name")
    )


NAMELESS = "item {}, without a name in the data"
"""What is said of an item that no row names."""


def nameless(item_id: pl.Expr) -> pl.Expr:
    """`NAMELESS` of each item."""
    return pl.format(NAMELESS, item_id)


def carries(keys: tuple[str, ...]) -> pl.Expr:
    """Whether an event carries one of the attributes `keys` with something in it: not empty, 0, false or null.

    Works on the JSON as text, in two passes: attributes with nothing in them are taken away, then any is left or none.
    """
    key = f'"(?:{"|".join(map(re.escape, keys))})"\\s*:\\s*'
    nothing = rf'(?i){key}(?:""|"?(?:false|null|none|no)"?|\[\]|\{{\}}|"?-?0*\.?0*"?)\s*([,}}])'
    return pl.col("attributes").str.replace_all(nothing, "$1").str.contains(key).fill_null(value=False)
