"""What a customer is expected to spend: the parameters of the customer base by maximum likelihood, and what they give.

Expected purchases: BG/NBD, Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24(2), 2005,
eq. (6) and (10). Expected spend a day of buying: Gamma-Gamma, Fader and Hardie, "The Gamma-Gamma Model of Monetary
Value", 2013, eq. (1a) and (5). Made anew each midnight (UTC), over the days before: the orders of one day are one purchase.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.events.schema import TIME
from audit.segments.contributions import WHOLE
from audit.segments.models import Lifetime

if TYPE_CHECKING:
    import numpy as np

_FAR = 7_300
"""House value: days after the last order beyond which nobody asks (twenty years)."""

_DAY = 86_400_000_000

BUYING: dict[str, pl.DataType] = {
    "person": pl.UInt32(), "day": pl.Int64(), "first": pl.Int64(), "repeats": pl.Float64(), "mean": pl.Float64(),
}  # fmt: skip
"""The state of a customer after each day of buying: days since 1970, how often they came back, spent a time on average."""


def buying(orders: pl.DataFrame) -> pl.DataFrame:
    """The states of customers (`person, occurred_at, quantity, price`), in the columns of `BUYING`, in order."""
    paid = (pl.col("quantity").fill_null(1.0) * pl.col("price")).sum()
    days = (
        orders.group_by("person", pl.col("occurred_at").dt.epoch("d").cast(pl.Int64).alias("day"))
        .agg(paid.alias("paid"))
        .sort("person", "day")
    )
    number = pl.int_range(pl.len()).over("person")
    counted = (number > 0) & (pl.col("paid") > 0)  # the first day says nothing of coming back
    return days.with_columns(
        pl.col("day").first().over("person").alias("first"),
        number.cast(pl.Float64).alias("repeats"),
        (
            pl.when(counted).then("paid").otherwise(0.0).cum_sum().over("person")
            / counted.cast(pl.Float64).cum_sum().over("person")
        ).alias("mean"),
    ).select(*BUYING)


def fit_purchases(repeats: "np.ndarray", recency: "np.ndarray", age: "np.ndarray") -> tuple[float, ...]:
    """r, alpha, a and b of BG/NBD: how often customers buy, and after which purchase they stop.

    Of each customer: how often they came back, the time of the last purchase and of the end of the data, both since the
    first purchase and in one unit.
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import gammaln, logsumexp

    def unlikelihood(logarithms: "np.ndarray") -> float:
        r, alpha, a, b = np.exp(logarithms)
        buying = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
        staying = gammaln(a + b) + gammaln(b + repeats) - gammaln(b) - gammaln(a + b + repeats)
        active = -(r + repeats) * np.log(alpha + age)
        stopping = (
            np.log(a) - np.log(b + np.maximum(repeats, 1) - 1) - (r + repeats) * np.log(alpha + recency)
        )
        stopped = np.where(repeats > 0, stopping, -np.inf)
        total = float((buying + staying + logsumexp(np.stack([active, stopped]), axis=0)).sum())
        return -total if np.isfinite(total) else np.inf

    limits = {"maxiter": 10_000, "maxfev": 10_000, "xatol": 1e-8, "fatol": 1e-8}
    near = minimize(unlikelihood, np.zeros(4), method="Nelder-Mead", options=limits)
    fitted = minimize(unlikelihood, near.x, method="L-BFGS-B", options={"maxiter": 10_000})
    return tuple(np.exp(fitted.x).tolist())


