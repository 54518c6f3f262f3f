"""The presets: the TOML files of this folder, read once, and written as rule files."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from audit.errors import InputError, NotFoundError
from audit.events.document import Document
from audit.rules import files as rule_files
from audit.rules.model import Rule, from_dict, to_dict
from audit.storage import toml_input

NAMES = ("braze", "klaviyo", "iterable", "customer-io", "adobe-journey-optimizer", "mautic")
"""The presets there are, in the order they are shown."""


class CapSemantics(Struct, frozen=True, forbid_unknown_fields=True):
    """What a cap is to a sender.

    - `counting`: rolling (to the instant), calendar (it begins anew with each period), days (so many calendar days, today
      the last of them; rolling where it is shorter than a day);
    - `offers`: the windows there are; empty: any. `longest`: no window is longer;
    - `most`: no limit is higher. `zone`: of calendar periods: customer, UTC, or account (one of the sender's settings);
    - `channels`: apart where each channel is counted by itself, whatever the rule says;
    - `classes`: the message classes a cap is about; empty: as the rule says. `when_full`: drop or defer.
    """

    counting: Literal["rolling", "calendar", "days"]
    offers: tuple[str, ...] = ()
    longest: str | None = None
    most: int | None = None
    zone: str = "customer"
    week_start: str = "monday"
    channels: Literal["", "apart"] = ""
    classes: tuple[str, ...] = ()
    when_full: Literal["drop", "defer"] = "drop"


class Cited(Struct, frozen=True, forbid_unknown_fields=True):
    """The value of a key of `CapSemantics`, with the sender's own words, and where they stand."""

    value: Any = msgspec.field(name="is")
    quote: str
    source: str


class Difference(Document):
    """What a sender does that no rule can say: `text` is ours, `quote` the sender's own words, `source` where they stand."""

    text: str
    quote: str
    source: str


class ReadyRule(Struct, frozen=True):
    """A rule ready to be taken over. `standing`: default (the sender's own), advice or example (of its pages)."""

    standing: Literal["default", "advice", "example"]
    rule: Annotated[Rule, toml_input.read_by(from_dict)]
    quote: str
    source: str


class Preset(Struct, frozen=True):
    """A sender's semantics. `cited`: by key of `CapSemantics`; `left_out`: what the sender's words do not tell."""

    id: str
    title: str
    feature: str
    left_out: tuple[str, ...]
    cited: dict[str, Cited] = msgspec.field(name="means")
    differs: Annotated[tuple[Difference, ...], toml_input.tables(Difference, "must be a list of tables")] = ()
    ready: Annotated[tuple[ReadyRule, ...], toml_input.tables(ReadyRule, "must be a list of tables")] = ()

    @property
    def semantics(self) -> CapSemantics:
        """What a cap is to the sender."""
        return msgspec.convert({key: cited.value for key, cited in self.cited.items()}, CapSemantics)

    def document(self) -> "PresetEntry":
        """What is printed of it."""
        return PresetEntry(
            id=self.id,
            title=self.title,
            feature=self.feature,
            means=tuple(CitedKey(key=key, **asdict(cited)) for key, cited in self.cited.items()),
            differs=self.differs,
            left_out=self.left_out,
            rules=tuple(
                ReadyRuleEntry(**{**asdict(ready), "rule": to_dict(ready.rule)}) for ready in self.ready
            ),
        )


class CitedKey(Document):
    """What a cap is to the sender in one respect, with its own words."""

    key: str
    """As in `counting`, `offers`, `longest`, `most`, `zone`."""
    value: Any = msgspec.field(name="is")
    quote: str
    source: str


class ReadyRuleEntry(Document):
    """A rule ready to be taken over: the sender's own default, its advice, or an example of its pages."""

    standing: Literal["default", "advice", "example"]
    rule: Mapping[str, Any]
    """As in a rule file."""
    quote: str
    source: str


class PresetEntry(Document):
    """A sender's semantics."""

    id: str
    title: str
    feature: str
    means: tuple[CitedKey, ...]
    differs: tuple[Difference, ...]
    left_out: tuple[str, ...]
    """What the sender's words do not tell."""
    rules: tuple[ReadyRuleEntry, ...]


class PresetList(Document, schema="whysent.presets/1"):
    """Senders' own semantics."""

    presets: tuple[PresetEntry, ...]


@cache
def presets() -> tuple[Preset, ...]:
    """All presets, in order. Raises InputError where a file is not what it should be."""
    return tuple(_read(name) for name in NAMES)


def preset(name: str) -> Preset:
    """The preset of that id. Raises NotFoundError naming the nearest."""
    for candidate in presets():
        if candidate.id == name:
            return candidate
    near = toml_input.nearest(name, NAMES)
    raise NotFoundError(f"no preset {name!r}{near}; there are {', '.join(NAMES)}")


def _read(name: str) -> Preset:
    file = files("audit.rules.vendor_semantics").joinpath(f"{name}.toml")
    try:
        sender = toml_input.convert(toml_input.parsed(file.read_text(encoding="utf-8")), Preset)
        assert sender.semantics
    except (InputError, msgspec.ValidationError) as error:
        raise InputError(f"{name}.toml: {error}") from error
    return sender


# -- as a rule file ---------------------------------------------------------------------------------------------

_STANDING = {
    "default": "the sender's default",
    "advice": "the sender's advice",
    "example": "an example of the sender's",
}


def rule_file(sender: Preset, *, declared: bool = False) -> str:
    """The text of a rule file that `rules import` takes: ready rules, and as comments what a cap is to the sender.

    `declared`: as rules of the sender, which stop nothing here.
    """
    return "\n".join((*_head(sender), *_rules(sender, declared=declared)))


def _head(sender: Preset) -> Iterator[str]:
    yield f"# {sender.title}, {sender.feature}"
    yield "#"
    for key, cited in sender.cited.items():
        value = ", ".join(cited.value) if isinstance(cited.value, list) else cited.value
        yield f"# {key.replace('_', ' ')}: {value}"
        yield f'#   "{cited.quote}"'
        yield f"#   {cited.source}"
    yield "#"
    yield "# What no rule here can say:"
    for difference in sender.differs:
        yield f"# - {difference.text}"
        yield f'#   "{difference.quote}"'
        yield f"#   {difference.source}"
    yield "#"
    yield "# Left out, because the sender's words do not tell it:"
    yield from (f"# - {text}" for text in sender.left_out)
    yield ""
    if not sender.ready:
        yield f"# {sender.title} names no cap of its own that could stand here."
        yield ""


def _rules(sender: Preset, *, declared: bool) -> Iterator[str]:
    for ready in sender.ready:
        yield f'# {_STANDING[ready.standing]}: "{ready.quote}"'
        yield f"# {ready.source}"
        yield rule_files.dump([replace(ready.rule, declared=declared)])
