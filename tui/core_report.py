"""The case as text: the internal note, or the reply to the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.errors import InputError
from tui.snapshots import Written

if TYPE_CHECKING:
    from audit.answers import Case
    from audit.workspace import Workspace

TITLES = {"internal": "Internal note", "reply": "Reply to the customer"}
LANGUAGES = {"en": "English", "de": "German"}


def written(workspace: Workspace, case: Case, kind: str, locale: str, *, names_sensitive: bool) -> Written:
    """The report of a case already read; where no reply is offered, why."""
    from audit import answers, report
    from audit.rules.model import to_dict

    title = f"{TITLES[kind]} · {LANGUAGES[locale]}"
    picture = answers.picture(case, names_sensitive=names_sensitive)
    found = picture["findings"]
    explained = [
        answers.explanation(case, workspace, message=message, names_sensitive=names_sensitive)
        for message in report.messages_to_explain(found)
    ]
    try:
        if kind == "reply":
            rules = [to_dict(rule) for rule in workspace.book.enabled()]
            made = report.reply(picture, found, explained, rules=rules, locale=locale)
        else:
            made = report.internal(picture, found, explained, locale=locale)
    except InputError as error:
        return Written(title, "", str(error))
    return Written(title, made.written("md"))
