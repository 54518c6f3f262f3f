"""Four themes: dark, light, and the terminal's own colours on a dark or a light ground."""

from __future__ import annotations

import os

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="dark",
    primary="#7aa2c8",
    secondary="#8f9bb3",
    accent="#d8a657",
    warning="#d8a657",
    error="#e06c75",
    success="#8fbf7f",
    foreground="#d5d8de",
    background="#15181d",
    surface="#191d23",
    panel="#20252d",
    dark=True,
    variables={
        "footer-key-foreground": "#d8a657",
        "footer-background": "#15181d",
        "border-blurred": "#39414d",
        "block-cursor-background": "#2f4158",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#20262e",
        "block-cursor-blurred-foreground": "#d5d8de",
    },
)
LIGHT = Theme(
    name="light",
    primary="#1f5a8a",
    secondary="#5a6577",
    accent="#8a5a00",
    warning="#8a5a00",
    error="#b02a37",
    success="#2e6b2e",
    foreground="#1d2127",
    background="#fbfaf7",
    surface="#f6f4ef",
    panel="#ece9e1",
    dark=False,
    variables={
        "footer-key-foreground": "#8a5a00",
        "footer-background": "#fbfaf7",
        "border-blurred": "#c9c4b8",
        "block-cursor-background": "#cfdfee",
        "block-cursor-foreground": "#101418",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#eeebe3",
        "block-cursor-blurred-foreground": "#1d2127",
    },
)
THEMES = (DARK, LIGHT, BUILTIN_THEMES["ansi-dark"], BUILTIN_THEMES["ansi-light"])
"""In the order the theme key goes through them."""


def first_theme() -> str:
    """The theme to start with: `WHYSENT_THEME`, the terminal's own where no colour is wanted, else dark."""
    requested = os.environ.get("WHYSENT_THEME", "")
    if requested in {theme.name for theme in THEMES}:
        return requested
    return "ansi-dark" if wants_no_colour() else DARK.name


def wants_no_colour() -> bool:
    """Whether whoever sits here asked for no colours (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
