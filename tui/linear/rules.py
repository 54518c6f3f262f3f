"""Places of linear mode about rules: the book, one rule with its replay and its curve, what is proposed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from audit.errors import InputError
from tui.linear import lines
from tui.linear.loop import NUMBER, Action, Loop, Place, called
from tui.rendering import bars, replay_summary
from tui.rendering.wording import several
from tui.session.view_models import Change, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit.rules.replay.totals import ReplayDocument
    from tui.session.view_models import Document, KeptRoom, ProposalSummary


class Rules(Place):
    """The rule book, and what is proposed."""

    of_everybody = True

    title = "Rules"

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        return self.session.rules.entries()

    def forget(self) -> None:
        self.__dict__.pop("_entries", None)

    def answer(self) -> Iterator[str]:
        in_book = [entry for entry in self._entries if entry.version]
        proposed = len(self._entries) - len(in_book)
        yield f"{several(sum(entry.enabled for entry in in_book), 'rule')} on, {len(in_book)} in the book, {proposed} proposed"

    def items(self) -> Sequence[str]:
        return [f"{entry.id}, {_state(entry)}: {entry.gist}" for entry in self._entries]

    def open(self, at: int) -> None:
        self.loop.go(Rule(self.loop, self._entries[at]))

    def actions(self) -> Iterable[Action]:
        kinds = ", ".join(kind.replace("_", " ") for kind in self.session.rules.kinds())
        yield Action(called("rules", "new"), f"Begin a rule of a kind: {kinds}.", self._new, "KIND")
        yield Action(
            called("app", "undo"), "Take your own last change of this sitting back; asks.", self._undo
        )

    def _new(self, text: str) -> None:
        kinds = [kind.replace("_", " ") for kind in self.session.rules.kinds()]
        meant = [kind for kind in kinds if text and text.casefold().replace("_", " ") in kind]
        if len(meant) != 1:
            raise InputError(f"say of which kind: {', '.join(meant or kinds)}")
        self.loop.go(Rule(self.loop, self.session.rules.blank(meant[0].replace(" ", "_"))))

    def _undo(self, _: str) -> None:
        if self.loop.change(Change("undo", "")):
            self.loop.show()


def _state(entry: Entry) -> str:
    version = (
        f"version {entry.version}" if entry.version else f"{entry.state or 'new'} {entry.proposal}".strip()
    )
    return f"{version}, {'on' if entry.enabled else 'off'}" if entry.version else version


class Rule(Place):
    """One rule: its fields, its replay over everybody, its curve. `texts`: its fields as they are edited."""

    page_size = 8

    def __init__(self, loop: Loop, entry: Entry) -> None:
        super().__init__(loop)
        self._edit(entry)

    def _edit(self, entry: Entry) -> None:
        """Edit a rule from how it stands."""
        self._entry = entry
        self.texts = {field.key: field.text for field in entry.fields}
        there = entry.version or entry.proposal
        self._saved = {key: text if there else "" for key, text in self.texts.items()}
        self._replayed: ReplayDocument | None = None

    @property
    def title(self) -> str:  # type: ignore[override]
        kind = str(self._entry.keys["kind"]).replace("_", " ")
        return (
            f"Rule {self._entry.id or self.texts.get('id') or 'without an id'}, {kind}, {_state(self._entry)}"
        )

    @property
    def unsaved(self) -> bool:
        return self.texts != self._saved

    def _keys(self) -> Document:
        """The rule as it is edited. Raises InputError where a field is wrong."""
        fixed = {key: str(self._entry.keys[key]) for key in ("id", "kind") if key in self._entry.keys}
        draft = self.session.rules.draft(fixed | self.texts)
        if draft.errors:
            wrong = (
                f"{key.replace('_', ' ')}: {text}" if key else text for key, text in draft.errors.items()
            )
            raise InputError("; ".join(wrong))
        return draft.keys

    def answer(self) -> Iterator[str]:
        try:
            keys = self._keys()
        except InputError as error:
            yield f"Not whole yet: {error}"
        else:
            from audit.rules import describe, model

            yield describe.sentence(model.from_dict(dict(keys)))
        if self.unsaved:
            yield "The edit is not saved; save asks."
        yield "Fields; set FIELD VALUE changes one:"

    def items(self) -> Sequence[str]:
        return [
            f"{field.key.replace('_', ' ')}: {self.texts[field.key] or (f'empty, so {field.default}' if field.default else 'needed' if field.needed else 'empty')}"
            for field in self._entry.fields
        ]

    def open(self, at: int) -> None:
        key = self._entry.fields[at].key
        name = key.replace("_", " ")
        text = self.loop.ask(f"{name}, now {self.texts[key] or 'empty'}; nothing leaves it:")
        if text:
            self._put(key, text)

    def actions(self) -> Iterable[Action]:
        def of(action: str, help_: str, do: Callable[[str], object], takes: str = "") -> Action:
            return Action(called("rules", action), help_, do, takes)

        yield Action("set", "Change a field; without a value it is emptied.", self._set, "FIELD VALUE")
        yield Action("replay", "What it would have stopped of everybody's past.", self._replay)
        yield of("curve", "The same at several limits; or windows.", self._curve, "limit or window")
        yield of(
            "displaced", "Which campaign's messages took the room that others then lacked.", self._displaced
        )
        yield of("presets", "The same rule as a known sender would keep it.", self._as_sender, "SENDER")
        yield of("save", "Save the edit, after a plan and a yes.", self._save)
        yield of("switch_rule", "Switch it on or off, after a plan and a yes.", self._switch)
        yield of("history", "The versions of this rule, with what each changed.", self._history)
        yield Action(
            called("app", "undo"),
            "Take your own last change of this sitting back; asks.",
            lambda _: self._changed(Change("undo", "")),
        )

    def _set(self, text: str) -> None:
        by_name = {field.key.replace("_", " "): field.key for field in self._entry.fields}
        spaced = text.replace("_", " ")
        name = next(
            (name for name in sorted(by_name, key=len, reverse=True) if f"{spaced} ".startswith(f"{name} ")),
            None,
        )
        if name is None:
            raise InputError(f"say which field: {', '.join(by_name)}")
        self._put(by_name[name], text[len(name) :].strip())

    def _put(self, key: str, text: str) -> None:
        self.texts[key] = text
        self._replayed = None
        self.loop.say(f"{key.replace('_', ' ')}: {text or 'empty'}", *list(self.answer())[:-1])

    def _replay(self, _: str) -> None:
        self._replayed = self.session.replays.replay(self._keys(), None, self.loop.progress())
        self.loop.say(*lines.replay(self._replayed, "This rule alone"))
        effect = self.session.replays.beside_the_others(
            self._keys(), self._entry.proposal, self.loop.progress()
        )
        self.loop.say("Within the book, as against without it:", replay_summary.effect_lines(effect).plain)

    def _curve(self, text: str) -> None:
        drawing = self.session.replays.curve(
            self._keys(), text or "limit", self.loop.progress(), lambda part: self.loop.say(part.note)
        )
        self.loop.say(*replay_summary.curve_lines(drawing))

    def _displaced(self, _: str) -> None:
        if self._replayed is None:
            self._replayed = self.session.replays.replay(self._keys(), None, self.loop.progress())
        self.loop.go(Displaced(self.loop, self._keys(), self._replayed))

    def _as_sender(self, text: str) -> None:
        vendors = self.session.replays.vendors(self._keys())
        if text not in vendors:
            raise InputError(f"say which sender: {', '.join(vendors)}")
        found = self.session.replays.compare_with_vendor(self._keys(), text, self.loop.progress())
        self.loop.say(replay_summary.side_by_side(found).plain)

    def _save(self, _: str) -> None:
        if self._entry.proposal:
            raise InputError(f"{self._entry.proposal} is answered in the inbox")
        if not self.unsaved:
            raise InputError("nothing to save: no field was changed")
        keys = self._keys()
        self._changed(Change("set" if self._entry.version else "add", str(keys["id"]), keys))

    def _switch(self, _: str) -> None:
        if not self._entry.version:
            raise InputError("save it first" if not self._entry.proposal else "it is answered in the inbox")
        self._changed(Change("disable" if self._entry.enabled else "enable", self._entry.id))

    def _changed(self, change: Change) -> None:
        if not self.loop.change(change):
            return
        id_ = change.id or self._entry.id
        now = next(
            (entry for entry in self.session.rules.entries() if entry.id == id_ and entry.version), None
        )
        edited = (
            {}
            if change.kind in {"set", "add"}
            else {key: text for key, text in self.texts.items() if text != self._saved[key]}
        )
        if now is not None:
            self._edit(now)
            self.texts |= edited
        else:
            self._saved = dict(self.texts)
        self.loop.show()

    def _history(self, _: str) -> None:
        if not self._entry.version:
            raise InputError("it is not in the book yet")
        self.loop.say(*self.session.rules.history(self._entry.id))


class Displaced(Place):
    """Who displaced whom under a cap; and what would change if room were kept for one."""

    title = "Who displaced whom"

    def __init__(self, loop: Loop, rule: Document, replayed: ReplayDocument) -> None:
        super().__init__(loop)
        self._rule, self._replayed = rule, replayed
        self._room: KeptRoom | None = None

    def answer(self) -> Iterator[str]:
        if not self._replayed.displaced:
            yield "Nobody: no cap stopped a message."

    def items(self) -> Sequence[str]:
        return list(
            bars.flow_lines(
                self._replayed.displaced, None if self._room is None else self._room.after.displaced
            )
        )

    def actions(self) -> Iterable[Action]:
        yield Action(
            called("displaced", "reserve"),
            "What would change if room were kept for the campaign that was stopped.",
            self._reserve,
            NUMBER,
        )
        if self._room is not None:
            yield Action(called("displaced", "form"), "Begin the rule that keeps it.", self._begin)

    def _reserve(self, text: str) -> None:
        pairs = bars.flow_frame(
            self._replayed.displaced, None if self._room is None else self._room.after.displaced
        )
        campaign = pairs["stopped"][self.chosen(text)]
        if campaign == bars.NO_CAMPAIGN:
            raise InputError("these mails name no campaign; no rule can keep room for them")
        self._room = self.session.replays.keep_room(self._rule, campaign, self.loop.progress())
        changed = bars.kept_room(self._room, self._replayed).replace(" → ", " becomes ")
        self.loop.say(f"{changed} Say into the form.")
        self.loop.show()

    def _begin(self, _: str) -> None:
        assert self._room is not None
        self.loop.go(Rule(self.loop, self.session.rules.offered(self._room.rule)))


class Inbox(Place):
    """What is proposed, by campaign."""

    of_everybody = True

    title = "Inbox: what is proposed"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._waiting: list[tuple[str, ProposalSummary]] = []

    def answer(self) -> Iterator[str]:
        groups = self.session.proposals.inbox()
        self._waiting = [
            (group.campaign or "no one campaign", proposal)
            for group in groups
            for proposal in group.proposals
        ]
        if not groups:
            yield "Nothing waits."
        for group in groups:
            counts = (
                several(len(group.proposals), "proposal"),
                several(group.customers, "customer"),
                several(group.tickets, "ticket"),
            )
            yield f"{group.campaign or 'no one campaign'}: {', '.join(counts)}"

    def items(self) -> Sequence[str]:
        return [f"{asked.id}, {campaign}: {asked.title}, {asked.origin}" for campaign, asked in self._waiting]

    def _asked(self, text: str) -> ProposalSummary:
        return self._waiting[self.chosen(text)][1]

    def open(self, at: int) -> None:
        asked = self._waiting[at][1]
        self.loop.say(asked.title, asked.origin, *([f"“{asked.note}”"] if asked.note else []), *asked.lines)

    def actions(self) -> Iterable[Action]:
        yield Action("replay", "What it would have stopped.", self._replay, NUMBER)
        yield Action(
            called("inbox", "approve"),
            "Put it in force, after a plan, a yes and a note.",
            self._approve,
            NUMBER,
        )
        yield Action(called("inbox", "reject"), "Say no to it, with a note.", self._reject, NUMBER)

    def _replay(self, text: str) -> None:
        asked = self._asked(text)
        if asked.rule is None:
            raise InputError("there is no one rule to replay in it")
        self.loop.say(
            *lines.replay(
                self.session.replays.replay(asked.rule, None, self.loop.progress()), "This rule alone"
            )
        )
        effect = self.session.replays.beside_the_others(asked.rule, asked.id, self.loop.progress())
        told = replay_summary.effect_lines(effect).plain
        self.loop.say("If it is approved, as against the book as it is:", told)

    def _approve(self, text: str) -> None:
        asked = self._asked(text)
        if not asked.approvable:
            raise InputError(f"an export is approved by: command rules approve {asked.id}")
        if self.loop.change(Change("approve", asked.id), note="Note, or nothing:"):
            self.loop.show()

    def _reject(self, text: str) -> None:
        asked = self._asked(text)
        note = self.loop.ask("Why? Nothing leaves it as it is:")
        if not note:
            raise InputError("nothing was changed")
        self.loop.say(self.session.proposals.reject(asked.id, note) + ".")
        self.loop.show()
