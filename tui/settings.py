"""What a person chooses for themselves. Themes: dark, light, the terminal's own colours on a dark or a light ground, high contrast, one for whoever sees red and green alike; and keys of their own, in a file that they may write too."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from textual.theme import BUILTIN_THEMES, Theme

from audit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _theme(
    name: str, cursor: tuple[str, str], away: str, blurred: str, *, dark: bool = True, **colours: Any
) -> Theme:
    """A theme of `colours`; `cursor`: ground and letters of the row under it, `away`: its ground without the focus."""
    variables = {
        "footer-key-foreground": colours["accent"],
        "footer-background": colours["background"],
        "border-blurred": blurred,
        "block-cursor-background": cursor[0],
        "block-cursor-foreground": cursor[1],
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": away,
        "block-cursor-blurred-foreground": colours["foreground"],
        "input-cursor-background": colours["foreground"],
        "input-cursor-foreground": colours["background"],
        "text-success": colours["success"],
        "text-warning": colours["warning"],
        "text-error": colours["error"],
        "text-muted": colours["secondary"],
    }
    return Theme(name=name, dark=dark, variables=variables, **colours)


DARK = _theme(
    "dark",
    cursor=("#2f4158", "#ffffff"),
    away="#20262e",
    blurred="#39414d",
    primary="#7aa2c8",
    secondary="#9aa5bb",
    accent="#d8a657",
    warning="#d8a657",
    error="#e8808a",
    success="#8fbf7f",
    foreground="#d5d8de",
    background="#15181d",
    surface="#191d23",
    panel="#20252d",
)
LIGHT = _theme(
    "light",
    cursor=("#cfdfee", "#101418"),
    away="#eeebe3",
    blurred="#c9c4b8",
    dark=False,
    primary="#1f5a8a",
    secondary="#535d6e",
    accent="#7d5200",
    warning="#7d5200",
    error="#a72633",
    success="#2a612a",
    foreground="#1d2127",
    background="#fbfaf7",
    surface="#f6f4ef",
    panel="#ece9e1",
)
HIGH_CONTRAST = _theme(
    "high-contrast",
    cursor=("#ffffff", "#000000"),
    away="#262626",
    blurred="#b0b0b0",
    primary="#8fd0ff",
    secondary="#e0e0e0",
    accent="#ffe14d",
    warning="#ffe14d",
    error="#ff9c9c",
    success="#7dff8a",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#141414",
)
COLOUR_BLIND = _theme(
    "colour-blind",
    cursor=("#24425e", "#ffffff"),
    away="#20262e",
    blurred="#39414d",
    primary="#56b4e9",
    secondary="#a7b0c0",
    accent="#f0d500",
    warning="#f0d500",
    error="#f08a3c",
    success="#56b4e9",
    foreground="#e4e6ea",
    background="#15181d",
    surface="#191d23",
    panel="#20252d",
)
"""Blue, orange and yellow of Okabe and Ito (2008), orange lighter and yellow fuller: letters of them are read on a dark ground."""


def _terminal(name: str, ink: str, ground: str, **colours: Any) -> Theme:
    """Only the terminal's own colours, and of those only what is read in the common palettes on its ground."""
    theme = BUILTIN_THEMES[name]
    variables = {
        "footer-key-foreground": "ansi_default",
        "block-cursor-background": ink,
        "block-cursor-foreground": ground,
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "ansi_default",
        "block-cursor-blurred-foreground": "ansi_default",
        "input-selection-background": ink,
        "input-selection-foreground": ground,
        "text-success": colours["success"],
        "text-warning": colours["warning"],
        "text-error": colours["error"],
        "text-muted": "ansi_default",
    }
    return replace(theme, variables={**theme.variables, **variables}, **colours)