def fit_spend(repeats: "np.ndarray", mean: "np.ndarray") -> tuple[float, ...]:
    """p, q and v of Gamma-Gamma: how what is spent differs within and among customers who came back.

    Of each: how often they came back, and what they spent a time on average, above 0.
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import gammaln

    def unlikelihood(logarithms: "np.ndarray") -> float:
        p, q, v = np.exp(logarithms)
        shape = p * repeats
        return -float(
            np.sum(
                gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) + (shape - 1) * np.log(mean)
                + shape * np.log(repeats) - (shape + q) * np.log(v + repeats * mean)
            )
        )  # fmt: skip

    start = np.log([1.0, 2.0, mean.mean()])
    fitted = minimize(unlikelihood, start, method="L-BFGS-B", options={"maxiter": 10_000})
    return tuple(np.exp(fitted.x).tolist())


def worth(model: Lifetime, states: pl.DataFrame, day: "np.ndarray") -> "np.ndarray":
    """What each of `states` is expected to spend in the `model.days` after `day` (days since 1970), seen from there."""
    import numpy as np
    from scipy.special import hyp2f1

    x, begin = states["repeats"].to_numpy(), states["first"].to_numpy()
    recency, age = states["day"].to_numpy() - begin, np.asarray(day) - begin
    r, alpha, a, b, t = model.r, model.alpha, model.a, model.b, float(model.days)
    z = t / (alpha + age + t)
    shrunk = ((alpha + age) / (alpha + age + t)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
    with np.errstate(
        over="ignore"
    ):  # who bought often and then not for years: the odds are without end, the worth nothing
        odds = np.where(
            x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + recency)) ** (r + x), 0.0
        )
    purchases = (a + b + x - 1) / (a - 1) * (1 - shrunk) / (1 + odds)
    value: np.ndarray = purchases * _spend(model, x, states["mean"].to_numpy())
    return value


def _spend(model: Lifetime, x: "np.ndarray", mean: "np.ndarray") -> "np.ndarray":
    """Expected spend a day of buying: the customer's own average drawn towards everybody's."""
    import numpy as np

    everybody = model.p * model.v / (model.q - 1)
    weight = model.p * x / (model.p * x + model.q - 1)
    average = np.nan_to_num(mean)
    return np.where(average > 0, (1 - weight) * everybody + weight * average, everybody)


def contributions(model: Lifetime, orders: pl.DataFrame) -> pl.DataFrame:
    """When each customer is worth `model.least` or more, in the columns of contributions.

    Between two days of buying what somebody is worth only falls, so the day on which it falls below is found by halving.
    """
    import numpy as np

    states = buying(orders)
    following = states.select(pl.col("day").shift(-1).over("person"))["day"]
    begin = states["day"].to_numpy() + 1
    end = following.fill_null(states["day"] + _FAR).to_numpy()
    low = np.where(worth(model, states, begin - 1) >= model.least, begin, begin - 1)
    high = np.where(worth(model, states, end - 1) >= model.least, end, low)
    open_ = (low >= begin) & (high < end)
    top = np.where(open_, end, high)
    while (gap := open_ & (top - low > 1)).any():
        middle = np.where(gap, (low + top) // 2, low)
        holds = worth(model, states, middle - 1) >= model.least
        low, top = np.where(gap & holds, middle, low), np.where(gap & ~holds, middle, top)
    final = np.where(open_, low, high)
    spells = states.select("person").with_columns(
        pl.Series("enter", begin * _DAY).cast(TIME), pl.Series("leave", (final + 1) * _DAY).cast(TIME)
    )
    return spells.filter(pl.Series(final >= begin)).select(
        "person", pl.lit("").alias("group"), "enter", "leave", **WHOLE
    )


def worth_most(model: Lifetime, orders: pl.DataFrame, at: datetime) -> pl.Series:
    """Who is worth `model.least` or more at `at`, by their newest day of buying before: `person`."""
    newest, value = _newest(model, orders, at)
    soon = int(at.timestamp() // 86_400) - newest["day"] <= _FAR
    return newest.filter(pl.Series(value >= model.least) & soon)["person"]


def _newest(model: Lifetime, orders: pl.DataFrame, at: datetime) -> tuple[pl.DataFrame, "np.ndarray"]:
    """The newest state of each customer before the day of `at`, and what they are worth on that day."""
    import numpy as np

    today = int(at.timestamp() // 86_400)
    states = buying(orders.filter(pl.col("occurred_at") < datetime.fromtimestamp(today * 86_400, at.tzinfo)))
    newest = states.unique("person", keep="last", maintain_order=True)
    return newest, worth(model, newest, np.full(newest.height, today - 1))


def reasons(model: Lifetime, orders: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """What each customer is worth on the day of `at`, in words: `person, why`."""
    today = int(at.timestamp() // 86_400)
    newest, value = _newest(model, orders, at)
    return newest.select(
        "person",
        pl.format(
            "expected to spend about {} in the next {} days (the best fifth begins at {}): came back on {} days, the "
            "last time {} days ago",
            pl.Series(value).round(0).cast(pl.Int64), pl.lit(model.days), pl.lit(round(model.least)),
            pl.col("repeats").cast(pl.Int64), pl.lit(today) - pl.col("day"),
        ).alias("why"),
    )  # fmt: skip
