"""The pictures of the documents."""

from pathlib import Path

import pytest

from audit.privacy import vault
from audit.rules.book import Book
from fixtures import demo
from tests.conftest import BEGUN, steady_pseudonym

PEOPLE = 100
"""So many customers of the demo's fleet stand beside those of its stories: the first of its two thousand."""


def small_demo(folder: Path) -> Path:
    """The demo with fewer customers, made in half a second, the same in every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "CUSTOMERS", PEOPLE)
        patch.setattr(vault, "random_pseudonym", steady_pseudonym)
        patch.setitem(Book.__init__.__kwdefaults__, "now", lambda: BEGUN)
        demo.make(folder)
    return folder
