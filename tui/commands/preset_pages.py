"""Senders' semantics as text: what they are, and what they change."""

from collections.abc import Mapping, Sequence
from typing import Any

from tui.commands.output import line, table

Document = Mapping[str, Any]

_WORDS = {
    "only_exact": "stopped by the exact rules alone",
    "only_preset": "stopped by the sender's alone",
    "moved": "let through at another time",
}


def listed(presets: Sequence[Document]) -> None:
    """The presets there are."""
    table(
        ("preset", "sender", "what", "counts", "rules ready"),
        [
            (one["id"], one["title"], one["feature"], _meaning(one, "counting"), str(len(one["rules"])))
            for one in presets
        ],
        right=(4,),
    )
    line(f"{len(presets)} presets; `whysent rules presets show NAME` prints one, with its sources")


def _meaning(preset: Document, key: str) -> str:
    found = next(one["is"] for one in preset["means"] if one["key"] == key)
    return {"days": "calendar days", "calendar": "calendar periods", "rolling": "rolling windows"}[found]


def beside(answer: Document) -> None:
    """The exact rules beside the sender's."""
    line()
    line(f"As {answer['title']} would carry it out ({answer['feature']}):")
    for rule in answer["rules"]:
        line(f"  {rule['id']}: {rule['text']}")
        for note in rule["notes"]:
            line(f"    {note}.")
    line()
    line(f"decisions that differ {answer['differ']:>9,} of {answer['messages']:,} messages")
    for kind, words in _WORDS.items():
        line(f"  {words:<34} {answer[kind]:>9,}")
    line(f"stopped by both                      {answer['both']:>9,}")
    line(f"stopped by neither                   {answer['neither']:>9,}")
    line(f"people with a difference             {answer['customers_differ']:>9,}")
    _examples(answer["examples"])
    line("What no rule here can say:")
    for one in answer["differs"]:
        line(f"  - {one['text']}")
        line(f"    {one['source']}")


def _examples(examples: Sequence[Document]) -> None:
    if not examples:
        return
    line("for example")
    table(
        ("message", "customer", "when", "how", "counted"),
        [
            (
                one["event_id"],
                one["customer"],
                one["at"][:16].replace("T", " "),
                _WORDS[one["kind"]],
                _counted(one),
            )
            for one in examples
        ],
    )


def _counted(example: Document) -> str:
    side = example["preset" if example["kind"] == "only_preset" else "exact"]
    return ", ".join(side["counted"][-3:]) if side["counted"] else "–"
