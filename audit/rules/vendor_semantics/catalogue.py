"""The presets: the files of this folder, read once."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from audit.errors import InputError, NotFoundError
from audit.rules.model import Rule, from_dict, to_dict
from audit.storage import toml_input

NAMES = ("braze", "klaviyo", "iterable", "customer-io", "adobe-journey-optimizer", "mautic")
"""The presets there are, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence about a sender: `text` is ours, `quote` the sender's own words, `source` where they stand."""

    text: str
    quote: str
    source: str

    def to_json(self) -> dict[str, str]:
        """It as plain values."""
        return {"text": self.text, "quote": self.quote, "source": self.source}


@dataclass(frozen=True, slots=True)
class Means:
    """What a cap is to a sender.

    - `counting`: rolling (to the instant), calendar (it begins anew with each period), days (so many calendar days, today
      the last of them; rolling where it is shorter than a day);
    - `offers`: the windows there are; empty: any. `longest`: no window is longer;
    - `most`: no limit is higher. `zone`: of calendar periods: customer, UTC, or account (one of the sender's settings);
    - `channels`: apart where each channel is counted by itself, whatever the rule says;
    - `classes`: the message classes a cap is about; empty: as the rule says. `when_full`: drop or defer.
    """

    counting: str
    offers: tuple[str, ...] = ()
    longest: str | None = None
    most: int | None = None
    zone: str = "customer"
    week_start: str = "monday"
    channels: str = ""
    classes: tuple[str, ...] = ()
    when_full: str = "drop"


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule ready to be taken over. `standing`: default (the sender's own), advice or example (of its pages)."""

    standing: str
    rule: Rule
    quote: str
    source: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A sender's semantics. `said`: key of `means` → what the sender says of it; `left_out`: what its words do not tell."""

    id: str
    title: str
    feature: str
    means: Means
    said: dict[str, Said]
    differs: tuple[Said, ...]
    ready: tuple[Ready, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """It as plain values, one of those in `whysent.presets/1`."""
        return {
            "id": self.id,
            "title": self.title,
            "feature": self.feature,
            "means": [
                {"key": key, "is": _plain(getattr(self.means, key)), "quote": one.quote, "source": one.source}
                for key, one in self.said.items()
            ],
            "differs": [one.to_json() for one in self.differs],
            "left_out": list(self.left_out),
            "rules": [
                {
                    "standing": one.standing,
                    "rule": to_dict(one.rule),
                    "quote": one.quote,
                    "source": one.source,
                }
                for one in self.ready
            ],
        }


@cache
def every() -> tuple[Preset, ...]:
    """All presets, in order. Raises InputError where a file is not what it should be."""
    return tuple(_read(name) for name in NAMES)


def named(name: str) -> Preset:
    """The preset of that id. Raises NotFoundError naming the nearest."""
    for preset in every():
        if preset.id == name:
            return preset
    near = toml_input.nearest(name, NAMES)
    raise NotFoundError(f"no preset {name!r}{near}; there are {', '.join(NAMES)}")


def _read(name: str) -> Preset:
    file = files("audit.rules.vendor_semantics").joinpath(f"{name}.toml")
    try:
        return _preset(toml_input.parsed(file.read_text(encoding="utf-8")))
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{name}.toml: {error}") from error


def _preset(document: dict[str, Any]) -> Preset:
    lines = document["means"]
    values: dict[str, Any] = {key: line["is"] for key, line in lines.items()}
    return Preset(
        document["id"],
        document["title"],
        document["feature"],
        Means(**{key: _frozen(value) for key, value in values.items()}),
        {key: Said("", line["quote"], line["source"]) for key, line in lines.items()},
        tuple(Said(**one) for one in document.get("differs", ())),
        tuple(
            Ready(one["standing"], from_dict(one["rule"]), one["quote"], one["source"])
            for one in document.get("ready", ())
        ),
        tuple(document["left_out"]),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
