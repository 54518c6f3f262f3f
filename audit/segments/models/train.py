"""Learning from all customers: groups by k-means (scikit-learn), the value of a customer by maximum likelihood."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import first_levels
from audit.events.sensitive_topics import in_category
from audit.population.stats import PopulationContext
from audit.segments.event_selection import SelectedEvents
from audit.segments.models import Groups, Lifetime, Models, customer_groups, customer_lifetime_value

if TYPE_CHECKING:
    import numpy as np

_SEED = 20_260_101
_SAMPLE = 2_000
"""House value: as many customers tell how well groups are apart; all pairs of them are compared."""


def train(events: pl.DataFrame, ctx: PopulationContext) -> Models:
    """What the whole customers in `events` teach at `ctx.at`; the same events teach the same.

    A model that the data is too small for is left out. Raises InputError without the extra `learned`, or where nothing
    can be learned.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise InputError("learning needs more: pip install 'whysent[learned]'") from error
    selected = SelectedEvents(events, ctx.at, ctx.facts.prices)
    words = tuple(customer_groups.behaviour())
    models = Models(
        learned=_groups(selected, ctx, "learned", words),
        alike=_groups(selected, ctx, "alike", _categories(selected)),
        lifetime=_lifetime(selected, ctx),
    )
    if models == Models():
        raise InputError("there are too few customers here to learn anything from; import more of them first")
    return models


def _categories(selected: SelectedEvents) -> tuple[str, ...]:
    """The categories that most customers bought from, none of them sensitive."""
    buying, settings = customer_groups.buying(), customer_groups.settings()["alike"]
    bought = (
        selected.rows(buying.events)
        .select("person", first_levels(pl.col("category"), buying.depth or 1).alias("group"))
        .drop_nulls()
        .filter(~in_category(pl.col("group")))
        .group_by("group")
        .agg(pl.col("person").n_unique().alias("people"))
        .filter(pl.col("people") >= settings["fewest_people"])
    )
    best = bought.sort("people", "group", descending=[True, False]).head(settings["categories"])
    return tuple(best["group"].sort())


def _groups(
    selected: SelectedEvents, ctx: PopulationContext, model: str, features: tuple[str, ...]
) -> Groups | None:
    import numpy as np

    settings = customer_groups.settings()[model]
    least = settings.get("least", 1)
    if not features:
        return None
    _, raw = customer_groups.at_moment(customer_groups.over_time(selected, model, features), ctx.at)
    raw = raw[raw.sum(axis=1) >= least]
    differing = np.flatnonzero(raw.std(axis=0) > 0) if len(raw) else np.zeros(0, int)
    if len(raw) < 2 * settings["fewest_people"] or not len(differing):
        return None
    raw, features = raw[:, differing], tuple(features[n] for n in differing)
    unit = model == "alike"
    logs = np.log1p(customer_groups.plain(raw, model, features))
    groups = Groups(
        model,
        features,
        mean=(0.0,) * len(features) if unit else tuple(logs.mean(axis=0).tolist()),
        scale=(1.0,) * len(features) if unit else tuple(logs.std(axis=0).tolist()),
        centres=(),
        names=(),
        unit=unit,
        least=least,
        people=len(raw),
    )
    return _centred(groups, customer_groups.scaled(raw, groups), settings)


def _centred(groups: Groups, points: "np.ndarray", settings: dict[str, Any]) -> Groups | None:
    """The groups that lie best apart, among those of which each has enough people."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best: tuple[float, np.ndarray] | None = None
    for count in range(2, settings["most"] + 1):
        if len(np.unique(points, axis=0)) <= count:
            break
        fitted = KMeans(count, n_init=5, random_state=_SEED).fit(points)
        if np.bincount(fitted.labels_, minlength=count).min() < settings["fewest_people"]:
            continue
        apart = silhouette_score(
            points, fitted.labels_, sample_size=min(_SAMPLE, len(points)), random_state=_SEED
        )
        if best is None or apart > best[0]:
            best = (float(apart), fitted.cluster_centers_)
    if best is None:
        return None
    centres = best[1][np.lexsort(best[1].T[::-1])]
    return replace(groups, centres=tuple(map(tuple, centres.tolist())), names=_names(groups, centres, points))


def _names(groups: Groups, centres: "np.ndarray", points: "np.ndarray") -> tuple[str, ...]:
    """A number, and the two features in which each group is farthest from everybody's middle."""
    middle = points.mean(axis=0)
    names = []
    for number, centre in enumerate(centres, start=1):
        away = centre - middle
        if groups.unit:
            names.append(f"{' and '.join(groups.features[n] for n in (-away).argsort()[:2])} ({number})")
        else:
            farthest = (_amount(groups.features[n], away[n] > 0) for n in (-abs(away)).argsort()[:2])
            names.append(f"{number} ({', '.join(farthest)})")
    return tuple(names)


def _amount(feature: str, more: bool) -> str:
    many, few = ("much", "little") if feature.startswith("spent") else ("many", "few")
    return f"{many if more else few} {feature}"


def _lifetime(selected: SelectedEvents, ctx: PopulationContext) -> Lifetime | None:
    import numpy as np

    settings = customer_groups.settings()["lifetime"]
    orders = selected.rows(customer_groups.buying().events).drop_nulls("price")
    today = int(ctx.at.timestamp() // 86_400)
    states = customer_lifetime_value.buying(orders).filter(pl.col("day") < today)
    if states["person"].n_unique() < settings["fewest_people"]:
        return None
    parameters = _fitted(orders.filter(pl.col("occurred_at").dt.date() < ctx.at.date()))
    if parameters is None:
        return None
    model = Lifetime(**parameters, least=0.0, days=settings["days"], people=0)
    newest = states.unique("person", keep="last", maintain_order=True)
    worth = customer_lifetime_value.worth(model, newest, np.full(newest.height, today - 1))
    least = float(np.quantile(worth, settings["fifth"], method="higher"))
    return replace(model, least=least, people=newest.height)


def _fitted(orders: pl.DataFrame) -> dict[str, float] | None:
    """The seven parameters that fit `orders`; None where the average spend of everybody would be without end.

    A day of refunds alone is no day of buying.
    """
    import numpy as np

    day = pl.col("occurred_at").dt.date()
    bought = (pl.col("quantity").fill_null(1.0) * pl.col("price") >= 0).any().over("person", day)
    summary = customer_lifetime_value.buying(orders.filter(bought)).unique(
        "person", keep="last", maintain_order=True
    )
    end = orders.select(pl.col("occurred_at").max().dt.epoch("d")).item()
    repeats, first = summary["repeats"].to_numpy(), summary["first"].to_numpy()
    recency = (summary["day"].to_numpy() - first).astype(float)
    purchases = customer_lifetime_value.fit_purchases(repeats, recency, end - first)
    paying = summary.filter(
        pl.col("mean").fill_nan(0.0) > 0
    )  # who paid nothing on coming back tells nothing of spend
    if paying.is_empty():
        return None
    spend = customer_lifetime_value.fit_spend(paying["repeats"].to_numpy(), paying["mean"].to_numpy())
    parameters = dict(zip(("r", "alpha", "a", "b", "p", "q", "v"), (*purchases, *spend), strict=True))
    return parameters if np.isfinite([*parameters.values()]).all() and parameters["q"] > 1 else None
