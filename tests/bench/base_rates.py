"""Of how many people the checks find something, and whether they find what was planted.

python -m tests.bench.base_rates [--customers 2000] [--seed 5]

- demo: the share of people with any finding above info;
- a normal fleet (nobody with a planted problem): that share, and each check's own;
- a fleet in which every second planted problem lies at the thresholds: recall, and precision of what is found above info by
  the checks that were planted (what may be found in the wake of a problem counts as neither).
"""

import argparse

import polars as pl

from audit import findings
from audit.flows import campaign_map
from audit.population import stats
from fixtures import demo
from fixtures.fleet import fleet
from tests import build


def found_above_info(events: pl.DataFrame) -> pl.DataFrame:
    """`customer, check` of the findings above info in the demo's campaigns, each once."""
    campaigns = demo.demo_campaigns()
    mapped = campaign_map.fill(events.lazy(), campaigns).collect()
    facts = stats.count(mapped.lazy())
    found = findings.find(mapped, build.context(mapped, facts=facts, campaigns=campaigns))
    told = found.filter(pl.col("severity") != "info", pl.col("verdict") != "cannot_tell")
    return told.select("customer", "check").unique()


def shares(events: pl.DataFrame) -> tuple[float, dict[str, float]]:
    """The share of people with a finding above info, and that of each check, the most frequent first."""
    found, people = found_above_info(events), events["customer_id"].n_unique()
    by_check = found.group_by("check").len().sort("len", "check", descending=[True, False])
    return found["customer"].n_unique() / people, {
        check: number / people for check, number in by_check.rows()
    }


def recall_and_precision(customers: int, seed: int) -> tuple[dict[str, tuple[int, int]], int, int]:
    """Check → found of planted; how many were found of these checks; how many of those were planted."""
    made = fleet(customers, seed, at_limits=True)
    found = found_above_info(made.events)
    ledger = made.ledger.filter(pl.col("messages") > 0).rename({"customer_id": "customer"})
    sure, wake = ledger.filter("sure"), ledger.filter(~pl.col("sure"))
    by_check = {
        str(check): (rows.join(found, on=("customer", "check"), how="semi").height, rows.height)
        for (check,), rows in sure.sort("check").group_by("check", maintain_order=True)
    }
    judged = found.filter(pl.col("check").is_in(list(by_check))).join(
        wake, on=("customer", "check"), how="anti"
    )
    right = judged.join(sure, on=("customer", "check"), how="semi")
    for customer, check in judged.join(sure, on=("customer", "check"), how="anti").sort("check").rows():
        print(f"  not planted: {customer} {check}")
    return by_check, judged.height, right.height


def main() -> None:
    """Print the three."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--customers", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=5)
    given = asked.parse_args()
    normal = fleet(given.customers, given.seed)
    clean = normal.events.filter(
        ~pl.col("customer_id").is_in(normal.ledger["customer_id"].unique().implode())
    )
    for name, events in (("demo", demo.demo_events()), ("normal fleet", clean)):
        flagged, by_check = shares(events)
        print(f"{name}: {events['customer_id'].n_unique():,} people, above info {flagged:.1%}")
        for check, share in by_check.items():
            print(f"  {check:24} {share:6.1%}")
    by_check, judged, right = recall_and_precision(given.customers, given.seed)
    planted = sum(number for _, number in by_check.values())
    print(f"planted: {planted}, found {sum(number for number, _ in by_check.values())}; ", end="")
    print(f"precision {right / judged:.1%} of {judged}")
    for check, (number, of) in by_check.items():
        print(f"  {check:24} {number} of {of}")


if __name__ == "__main__":
    main()
