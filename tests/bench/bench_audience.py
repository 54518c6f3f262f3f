"""What real mailings were aimed at, told by who got them: does it lie in what their own coupons are for?

    POLARS_MAX_THREADS=2 nice python -m tests.bench.bench_audience [SHUFFLES]

A year of a grocer's 2,469 households and 27 campaigns (`fixtures.complete_journey`). The coupons of a campaign are read here
alone, for scoring: the first category that `whysent audience` names for a campaign is right if one of the campaign's coupon
products lies in it. Beside it, recipients drawn by lot among all households, SHUFFLES times (default 4): how many campaigns
have anything named.
"""

import resource
import sys
import time
from random import Random

import polars as pl

from audit.population import audience_comparison
from audit.population.audience import Audiences
from fixtures import complete_journey

ENOUGH = 40
"""Campaigns of types B and C with fewer recipients are not scored by themselves."""

_LEVELS = ("department", "product_category", "product_type")


def coupon_categories() -> dict[str, set[str]]:
    """Campaign → every category path, at every level, in which one of its coupons' products lies."""
    folder = complete_journey.data()
    products = pl.read_parquet(folder / "products.parquet").select("product_id", *_LEVELS)
    coupons = pl.read_parquet(folder / "coupons.parquet").select("campaign_id", "product_id").unique()
    paths: dict[str, set[str]] = {}
    for campaign, *levels in (
        coupons.join(products, on="product_id").select("campaign_id", *_LEVELS).unique().rows()
    ):
        known = [level for level in levels if level]
        paths.setdefault(str(campaign), set()).update(
            " > ".join(known[:depth]) for depth in range(1, len(known) + 1)
        )
    return paths


def score(found: Audiences) -> None:
    """Print each campaign's first-named category, and the share of mailings and campaigns where it is right."""
    own = coupon_categories()
    first = dict(
        found.apart.drop_nulls("level").unique("campaign", keep="first").select("campaign", "value").rows()
    )
    rows = [
        (title, recipients, first.get(campaign), first.get(campaign) in own[campaign])
        for campaign, title, recipients in found.campaigns.select("campaign", "title", "recipients").rows()
    ]
    for title, recipients, category, right in rows:
        print(
            f"{title:<22} {recipients:>5}  {'right' if right else '-':<6} {category or 'nothing sets them apart'}"
        )
    mailings = sum(recipients for _, recipients, _, _ in rows)
    right = sum(recipients for _, recipients, _, is_right in rows if is_right)
    print(f"mailings: {right:,} of {mailings:,} right, {right / mailings:.1%}")
    small = [is_right for title, recipients, _, is_right in rows if title[5] in "BC" and recipients >= ENOUGH]
    print(
        f"campaigns of types B and C with {ENOUGH} recipients: {sum(small)} of {len(small)}, {sum(small) / len(small):.1%}"
    )


def shuffled(events: pl.DataFrame, seed: int) -> int:
    """How many campaigns have anything named where as many recipients were drawn by lot among all households."""
    random = Random(seed)
    households = events["customer_id"].unique().sort().to_list()
    messages = events.filter(kind="message_sent")
    drawn = [
        part.with_columns(pl.Series("customer_id", random.sample(households, part.height)))
        for part in messages.partition_by("campaign_id", maintain_order=True)
    ]
    others = events.filter(pl.col("kind") != "message_sent")
    found = audience_comparison.count(
        pl.concat([others, *drawn]).sort("customer_id", "occurred_at", "event_id").lazy()
    )
    return found.apart["campaign"].n_unique()


def main() -> None:
    """Print the figures."""
    shuffles = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    events = complete_journey.events(complete_journey.data())
    begun, processor = time.perf_counter(), time.process_time()
    found = audience_comparison.count(events.lazy())
    print(f"{time.perf_counter() - begun:.1f} s, {time.process_time() - processor:.1f} s of processor time")
    score(found)
    named = [shuffled(events, seed) for seed in range(shuffles)]
    campaigns = shuffles * found.campaigns.height
    print(
        f"by lot: {sum(named)} of {campaigns} campaigns have anything named, {sum(named) / max(campaigns, 1):.1%}"
    )
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
