"""What a table of names cannot say about a dataset: one function for each that needs it.

Each takes a frame with our columns (text, `occurred_at` as a moment) and the run so far, and gives it back with
`kind` set. `_reject` and `_skip` hold the reason for rows that cannot, or need not, become events.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from audit.events.schema import OTHER
from audit.events.vocabulary import FILE_DATE
from audit.ingest.amazon.archive_members import Member
from audit.ingest.amazon.datasets import book, moments, word
from audit.ingest.values import Conventions, number
from audit.privacy.scan import scrub

_QUERY_KEYS = ("k", "field-keywords")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Run:
    """The file at hand and what the files before it held.

    - `dated`: the date of the file at hand;
    - `messages`: message ids that the sent notifications list; `pushes`: those of pushes met so far;
    - `total`, `done`: bytes of all files, and of those that are finished; `progress` is told of them.
    """

    total: int
    progress: Callable[[int, int, str], None]
    dated: datetime = _NEVER
    done: int = 0
    messages: set[str] = field(default_factory=set)
    pushes: set[str] = field(default_factory=set)

    def tell(self, member: Member, done_here: int) -> None:
        """`done_here` bytes of this file are done."""
        self.progress(self.done + done_here, self.total, member.path)


Refine = Callable[[pl.DataFrame, Run], pl.DataFrame]


def sent(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Sent only where `Was Message Sent` says so: the time is filled either way. An empty type is an unknown channel."""
    run.messages.update(frame["message_id"].drop_nulls().unique())
    return frame.with_columns(
        _channel(), word("_sent", "was_sent").alias("kind"), _unknown("_sent", "was_sent")
    )


