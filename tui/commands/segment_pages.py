"""Segments as text: definitions, one customer's memberships over time, the agreement of log and definitions."""

from collections.abc import Mapping
from typing import Any

from tui.commands.output import line, table

Document = Mapping[str, Any]


def definitions(answer: Document) -> None:
    """The definitions in force."""
    table(
        ("segment", "basis", "of", "version", "what it is", "source"),
        [
            (
                one["id"], one["basis"], "this workspace" if one["own"] else "whysent", one["version"],
                one["title"], one["source"],
            )
            for one in answer["definitions"]
        ],
    )  # fmt: skip
    line(f"{len(answer['definitions']):,} definitions")


def history(answer: Document) -> None:
    """One customer's memberships, the newest first."""
    line(f"{answer['customer']} · segments until {answer['at']}")
    table(
        ("segment", "side", "entered", "left", "version", "by"),
        [
            (
                one["title"], one["side"], _day(one["entered"]), _day(one["left"]) or "still in",
                one["version"] or "–", "another definition" if one["entered_by_change"] else " ".join(one["entered_by"][:3]),
            )
            for one in reversed(answer["spells"])
        ],
    )  # fmt: skip
    line(f"{len(answer['spells']):,} memberships; {answer['note']}")


def reconciled(answer: Document) -> None:
    """How far log and definitions agree, then where they do not."""
    for what, name in (("segments", "segment"), ("strips", "strip")):
        if answer[what]:
            table(
                (name, "both", "logged only", "ours only", "agreement"),
                [
                    (
                        one.get("title") or one[name], one["both"], one["logged_only"], one["derived_only"],
                        _share(one),
                    )
                    for one in answer[what]
                ],
                right=(1, 2, 3, 4),
            )  # fmt: skip
            line()
    if answer["listed"]:
        table(
            ("where", "customer", "side", "since", "likely reason"),
            [
                (
                    one["title"] or one["id"],
                    one["customer"],
                    _SIDES[one["side"]],
                    _day(one["since"]),
                    one["text"],
                )
                for one in answer["listed"]
            ],
        )
    line(f"{len(answer['listed']):,} of {answer['disagreements']:,} disagreements")


_SIDES = {"logged_only": "logged only", "derived_only": "ours only"}


def _share(one: Document) -> str:
    if one["agreement"] is not None:
        return f"{one['agreement']:.0%}"
    return "never logged" if not one["logs_it"] else "not defined"


def _day(moment: str | None) -> str:
    return "" if moment is None else moment[:16].replace("T", " ")
