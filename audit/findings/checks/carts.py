"""Cart reminders among the messages, and the cart each is about."""

import re

import polars as pl

from audit.findings.catalogue import check
from audit.findings.check_context import ONE_ORDER, Audited, newest_before


def reminding(audited: Audited) -> pl.DataFrame:
    """The marketing messages that remind of a cart, by their trigger or, without one, by their campaign.

    Added: `campaign` (id, else name, else trigger).
    """
    words = "|".join(re.escape(word) for word in check("cart-after-purchase").thresholds["words"])
    name = pl.coalesce(
        "known_trigger", pl.concat_str("campaign_id", pl.lit(" "), "campaign_name", ignore_nulls=True)
    )
    about_carts = name.str.to_lowercase().str.contains(rf"(^|[^\p{{L}}])({words})($|[^\p{{L}}])")
    return audited.mailings.filter(about_carts.fill_null(value=False)).with_columns(
        pl.coalesce("campaign_id", "campaign_name", "known_trigger").alias("campaign")
    )


def reminders(audited: Audited) -> pl.DataFrame:
    """`reminding`, with the newest product_added before each, of its own item where it names one.

    Added: `act_id, act_at, act_item_id, act_item_name, act_category`.
    """
    rows = reminding(audited)
    adds = audited.of_kind("product_added").select(
        "customer_id", *ONE_ORDER, "item_id", "item_name", "category"
    )
    take = ["item_id", "item_name", "category"]
    named = newest_before(
        rows.filter(pl.col("item_id").is_not_null()), adds, ["customer_id", "item_id"], take
    )
    other = newest_before(rows.filter(pl.col("item_id").is_null()), adds, ["customer_id"], take)
    return pl.concat([named, other]).sort("customer_id", *ONE_ORDER)