TERMINAL_DARK = _terminal(
    "ansi-dark",
    ink="ansi_bright_white",
    ground="ansi_black",
    primary="ansi_bright_cyan",
    secondary="ansi_bright_cyan",
    accent="ansi_bright_yellow",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    success="ansi_bright_green",
)
TERMINAL_LIGHT = _terminal(
    "ansi-light",
    ink="ansi_blue",
    ground="ansi_bright_white",
    primary="ansi_blue",
    secondary="ansi_blue",
    accent="ansi_blue",
    warning="ansi_default",
    error="ansi_red",
    success="ansi_blue",
)
THEMES = (DARK, LIGHT, TERMINAL_DARK, TERMINAL_LIGHT, HIGH_CONTRAST, COLOUR_BLIND)
"""In the order the theme key goes through them."""
TITLES = {
    "dark": "dark",
    "light": "light",
    "ansi-dark": "the terminal's own colours, on a dark ground",
    "ansi-light": "the terminal's own colours, on a light ground",
    "high-contrast": "high contrast",
    "colour-blind": "for whoever sees red and green alike",
}


def first_theme(chosen: str = "") -> str:
    """The theme to start with: `WHYSENT_THEME`, else the one `chosen` last; the terminal's own where no colour is wanted, else dark."""
    for name in (os.environ.get("WHYSENT_THEME", ""), "" if wants_no_colour() else chosen):
        if name in TITLES:
            return name
    return TERMINAL_DARK.name if wants_no_colour() else DARK.name


def wants_no_colour() -> bool:
    """Whether whoever sits here asked for no colours (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


# -- the file of one's own choices ---------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What the file holds. `keys`: id of an action → its keys."""

    theme: str
    keys: Mapping[str, str]


def _keymap(table: Any) -> dict[str, str]:
    """The table `[keys]`: known actions, keys as text, and none that two actions would have in one place."""
    from audit.storage import toml_input
    from tui import keys

    if not isinstance(table, dict):
        raise InputError('write a table, such as [keys] and below it "customer.leave-out" = "z"')
    actions = keys.actions()
    for name, chosen in table.items():
        if name not in actions:
            raise InputError(toml_input.unknown(name, actions))
        if not isinstance(chosen, str) or not all(part.strip() for part in chosen.split(",")):
            raise InputError(f'{name}: write its keys as text, such as "z" or "z,f7"')
    keymap = {name: ",".join(part.strip() for part in chosen.split(",")) for name, chosen in table.items()}
    if (clash := keys.clash(keymap)) is not None:
        key, *names = clash
        raise InputError(f"{key!r} would be both {' and '.join(names)}; give one of them another key")
    return keymap


def read(path: Path) -> Settings:
    """What a person has chosen; nothing where there is no file. Raises InputError naming what is wrong, and what is near to it."""
    if not path.exists():  # reading it costs what nobody waits for who has none
        return Settings("", {})
    import msgspec

    from audit.storage import toml_input

    fields = [
        ("theme", Annotated[str, toml_input.one_of(TITLES)], ""),
        ("keys", Annotated[dict[str, str], toml_input.read_by(_keymap)], {}),
    ]
    table = toml_input.read(path)
    try:
        chosen = toml_input.convert(table, msgspec.defstruct("Chosen", fields))
        return Settings(**msgspec.structs.asdict(chosen))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def keep_theme(path: Path, theme: str) -> None:
    """Write down which theme was chosen; what else stands in the file stays. Raises WorkspaceError."""
    from audit.storage import private_files

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    with private_files.clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    private_files.write(path, with_theme(text, theme).encode())


def with_theme(text: str, theme: str) -> str:
    """A settings file with that theme: it stands before the first table, and nothing else is touched."""
    lines = text.splitlines(keepends=True)
    tables = (at for at, line in enumerate(lines) if line.lstrip().startswith("["))
    before_tables = lines[: next(tables, len(lines))]
    stands = (at for at, line in enumerate(before_tables) if line.partition("=")[0].strip() == "theme")
    at = next(stands, None)
    written = f'theme = "{theme}"\n'
    return written + text if at is None else "".join((*lines[:at], written, *lines[at + 1 :]))
