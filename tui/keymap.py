"""Keys of one's own: `keys.toml` in the user's configuration folder, `"customer.leave-out" = "z"`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from audit.errors import InputError
from tui import keys

if TYPE_CHECKING:
    from pathlib import Path


def folder() -> Path:
    """Where the file is looked for."""
    from platformdirs import user_config_path

    return user_config_path("whysent", appauthor=False)


def read(path: Path) -> dict[str, str]:
    """Action id → keys. Empty where there is no file. Raises InputError naming the line or the unknown id."""
    if not path.exists():
        return {}
    import tomllib  # only who has such a file pays for reading it

    try:
        chosen = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    known = {str(binding.id) for place in keys.TABLE for binding in keys.made(place)}
    for name, wanted in chosen.items():
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)
            raise InputError(f"{path}: {name}: no such action; the nearest is {near[0]}")
        if not isinstance(wanted, str) or not wanted:
            raise InputError(f'{path}: {name}: write its keys as text, such as "z" or "z,f7"')
    return chosen
