"""Titles and words that come with the program, in the language of a report; what somebody wrote stays as it is, in quotation marks.

Those that only colleagues read stand in English where they are defined, and in the file of every other language of notes under
the id they have there.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from audit.events import sensitive_topics
from audit.events.vocabulary import NAMELESS
from audit.findings import suggested_rule
from audit.flows import shipped as shipped_flows
from audit.flows import triggers
from audit.queries.reports.language import Language
from audit.rules.model import from_dict
from audit.segments import definitions
from audit.segments.model import BETWEEN, TOLD_BETWEEN

_ENGLISH = "en"
_ABOUT = ("categories", "campaigns", "items", "topics", "channels")
"""Scopes that a title of a rule names, the narrowest first."""

_COUNTRY = "country"
"""The segment that is named by a code, which no quotation marks make a word."""

_NAMED = 2
"""So many names stand in a title; how many there are besides is said."""


def question(says: Language, check: str) -> str:
    """What a check asks, as a noun phrase."""
    return says.say("question", check) if says.has("question", check) else check


def fault(says: Language, check: str, case: str | None) -> str:
    """What went wrong, as one says it to the customer: in a case of a check, else whatever the case; else nothing."""
    keys = (f"{check}_{case}", check)
    return next((says.say("fault", key) for key in keys if says.has("fault", key)), "")


def questions(says: Language, checks: Iterable[str]) -> list[str]:
    """What checks ask, each once."""
    return list(dict.fromkeys(question(says, check) for check in checks))


def item(says: Language, title: str) -> str:
    """The title of an item in quotation marks; of one without a name, what is said of it in the language."""
    before, _, after = NAMELESS.partition("{}")
    if title.startswith(before) and title.endswith(after):
        return says.say("internal", "nameless", item=title.removeprefix(before).removesuffix(after))
    return says.quoted(title)


def segment(says: Language, ident: str, title: str | None) -> str:
    """The title of the segment `ident`, in the words of the language where it is one of ours."""
    name = title or ident
    if says.locale == _ENGLISH:
        return name
    definition, _, group = ident.partition(":")
    ours = _segment_titles().get(definition)
    if ours is None or ours.replace("{group}", group.replace(BETWEEN, TOLD_BETWEEN)) != name:
        return says.quoted(name)
    words = {**says.texts["segment_group"], **says.texts["place"]}
    parts = (
        str(words[part]) if part in words else part if definition == _COUNTRY else says.quoted(part)
        for part in group.split(BETWEEN)
    )
    return says.say("segment_title", definition, group=TOLD_BETWEEN.join(parts))


def flow(says: Language, ident: str | None, title: str) -> str:
    """The title of a flow, in the words of the language where it is one of ours."""
    titles = _flow_titles()
    named = ident if titles.get(ident or "") == title else _like(title)
    if says.locale == _ENGLISH or named is None:
        return says.quoted(title)
    return says.quoted(says.say("flow_title", named))


def _like(title: str) -> str | None:
    """The flow of ours that somebody's own has its title from."""
    return next((ident for ident, ours in _flow_titles().items() if ours == title), None)


def trigger(says: Language, ident: str) -> str:
    """What one of our triggers is called."""
    return says.quoted(says.say("flow_title", ident) if says.has("flow_title", ident) else ident)


def source(says: Language, text: str) -> str:
    """A source of the catalogue of checks."""
    return text if says.locale == _ENGLISH else str(says.texts["source"].get(text, text))


def topic(says: Language, ident: str) -> str:
    """A sensitive topic by its name."""
    if says.locale == _ENGLISH:
        return sensitive_topics.titles().get(ident, ident)
    return str(says.texts["topic"].get(ident, ident))


def suggested(
    says: Language, fields: Mapping[str, Any], sensitive: str | None, called: Mapping[str, str]
) -> dict[str, Any]:
    """A rule that a check suggests, as in a rules file, with the title and the note that it has in the language.

    `sensitive`: the sensitive topic that its finding is about; `called`: what campaigns are called, by their ids.
    """
    if says.locale == _ENGLISH:
        return dict(fields)
    note = {"note": says.say("rule_title", "last_resort")} if suggested_rule.is_last_resort(fields) else {}
    return {**fields, "title": _rule(says, fields, sensitive, called), **note}


def _rule(says: Language, fields: Mapping[str, Any], sensitive: str | None, called: Mapping[str, str]) -> str:
    """The title of a rule, made of what it does."""
    form = says.form(
        "rule_title",
        from_dict(fields).wording.removesuffix("_of_kind"),
        fields.get("limit") or fields.get("unengaged"),
    )
    form = form if says.has("rule_title", form) else "other"
    channels = fields.get("channels") or ()
    values = {
        **says.nouns(dict.fromkeys(channels, 1)),
        **{key: fields.get(key) for key in ("limit", "unengaged")},
        "engagement": says.say("engagement", fields.get("engagement") or "click"),
        "customer": ", ".join(fields.get("customers") or ()),
        "about": _about(says, fields, called),
        "topic": says.say("rule_title", "topic", name=topic(says, sensitive))
        if sensitive and not fields.get("topics")
        else "",
        "after": says.listed(
            [says.say("did", kind if says.has("did", kind) else "other") for kind in _after(fields)]
        ),
        "window": says.span(fields["window"]) if "{window}" in says.texts["rule_title"][form] else "",
    }
    return says.say("rule_title", form, **values)


def _after(fields: Mapping[str, Any]) -> Sequence[str]:
    """The acts that a cooldown begins with."""
    after = fields.get("after") or ("other",)
    return (after,) if isinstance(after, str) else after


def _about(says: Language, fields: Mapping[str, Any], called: Mapping[str, str]) -> str:
    """What the messages are about and what they belong to; of the channels only where nothing else is named."""
    narrow = [scope for scope in _ABOUT if fields.get(scope)]
    capped = from_dict(fields).wording.startswith("frequency_cap")
    scopes = [scope for scope in narrow if scope != "channels"] or ([] if capped else narrow)
    return "".join(
        _scope(says, scope, [called.get(name, name) for name in fields[scope]]) for scope in scopes
    )


def _scope(says: Language, scope: str, values: Sequence[str]) -> str:
    names = says.first([_name(says, scope, name) for name in values], _NAMED)
    return says.say("rule_title", scope, names=names)


def _name(says: Language, scope: str, name: str) -> str:
    if scope == "topics":
        return topic(says, name)
    if scope == "channels":
        return channel(says, name)
    return says.quoted(name.rsplit(" > ", maxsplit=1)[-1] if scope == "categories" else name)


def channel(says: Language, name: str) -> str:
    """What a channel is called."""
    return str(says.texts["channel"].get(name, name))


def columns(says: Language, names: Iterable[str]) -> Sequence[str]:
    """What columns of events are called."""
    return [str(says.texts["columns"].get(name, name)) for name in names]


@cache
def _segment_titles() -> dict[str, str]:
    return {definition.id: definition.title for definition in definitions()}


@cache
def _flow_titles() -> dict[str, str]:
    titles = {ident: trigger.title for ident, trigger in triggers.definitions().items()}
    return titles | {ident: str(table["title"]) for ident, table in shipped_flows().items()}
