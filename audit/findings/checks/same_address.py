"""A no that was said under another id with the same address."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from audit.events.vocabulary import OPT_INS, SCOPE, bears_on_expr, comes_before_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import day, detected, message_columns, message_count, nothing_detected
from audit.workspace.context import Context

_CHANNEL = "email"
"""What people share an address of."""

_MESSAGE = ("customer_id", "event_id")


class SameAddress(Check):
    """Marketing to an address that had said no under another id."""

    id = "same-address"
    offers_opt_out = False
    alike = "channel"
    customers_ask = False

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Marketing by e-mail after a no of another id that the vault knows by the same address, while that no is in force:
        no later yes under either id bears on the message, and no no of the customer's own is in force, which
        `after-opt-out` would tell of.
        """
        elsewhere = context.population.said_elsewhere
        if elsewhere is None or elsewhere.is_empty():
            return nothing_detected()
        mailings = context.mailings.filter(pl.col("channel") == _CHANNEL)
        acts = pl.concat([_placed(elsewhere, mailings), _placed(context.said, mailings)], how="diagonal")
        after = (
            mailings.select(*_MESSAGE, "occurred_at", *SCOPE)
            .join(acts, on="customer_id")
            .filter(bears_on_expr(), comes_before_expr("act_at", "act_id", *ORDER))
            .sort(*_MESSAGE, "act_at", "act_id")
        )
        number = pl.int_range(pl.len()).over(_MESSAGE)
        newest_yes = number.filter("yes").max().over(_MESSAGE).fill_null(-1)
        in_force = after.filter(number > newest_yes)
        stopped = in_force.filter(pl.col("other").is_not_null().all().over(_MESSAGE)).unique(
            _MESSAGE, keep="first", maintain_order=True
        )
        return _detected(stopped)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:  # noqa: ARG002
        """Marketing by e-mail that no no of the other id is about."""
        mailings = context.mailings.filter(pl.col("channel") == _CHANNEL)
        yield ExcludedEvents("message", mailings, "before the no, after a yes, or not what it was about")

    def context_of_copies(self, population: Context, finding: Finding) -> Context:
        """With what the other ids of this customer said, for any copy of it."""
        elsewhere = population.said_elsewhere
        if elsewhere is None:
            return population
        own = elsewhere.filter(pl.col("customer_id") == finding["customer"])
        return replace(population, said_elsewhere=own.with_columns(customer_id=pl.lit(None, pl.String)))


def _placed(acts: pl.DataFrame, mailings: pl.DataFrame) -> pl.DataFrame:
    """Noes and yeses with `act_` before their columns, a row for each customer that they are about; `other`: who said it."""
    said = acts.select(
        "customer_id",
        act_id="event_id",
        act_at="occurred_at",
        act="kind",
        yes=pl.col("kind").is_in(OPT_INS),
        other=pl.col("other") if "other" in acts.columns else pl.lit(None, pl.String),
        **{f"act_{name}": name for name in SCOPE},
    )
    of_anybody = said.filter(pl.col("customer_id").is_null()).drop("customer_id")
    customers = mailings.select("customer_id").unique()
    return pl.concat(
        [said.drop_nulls("customer_id"), customers.join(of_anybody, how="cross").select(said.columns)]
    )


def _detected(stopped: pl.DataFrame) -> pl.DataFrame:
    rows = (
        stopped.sort("customer_id", *ORDER)
        .group_by("customer_id", maintain_order=True)
        .agg(
            *message_columns(),
            pl.col("act_at").first(),
            pl.col("act").first().str.replace_all("_", " ", literal=True),
            pl.col("other").unique(maintain_order=True).str.join(", ").alias("others"),
            pl.lit(_CHANNEL).alias("channel"),
        )
    )
    return detected(
        rows,
        subject=pl.lit(_CHANNEL),
        case=pl.lit("other_id"),
        text=pl.format(
            "{} after the opt-out of {} ({}) under another id of the same address: {}.",
            message_count(pl.col("channel")),
            day(pl.col("act_at")),
            "act",
            "others",
        ),
    )
