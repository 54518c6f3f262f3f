"""What a link scanner does rather than a person: it follows all links of a message, the one that opts out among them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import polars as pl

from audit.events.vocabulary import OPT_OUTS, comes_before_expr, is_human_expr

LIKELY = "likely a scanner"
"""What is said of a click that an import took for a machine's; it stands in the attributes of the event."""

_ARRIVED = ("message_delivered", "message_sent")


@cache
def signs() -> Mapping[str, Mapping[str, int | str]]:
    """The numbers of `scanners.toml`, with the source of each."""
    return tomllib.loads(files("audit.events").joinpath("scanners.toml").read_text(encoding="utf-8"))


def with_scanner(acts: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Add `scanner` to noes and yeses: an opt-out that is marked as a machine's, or looks like one.

    It looks like one if it came within seconds of a message's arrival, or among clicks on many links of it at once. Where
    the opt-out names its message that one is meant, else any of the customer. `events`: of the same customers, in order.
    """
    opt_outs = acts.filter(pl.col("kind").is_in(OPT_OUTS)).select(
        "customer_id", act="event_id", at="occurred_at", of="message_id"
    )
    if opt_outs.is_empty():
        return acts.with_columns(scanner=pl.lit(value=False))
    same_message = pl.col("of").is_null() | pl.col("of").eq_missing(pl.col("message_id"))
    rows = opt_outs.join(
        events.filter(pl.col("kind").is_in([*_ARRIVED, "message_clicked"])).select(
            "customer_id", "kind", "message_id", "occurred_at", "event_id"
        ),
        on="customer_id",
    ).filter(same_message)
    after = pl.col("at") - pl.col("occurred_at")
    soon = rows.filter(
        pl.col("kind").is_in(_ARRIVED),
        comes_before_expr("occurred_at", "event_id", "at", "act"),
        after <= _seconds("opt_out", "after_arrival"),
    )
    together = (
        rows.filter(pl.col("kind") == "message_clicked", abs(after) <= _seconds("burst", "within"))
        .group_by("customer_id", "act", "message_id")
        .len()
        .filter(pl.col("len") >= signs()["burst"]["links"])
    )
    looks = pl.concat(found.select("customer_id", event_id="act") for found in (soon, together)).unique()
    return acts.join(
        looks.with_columns(_looks=True), on=("customer_id", "event_id"), how="left", maintain_order="left"
    ).with_columns(
        scanner=pl.col("kind").is_in(OPT_OUTS) & (~is_human_expr() | pl.col("_looks").is_not_null())
    ).drop("_looks")  # fmt: skip


def burst_clicks(events: pl.DataFrame) -> pl.Series:
    """Of events in order, whether each is a click of a burst on one message, soon after it arrived: likely a scanner's.

    Clicks that the log calls a person's or a machine's stay what it calls them. A message arrived when it was delivered, or
    sent where no delivery is known; of one that is not among `events` nothing is said.
    """
    burst = signs()["burst"]
    links, within = int(burst["links"]), pl.duration(seconds=burst["within"])
    by = ("customer_id", "message_id")
    of_message = events.select(*by, "event_id", "kind", "occurred_at", "machine").drop_nulls("message_id")
    clicks = of_message.filter(pl.col("kind") == "message_clicked", pl.col("machine").is_null())
    several = clicks.filter(pl.len().over(by) >= links)
    if several.is_empty():
        return pl.repeat(value=False, n=events.height, eager=True)
    arrived = (
        of_message.filter(pl.col("kind").is_in(_ARRIVED))
        .sort(pl.col("kind").replace_strict({kind: n for n, kind in enumerate(_ARRIVED)}), "occurred_at")
        .unique(by, keep="first", maintain_order=True)
        .select(*by, arrived="occurred_at")
    )
    after = pl.col("occurred_at") - pl.col("arrived")
    soon = several.join(arrived, on=by).filter(
        after.is_between(pl.duration(), _seconds("burst", "after_arrival"))
    )
    at = pl.col("occurred_at")
    begins = (at.shift(1 - links).over(by) - at <= within).fill_null(value=False)
    inside = [begins.shift(back, fill_value=False).over(by) for back in range(links)]
    found = soon.sort(*by, "occurred_at").filter(pl.any_horizontal(inside))
    keys = pl.struct("customer_id", "event_id")
    return events.select(keys.is_in(found.select(keys).to_series().implode())).to_series()


def _seconds(sign: str, name: str) -> pl.Expr:
    return pl.duration(seconds=signs()[sign][name])
