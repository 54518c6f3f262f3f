"""The numbers that learned groups are told apart by, at every moment at which one of them changes."""

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit.segments.condition_parser import condition
from audit.segments.contributions import contributions
from audit.segments.distinct_events import CENTS
from audit.segments.model import Condition
from audit.segments.toml_fields import Place
from audit.storage import toml_input

if TYPE_CHECKING:
    import numpy as np

    from audit.segments.event_selection import Selected
    from audit.segments.models.model import Groups


class Numbers(NamedTuple):
    """`at`: `person, time`, sorted; `raw`: a row for each of them, a column for each feature."""

    at: pl.DataFrame
    raw: "np.ndarray"


@cache
def settings() -> dict[str, Any]:
    """What `features.toml` says."""
    text = files("audit.segments.models").joinpath("features.toml").read_text("utf-8")
    return toml_input.parsed(text)


@cache
def behaviour() -> dict[str, Condition]:
    """Words → condition of each feature of `learned`."""
    place = Place("features.toml", "learned")
    return {
        row["words"]: condition(place, {name: value for name, value in row.items() if name != "words"})
        for row in settings()["learned"]["feature"]
    }


@cache
def buying() -> Condition:
    """The condition of `alike`: one feature for each category."""
    return condition(Place("features.toml", "alike"), settings()["alike"]["feature"])


def kinds(model: str) -> tuple[str, ...]:
    """The kinds of events that a model looks at."""
    asked = [buying()] if model == "alike" else list(behaviour().values())
    return tuple(sorted({kind for one in asked for kind in one.events.kinds}))


def added(selected: "Selected", model: str, features: tuple[str, ...]) -> pl.DataFrame:
    """What each event adds to each feature: `person, feature` (its number), `enter, leave, weight`."""
    if model == "alike":
        numbered = pl.DataFrame({"group": features}, schema={"group": pl.String}).with_row_index("feature")
        made = contributions(selected, buying()).join(numbered, on="group")
        return made.select("person", "feature", "enter", "leave", "weight")
    return pl.concat(
        contributions(selected, behaviour()[words]).select(
            "person", pl.lit(number, pl.UInt32).alias("feature"), "enter", "leave", "weight"
        )
        for number, words in enumerate(features)
    )


def over_time(selected: "Selected", model: str, features: tuple[str, ...]) -> Numbers:
    """The features of every customer from each moment of change on."""
    import numpy as np

    found = added(selected, model, features)
    enter = found.select("person", "feature", time="enter", weight="weight")
    leave = found.drop_nulls("leave").select("person", "feature", time="leave", weight=-pl.col("weight"))
    changes = pl.concat([enter, leave]).sort("person", "time")
    at = changes.select("person", "time").unique(maintain_order=True)
    row = changes.select(pl.struct("person", "time").rle_id()).to_series().to_numpy()
    raw = np.zeros((at.height, len(features)), dtype=np.int64)
    np.add.at(raw, (row, changes["feature"].to_numpy()), changes["weight"].to_numpy())
    return Numbers(at, _summed(raw, at["person"].to_numpy()))


def _summed(raw: "np.ndarray", person: "np.ndarray") -> "np.ndarray":
    """Sums over time, begun anew for each person."""
    import numpy as np

    total = np.cumsum(raw, axis=0)
    first = np.flatnonzero(np.r_[True, person[1:] != person[:-1]]) if len(person) else np.zeros(0, int)
    before = np.vstack([np.zeros((1, raw.shape[1]), dtype=np.int64), total])[first]
    own: np.ndarray = total - np.repeat(before, np.diff(np.r_[first, len(person)]), axis=0)
    return own


def at_moment(numbers: Numbers, at: datetime) -> tuple[pl.DataFrame, "np.ndarray"]:
    """The newest numbers of each customer at `at`: `person, time`, and their rows."""
    known = numbers.at.with_row_index("row").filter(pl.col("time") <= at)
    newest = known.unique("person", keep="last", maintain_order=True)
    return newest.select("person", "time"), numbers.raw[newest["row"].to_numpy()]


def plain(raw: "np.ndarray", model: str, features: tuple[str, ...]) -> "np.ndarray":
    """Numbers as people read them: money in whole units."""
    import numpy as np

    money = [model == "learned" and behaviour()[name].test == "sum" for name in features]
    read: np.ndarray = raw / np.where(money, CENTS, 1)
    return read


def scaled(raw: "np.ndarray", groups: "Groups") -> "np.ndarray":
    """Numbers as groups are told apart by them: logarithms, brought to one scale, or to one length."""
    import numpy as np

    logs = np.log1p(np.maximum(plain(raw, groups.id, groups.features), 0))
    made = (logs - np.asarray(groups.mean)) / np.asarray(groups.scale)
    length = np.linalg.norm(made, axis=1, keepdims=True) if groups.unit else np.ones((len(made), 1))
    one_scale: np.ndarray = made / np.where(length > 0, length, 1)
    return one_scale


def distances(raw: "np.ndarray", groups: "Groups") -> "np.ndarray":
    """The squared distance of each row from each group's centre."""
    import numpy as np

    made, centres = scaled(raw, groups), np.asarray(groups.centres)
    return np.stack([((made - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
