"""Every key of the program, once: bindings, footer, help, palette and the manual are made from this table."""

from __future__ import annotations

import re
from collections import ChainMap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textual.binding import Binding, BindingType
from textual.content import Content

from tui.rendering.text import content, joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Key:
    """One action: the `keys` that do it (comma separated), the `action` method, a footer `label`, a `help` sentence.

    `shown` puts it into the footer. Its `action_id` is what `[keys]` of one's settings rebinds.
    """

    keys: str
    action: str
    label: str
    help: str
    shown: bool = False
    display: str = ""


# fmt: off
TABLE: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("question_mark,f1", "explain_keys", "help", "What the keys do here.", shown=True, display="?"),
        Key("ctrl+p,f10", "command_palette", "palette", "Find anything by its name: an action, a customer, a campaign, a page of the manual.", display="^p"),
        Key("semicolon,f4", "jump", "jump", "Letters appear over panes, tabs and rows; typing one goes there.", display=";"),
        Key("u", "undo", "undo", "Take back your own last act of this sitting: something left out, a rule, a proposal, the theme; it says which and asks."),
        Key("0", "go('stories')", "stories", "Go to the stories of the demo."),
        Key("1", "go('find')", "go to find", "Go to Find and triage."),
        Key("2", "go('customer')", "go to customer", "Go to the customer that is open."),
        Key("3", "go('rules')", "go to rules", "Go to the rules and their replay."),
        Key("4", "go('fleet')", "go to fleet", "Go to the fleet: mails a person a week, and the campaigns, worst first."),
        Key("slash", "seek", "look up", "Look somebody up: e-mail, source id or pseudonym, or paste the customer's whole letter.", display="/"),
        Key("I,f5", "take_in", "import a file", "Take a file or folder in: what it is, what its columns become, and its first twenty events before anything is kept."),
        Key("f6", "next_theme", "theme", "The next theme: dark, light, the terminal's own colours, high contrast, colour-blind; it is kept."),
        Key("q,ctrl+q", "leave", "quit", "Leave the program; asks when an edit is unsaved.", shown=True, display="q"),
    ),
    "table": (
        Key("down,j", "down", "down", "One row down."),
        Key("up,k", "up", "up", "One row up."),
        Key("pagedown", "page_down", "page down", "One page down."),
        Key("pageup", "page_up", "page up", "One page up."),
        Key("home,g", "top", "top", "To the first row."),
        Key("end,G", "bottom", "bottom", "To the last row."),
        Key("enter", "open", "open", "Open the row; so does a double click."),
        Key("s", "sort", "sort", "Sort by the next column; a click on a heading sorts by that one."),
    ),
    "list": (
        Key("j", "cursor_down", "down", "One entry down; the arrow does the same."),
        Key("k", "cursor_up", "up", "One entry up; the arrow does the same."),
        Key("g", "first", "top", "To the first entry; Home does the same."),
        Key("G", "last", "bottom", "To the last entry; End does the same."),
    ),
    "find": (
        Key("c", "campaigns", "campaigns", "Change between customers and campaigns, the worst flows first; Enter on a campaign: who got it.", shown=True),
        Key("d", "app.go('agreement')", "log and ours", "How far the log and our definitions agree, and where not, as a list to work through."),
        Key("f3", "last_cases", "last cases", "The five cases opened last.", shown=True),
        Key("tab", "app.focus_next", "next pane", "Go to the next pane."),
        Key("y", "copy", "copy", "Copy what the row names; it is written to a file as well.", shown=True),
        Key("escape", "back", "back", "From the field back to the list.", shown=True),
    ),
    "field": (
        Key("down", "screen.last_cases", "last cases", "The five cases opened last."),
    ),
    "stories": (
        Key("right", "story(1)", "next", "The next story.", shown=True, display="→"),
        Key("left", "story(-1)", "previous", "The story before.", shown=True, display="←"),
    ),
    "customer": (
        Key("w", "whole_why", "why", "The explanation over the whole screen: evidence, what would have had to be different, words; so does Enter.", shown=True),
        Key("x", "leave_out", "leave out", "Take the event out of the history and recompute; again: put it back.", shown=True),
        Key("X", "exclude", "propose leaving out", "A rule that no mail may rest on this event alone; see its replay, and propose it."),
        Key("t", "try_rules", "try", "Try the rules on these messages: which are stopped or put off, and why; again: back.", shown=True),
        Key("f", "suggest", "rule", "The rule that would have stopped this, with its replay.", shown=True),
        Key("o", "leave_out_pattern", "leave out what is out of pattern", "Take the order or session that is out of this account's usual pattern out of the history and recompute; again: put it back."),
        Key("O", "suggest_pattern", "rule out of pattern", "The rule that stops what rests on it alone, with its replay."),
        Key("R", "report", "report", "Internal note or reply to the customer, in its languages.", shown=True),
        Key("L", "letter", "letter", "What else the pasted letter may be about; Enter turns to it."),
        Key("A", "audience", "audience", "Who got the campaign of this message, and what sets them apart."),
        Key("tab", "next_pane(1)", "pane", "To the next of timeline, why, segments, recommendations, findings."),
        Key("shift+tab", "next_pane(-1)", "previous pane", "To the pane before."),
        Key("m", "only('mail')", "mails", "Only messages in the timeline."),
        Key("b", "only('behaviour')", "behaviour", "Only what the customer did."),
        Key("a", "only('')", "all", "Everything in the timeline."),
        Key("y", "copy", "copy", "Copy the verdict, masked; it is written to a file as well."),
        Key("e", "export", "export", "Write this customer's case to a file."),
        Key("full_stop,ctrl+right", "week(1)", "week on", "To the next week that has a row; a click on the strip of weeks goes to that week.", display="."),
        Key("comma,ctrl+left", "week(-1)", "week back", "To the week before that has a row.", display=","),
        Key("right", "app.story(1)", "next story", "In the demo: the customer of the next story."),
        Key("left", "app.story(-1)", "previous story", "In the demo: the customer of the story before."),
        Key("escape", "back", "back", "Back: from a pane, from the rules that are tried, from a part of the timeline, then to the list."),
    ),
    "why": (
        Key("x", "leave_out", "leave out", "Take the event or events behind the sentence out of the history and see what is gone or new; again: put back.", shown=True),
        Key("U", "put_back", "put back", "Put everything back that is left out.", shown=True),
        Key("t", "try_rules", "try", "Back to the customer, with the rules tried on the messages: which are stopped or put off, and why."),
        Key("A", "audience", "who got it", "Who got the campaign of this message, and what sets them apart."),
        Key("l", "language", "language", "The words for the customer in the next language."),
        Key("y", "copy", "copy words", "Copy the words for the customer; they are written to a file as well.", shown=True),
        Key("tab", "next_pane(1)", "pane", "To the next of why, timeline, what if, words. Enter on a sentence goes to its event, Enter on an event explains it."),
        Key("shift+tab", "next_pane(-1)", "previous pane", "To the pane before."),
        Key("escape", "back", "back", "Back: to the tree, to what was explained before, then to the customer."),
        Key("w", "close", "close", "Back to the customer; what is left out stays left out.", shown=True),
    ),
    "reconcile": (
        Key("space", "looked", "looked at", "Mark the disagreement as looked at in this sitting, and go to the next; again: take the mark back.", shown=True, display="space"),
        Key("tab", "next_pane(1)", "pane", "To the other list. Enter on a segment or strip lists only its disagreements, Enter on a disagreement opens the customer."),
        Key("shift+tab", "next_pane(-1)", "previous pane", "To the pane before."),
        Key("y", "copy", "copy", "Copy the disagreement, masked; it is written to a file as well.", shown=True),
        Key("escape", "back", "back", "Back: from one segment or strip to all of them, then to Find.", shown=True),
    ),
    "rules": (
        Key("space", "switch_rule", "on/off", "Switch the rule on or off, after a plan and a yes.", shown=True, display="space"),
        Key("n", "new", "new", "Begin a rule of a kind you choose.", shown=True),
        Key("f2", "save", "save", "Save the edit as a new version, after a plan and a yes.", shown=True),
        Key("H", "history", "history", "The versions of this rule, with what each changed."),
        Key("c", "curve", "curve", "What is stopped and lost by limit; there already: by window.", shown=True),
        Key("p", "presets", "as a sender", "The same rule as a known sender would keep it, and how many messages differ."),
        Key("i", "inbox", "inbox", "What is proposed, by campaign: look, replay, approve or reject.", shown=True),
        Key("d", "displaced", "displaced", "Which campaign's messages took the room that others then lacked, as a flow; there: keep room for one."),
        Key("tab", "next_pane(1)", "next field", "Go to the next field or pane."),
        Key("shift+tab", "next_pane(-1)", "previous field", "To the field or pane before."),
        Key("y", "copy", "copy", "Copy the replay's figures; they are written to a file as well."),
        Key("escape", "back", "back", "Stop a replay that runs; from a field to the list; then to Find."),
    ),
    "fleet": (
        Key("tab", "next_pane(1)", "other pane", "To the other of campaigns and mails a person a week. Enter on a campaign: who got it.", shown=True),
        Key("shift+tab", "next_pane(-1)", "pane before", "To the pane before."),
        Key("w", "figures", "figures", "What each figure of the row counts; of what the data cannot say, that.", shown=True),
        Key("y", "copy", "copy", "Copy the mails a person a week as text; it is written to a file as well.", shown=True),
        Key("escape", "back", "back", "Stop the counting; then to Find.", shown=True),
    ),
    "displaced": (
        Key("r", "reserve", "keep room", "Try a rule that keeps room for the campaign on the right; the column beside shows what is left.", shown=True),
        Key("e", "form", "into the form", "Take that rule into the form, where it is replayed and saved; so does Enter.", shown=True),
        Key("y", "copy", "copy", "Copy who displaced whom as text; it is written to a file as well."),
        Key("escape", "dismiss", "close", "Stop what is being worked out; then close this.", shown=True),
    ),
    "form": (
        Key("down", "next_field(1)", "field below", "To the next field; so does Enter where there is nothing to choose."),
        Key("up", "next_field(-1)", "field above", "To the field before."),
    ),
    "curve": (
        Key("right", "move_point(1)", "move the limit", "Take the rule's point to the next limit or window: that edits the rule, as typing does; the mouse drags it.", shown=True, display="← →"),
        Key("left", "move_point(-1)", "limit down", "Take the rule's point to the limit or window before."),
    ),
    "take_in": (
        Key("s", "save", "keep the map", "Keep the suggested map, with what you chose, in the workspace; a later file of the same columns is read with it.", shown=True),
        Key("f2", "take", "take it in", "Take the file in, after a yes; so does Enter on its first events. Enter on a line of the map: choose what it becomes.", shown=True),
        Key("tab", "app.focus_next", "next pane", "To the next of path, map and first events."),
        Key("escape", "dismiss", "close", "Stop what is being taken in; then close this.", shown=True),
    ),
    "audience": (
        Key("y", "copy", "copy", "Copy the text; it is written to a file as well.", shown=True),
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
    "dialog": (
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
    "page": (
        Key("enter", "go_there", "go there", "Go to where it is done, where there is such a place.", shown=True),
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
    "jump": (
        Key("escape", "dismiss", "stay", "Stay where you are; so does any key that is no letter shown.", shown=True),
    ),
    "pick": (
        Key("down", "move(1)", "down", "The next name."),
        Key("up", "move(-1)", "up", "The name before."),
        Key("escape", "dismiss", "close", "Close this; the field stays as it was.", shown=True),
    ),
    "question": (
        Key("y", "yes", "yes", "Do it.", shown=True),
        Key("n,escape", "no", "no", "Leave everything as it is.", shown=True, display="n"),
    ),
    "inbox": (
        Key("a", "approve", "approve", "Put it in force, after a plan, a yes and a note.", shown=True),
        Key("r", "reject", "reject", "Say no to it, with a note.", shown=True),
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
    "suggestion": (
        Key("p", "propose", "propose", "Ask for the rule, with the ticket: whoever may change rules finds it in the inbox.", shown=True),
        Key("b", "put", "put into the book", "Put the rule into the book, switched off, after a plan and a yes.", shown=True),
        Key("y", "copy", "copy", "Copy the rule; it is written to a file as well.", shown=True),
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
    "report": (
        Key("r", "kind", "reply", "Change between the internal note and the reply to the customer.", shown=True),
        Key("l", "locale", "locale", "The next language that this is written in.", shown=True),
        Key("n", "next_finding", "next", "Answer the next of the customer's findings: the one that the complaint is about.", shown=True),
        Key("f", "propose", "propose", "Propose the rule that the finding suggests, where nothing is proposed yet; the reply then says so.", shown=True),
        Key("e", "export", "export", "Write it to a file.", shown=True),
        Key("y", "copy", "copy", "Copy the text; it is written to a file as well.", shown=True),
        Key("escape", "dismiss", "close", "Close this.", shown=True),
    ),
}
# fmt: on
"""Where the focus is → what can be done there. `app` holds everywhere."""

TITLES = {
    "app": "Everywhere",
    "table": "In a table",
    "list": "In a list",
    "find": "Find and triage",
    "field": "In the field of Find",
    "stories": "Stories",
    "customer": "Customer",
    "why": "Why",
    "reconcile": "Log and our definitions",
    "rules": "Rules",
    "fleet": "Fleet",
    "displaced": "Who displaced whom",
    "form": "In the form of a rule",
    "curve": "On the curve of a rule",
    "take_in": "Taking a file in",
    "audience": "Who got a campaign",
    "dialog": "In a dialog",
    "page": "In an answer or a page of the manual",
    "jump": "While letters are shown",
    "pick": "Choosing a name",
    "question": "In a question",
    "inbox": "In the inbox",
    "suggestion": "Suggested rule",
    "report": "In a report",
}


def bindings(area: str) -> list[BindingType]:
    """What a screen or widget of that name binds."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.shown,
            key_display=key.display or None,
            tooltip=key.help,
            id=action_id(area, key),
        )
        for key in TABLE[area]
    ]


def action_id(area: str, key: Key) -> str:
    """What one's settings call an action: `customer.leave-out`."""
    return f"{area}.{key.label.replace(' ', '-')}"


def names(key: Key, chosen: str | None = None) -> str:
    """The keys of an action as a person writes them: `j, ↓`; `chosen`: those that somebody gave it instead."""
    return ", ".join(map(_name, (chosen or key.keys).split(",")))


def _name(key: str) -> str:
    return key.upper() if key[0] == "f" and key[1:].isdigit() else _NAMES.get(key, key)


_NAMES = {
    "question_mark": "?", "slash": "/", "comma": ",", "semicolon": ";", "full_stop": ".", "ctrl+left": "Ctrl+←", "ctrl+right": "Ctrl+→", "down": "↓", "up": "↑", "left": "←", "right": "→", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home",
    "end": "End", "enter": "Enter", "escape": "Esc", "tab": "Tab", "shift+tab": "Shift+Tab", "space": "Space",
    "ctrl+p": "Ctrl+P", "ctrl+q": "Ctrl+Q",
}  # fmt: skip


CHAINS = (
    ("table", "find", "app"),
    ("field", "find", "app"),
    ("list", "stories", "app"),
    ("table", "customer", "app"),
    ("list", "customer", "app"),
    ("table", "why", "app"),
    ("list", "why", "app"),
    ("table", "reconcile", "app"),
    ("list", "rules", "app"),
    ("form", "rules", "app"),
    ("curve", "rules", "app"),
    ("list", "audience", "app"),
    ("table", "fleet", "app"),
    ("table", "displaced", "app"),
    ("list", "dialog", "app"),
    ("page", "app"),
    ("jump",),
    ("pick", "app"),
    ("question", "app"),
    ("list", "inbox", "app"),
    ("suggestion", "app"),
    ("report", "app"),
)
"""Every chain of areas from what has the focus up to the application: in none of them a key may do two things."""


# -- keys of one's own ---------------------------------------------------------------------------------------------


def settings_file() -> Path:
    """Where a person's own settings are looked for, keys among them."""
    from platformdirs import user_config_path

    return user_config_path("whysent", appauthor=False) / "settings.toml"


def actions() -> dict[str, str]:
    """The id of every action → its keys as shipped."""
    return {action_id(area, key): key.keys for area, entries in TABLE.items() for key in entries}


def clash(keymap: Mapping[str, str]) -> tuple[str, str, str] | None:
    """A key that two actions of one place would have under `keymap`, and their ids; None where there is none."""
    shipped = actions()
    for chain in CHAINS:
        bearers: dict[str, str] = {}
        for name in (action_id(area, key) for area in chain for key in TABLE[area]):
            for key in keymap.get(name, shipped[name]).split(","):
                if key in bearers:
                    return key, bearers[key], name
                bearers[key] = name
    return None


_own: ChainMap[str, str] = ChainMap()


def take(keymap: Mapping[str, str]) -> None:
    """Name keys from now on as `keymap` has them: the id of an action → its keys."""
    _own.maps[0] = dict(keymap)


def key_of(action: str) -> str:
    """The first key of an action, as a person writes it."""
    area, _, _ = action.partition(".")
    shipped = next(key.keys for key in TABLE[area] if action_id(area, key) == action)
    return _name(_own.get(action, shipped).split(",")[0])


def hint(text: str) -> str:
    """A text in which the ids of actions stand in braces, with their keys instead."""
    return re.sub(r"\{([a-z_]+\.[^}]+)\}", lambda found: key_of(found[1]), text)


def pressed(shipped: str) -> str:
    """Keys as shipped, one after the other, as they are pressed on the customer's screen and in what opens there."""
    places = ("audience", "why", "suggestion", "report", "app", "table", "customer")
    ids = {one: action_id(area, key) for area in places for key in TABLE[area] for one in key.keys.split(",")}  # fmt: skip
    return "→".join(key_of(ids[one]) if ids.get(one) in _own else one for one in shipped.split())


IN_DIALOGS = {"app.help": "question_mark,f1", "app.palette": "ctrl+p", "app.quit": "ctrl+q"}
"""What of the application holds in a dialog, which keeps everything else of it away, and by which keys."""


def of_dialogs() -> list[BindingType]:
    """What every dialog binds: help, and the key that leaves the program everywhere."""
    own = [one for one in bindings("app") if isinstance(one, Binding) and one.id in ("app.help", "app.quit")]
    return [replace(one, key=IN_DIALOGS[str(one.id)], action=f"app.{one.action}", show=one.id == "app.help") for one in own]  # fmt: skip


KEYS, WIDEST, AROUND = 14, 110, 9  # cells: for keys; of the widest box; of what is no text in it


def areas(screen: Screen[Any]) -> list[str]:
    """The areas of the key table that hold where the focus is, the nearest first."""
    chain = (screen,) if screen.focused is None else screen.focused.ancestors_with_self
    return [*dict.fromkeys(filter(None, (getattr(node, "AREA", "") for node in chain))), "app"]


def help_text(screen: Screen[Any], keymap: Mapping[str, str]) -> Content:
    """The keys of the focused pane, of its screen, and those that hold everywhere, as `keymap` has them."""
    width, modal = screen.size.width, screen.is_modal
    return Content("\n\n").join(section(area, keymap, width, in_dialog=modal) for area in areas(screen))


def section(area: str, keymap: Mapping[str, str], width: int, *, in_dialog: bool = False) -> Content:
    """The keys of one area, with what they do, in a box over a terminal of that width."""
    lines = [joined((TITLES[area], "bold underline"))]
    for key in TABLE[area]:
        ident, shipped = action_id(area, key), key.keys
        if in_dialog and area == "app":
            if ident not in IN_DIALOGS:
                continue
            shipped = IN_DIALOGS[ident]
        text, *wrapped = content(key.help).wrap(min(width * 9 // 10, WIDEST) - AROUND - KEYS)
        lines.append(joined((f"{names(key, keymap.get(ident, shipped)):>{KEYS}}  ", "bold"), text))
        lines += [joined(" " * (KEYS + 2), line) for line in wrapped]
    return Content("\n").join(lines)
