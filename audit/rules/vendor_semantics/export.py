"""A preset as a rule file: its ready rules, and as comments what a cap is to the sender, with the sources."""

from collections.abc import Iterator
from dataclasses import replace

from audit.rules import files
from audit.rules.vendor_semantics.catalogue import Preset

_STANDING = {
    "default": "the sender's default",
    "advice": "the sender's advice",
    "example": "an example of the sender's",
}


def rule_file(preset: Preset, *, declared: bool = False) -> str:
    """The text of a rule file that `rules import` takes; `declared`: as rules of the sender, which stop nothing here."""
    return "\n".join((*_head(preset), *_rules(preset, declared=declared)))


def _head(preset: Preset) -> Iterator[str]:
    yield f"# {preset.title}, {preset.feature}"
    yield "#"
    for key, one in preset.said.items():
        value = getattr(preset.means, key)
        yield f"# {key.replace('_', ' ')}: {', '.join(value) if isinstance(value, tuple) else value}"
        yield f'#   "{one.quote}"'
        yield f"#   {one.source}"
    yield "#"
    yield "# What no rule here can say:"
    for one in preset.differs:
        yield f"# - {one.text}"
        yield f'#   "{one.quote}"'
        yield f"#   {one.source}"
    yield "#"
    yield "# Left out, because the sender's words do not tell it:"
    yield from (f"# - {one}" for one in preset.left_out)
    yield ""
    if not preset.ready:
        yield f"# {preset.title} names no cap of its own that could stand here."
        yield ""


def _rules(preset: Preset, *, declared: bool) -> Iterator[str]:
    for one in preset.ready:
        yield f'# {_STANDING[one.standing]}: "{one.quote}"'
        yield f"# {one.source}"
        yield files.dump([replace(one.rule, declared=declared)])