def push(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """A row is a device: a push that the sent notifications list is counted there, any other once."""
    in_sent_list = pl.col("message_id").is_in(list(run.messages))
    is_first = (pl.col("_sent").str.to_lowercase() == "yes").rank("ordinal", descending=True).over(
        "message_id"
    ) == 1
    repeated = ~is_first | pl.col("message_id").is_in(list(run.pushes))
    run.pushes.update(frame["message_id"].drop_nulls().unique())
    return frame.with_columns(
        word("_sent", "was_sent").alias("kind"),
        _unknown("_sent", "was_sent"),
        pl.when(in_sent_list)
        .then(pl.lit("a device of a push that the sent notifications list"))
        .when(repeated)
        .then(pl.lit("a further device of the same push"))
        .alias("_skip"),
    )


def engagement(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """Opens and clicks; repeats at another time stay events of their message, equal rows are duplicates."""
    return frame.with_columns(
        word("_event", "engagement").alias("kind"),
        word("_event", "engagement_channel").alias("channel"),
        _unknown("_event", "engagement"),
    )


def delivery(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """Delivered, bounced (with the reason) or complained."""
    return frame.with_columns(
        word("_status", "delivery").alias("kind"),
        _unknown("_status", "delivery"),
        _joined("_bounce_type", "_bounce_reason").alias("reason"),
    )


def metadata(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """The sending system's own record, which joins nothing: `decision_made`, so that it counts as no message."""
    return frame.with_columns(_channel())


def preferences(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """Consent acts by channel and topic: "Subscription" is a yes, every other word a no, shown as it is."""
    kind = pl.coalesce(word("_action", "preference"), pl.lit("unsubscribed"))
    return frame.with_columns(
        _channel(),
        kind.alias("kind"),
        pl.when(kind == "unsubscribed").then("_action").alias("reason"),
        pl.when(pl.col("_topic").is_not_null()).then(pl.concat_list("_topic")).alias("topics"),
    )


def snapshot(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """A list without a time: it has the date of the file it stands in, and says so.

    The files of an export are made within minutes: by the date alone, what stands in several regions is one event.
    """
    date = run.dated.replace(hour=0, minute=0, second=0, microsecond=0)
    return frame.with_columns(
        pl.lit(date).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
        pl.lit(FILE_DATE).alias("occurred_at_is"),
    )


def audience(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """`In-Market:Espresso machines`: the kind of audience before the colon is its category."""
    kind = pl.when(pl.col("segment_id").str.contains(":")).then(
        pl.col("segment_id").str.split(":").list.first()
    )
    return snapshot(frame.with_columns(kind.alias("category")), run)


def opt_out(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """`UK:Not OptedOut`: the setting of interest-based ads in a marketplace."""
    parts = pl.col("_status").str.splitn(":", 2)
    split = frame.with_columns(
        parts.struct.field("field_0").str.strip_chars().alias("sender"),
        parts.struct.field("field_1").str.strip_chars().alias("_setting"),
    )
    return snapshot(
        split.with_columns(
            word("_setting", "opt_out").alias("kind"),
            pl.col("_setting").alias("reason"),
            _unknown("_setting", "opt_out"),
        ),
        run,
    )


def search(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """The keywords, or, where they are only there, those inside the first search's address (`k=`, `field-keywords=`).

    An e-mail address, phone or card number typed as a search is taken out before anything is made of it.
    """
    inside = pl.col("_first_query").map_elements(keywords, return_dtype=pl.String)
    made = frame.with_columns(pl.coalesce("query", inside).alias("query"))
    return made.with_columns(
        scrub(made["query"]).alias("query"), scrub(made["_first_query"]).alias("_first_query")
    )


def priced(frame: pl.DataFrame, _run: Run) -> pl.DataFrame:
    """Prices and quantities as plain numbers, so that an event has one id however they are written; what is none stays."""
    columns = [frame[name] for name in ("price", "quantity") if name in frame.columns]
    plain = [number(column, Conventions()).values.cast(pl.String) for column in columns]
    return frame.with_columns(
        read.zip_with(read.is_not_null(), text) for read, text in zip(plain, columns, strict=True)
    )


def order(frame: pl.DataFrame, run: Run) -> pl.DataFrame:
    """An item of an order. One that was cancelled is `order_cancelled` *instead of* completed, at the order's date:

    nothing was bought, and the moment of the cancellation is not in the export. A status that nobody knows says nothing of that.
    """
    stated = word("_status", "order_status")
    unclear = pl.col("_status").is_not_null() & stated.is_null()
    kind = pl.when(unclear).then(pl.lit(OTHER)).otherwise(pl.coalesce(stated, pl.lit("order_completed")))
    sign = pl.col("price").str.extract(r"^\s*([^\d\s.,-])", 1)
    made = frame.with_columns(
        kind.alias("kind"),
        pl.when(kind != "order_completed").then("_status").alias("reason"),
        pl.coalesce("currency", _sign(sign)).alias("currency"),
        _gift().alias("gift"),
    )
    if "_shipped" in made.columns:
        made = made.with_columns(moments(made["_shipped"]).alias("_shipped"))
    return priced(made, run)


REFINE: Mapping[str, Refine] = {
    function.__name__: function
    for function in (
        sent, push, engagement, delivery, metadata, preferences, snapshot, audience, opt_out, search, priced, order,
    )
}  # fmt: skip
"""By the name that `datasets.toml` uses."""


def keywords(address: str) -> str | None:
    """What was searched for, out of a search page's address or its query string."""
    query = address.partition("?")[2] or address
    found = urllib.parse.parse_qs(query)
    return next((found[key][0] for key in _QUERY_KEYS if key in found), None)


def _channel() -> pl.Expr:
    return pl.coalesce(word("_channel", "channel"), pl.col("_channel").str.to_lowercase()).alias("channel")


def _unknown(column: str, vocabulary: str) -> pl.Expr:
    strange = pl.col(column).is_not_null() & word(column, vocabulary).is_null()
    return (
        pl.when(strange)
        .then(pl.lit(f"a word we do not know under {vocabulary.replace('_', ' ')}"))
        .alias("_reject")
    )


def _joined(*columns: str) -> pl.Expr:
    text = pl.concat_str(columns, separator=": ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _sign(sign: pl.Expr) -> pl.Expr:
    return sign.replace_strict(book().vocabulary["currency_sign"], default=None, return_dtype=pl.String)


def _gift() -> pl.Expr:
    flag = word("_gift", "flag")
    return pl.when(flag == "false").then(pl.lit(False)).when(pl.col("_gift").is_not_null()).then(pl.lit(True))
