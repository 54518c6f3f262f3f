"""What the source itself recorded that says: this was not for, or not by, the account's holder."""

import polars as pl

OWN = ("self", "me", "own")
"""Recipients that are the account holder."""

READ = ("customer_id", "event_id", "gift", "recipient", "persona", "device_id")
"""What of events `of_baskets` reads."""

WORDS = {
    "gift": "marked as a gift",
    "recipient": "for another recipient",
    "persona": "of another profile",
    "device": "from a device used for nothing else here",
}
"""Sign → how it is said."""


def gift() -> pl.Expr:
    """Whether an act is marked as a gift."""
    return pl.col("gift").fill_null(value=False)


def recipient() -> pl.Expr:
    """Whether an act is for somebody other than the account holder."""
    return ~pl.col("recipient").str.to_lowercase().is_in(OWN).fill_null(value=True)


def main_personas(events: pl.DataFrame) -> pl.DataFrame:
    """`customer_id, main`: the persona of most events of each account; of equal ones the first by name."""
    return (
        events.drop_nulls("persona")
        .group_by("customer_id", "persona")
        .len()
        .sort("customer_id", "len", "persona", descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", pl.col("persona").alias("main"))
    )


def of_baskets(events: pl.DataFrame, basket_acts: pl.DataFrame) -> pl.DataFrame:
    """The hard signs of each basket: `unit, signs`, those of `WORDS`, in that order; baskets without one are left out.

    `basket_acts`: `audit.population.baskets.acts` of `events`. A device is a sign where all that it did lies in one basket and the account
    has another device.
    """
    marks = events.select(READ)
    acts = basket_acts.select("customer_id", "event_id", "unit").join(marks, on=("customer_id", "event_id"))
    used = (
        events.drop_nulls("device_id")
        .group_by("customer_id")
        .agg(pl.col("device_id").n_unique().alias("devices"))
    )
    single_basket = (
        acts.drop_nulls("device_id")
        .group_by("customer_id", "device_id")
        .agg((pl.col("unit").n_unique() == 1).alias("single_basket"))
        .join(used.filter(pl.col("devices") > 1), on="customer_id", how="semi")
    )
    compared = acts.join(main_personas(events), on="customer_id", how="left").join(
        single_basket, on=("customer_id", "device_id"), how="left"
    )
    by_basket = compared.group_by("unit").agg(
        gift().any().alias("gift"),
        recipient().any().alias("recipient"),
        (pl.col("persona") != pl.col("main")).any().alias("persona"),
        pl.col("single_basket").any().alias("device"),
    )
    signs = pl.concat_list(pl.when(pl.col(sign)).then(pl.lit(sign)) for sign in WORDS).list.drop_nulls()
    return by_basket.select("unit", signs.alias("signs")).filter(pl.col("signs").list.len() > 0)
