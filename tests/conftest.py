"""What many tests need: a key of their own, and a workspace of the thirteen scenes."""

import gc
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from audit.privacy import vault
from audit.privacy.vault import ALPHABET, LENGTH

BEGUN = datetime(2026, 11, 21, 9, tzinfo=UTC)
"""When the book of the scenes was begun."""

# A busy machine is no reason for a property to fail.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

os.environ.pop("WHYSENT_WORKSPACE", None)
os.environ["COLUMNS"] = "120"


def pytest_collection_finish() -> None:
    """Leave what is loaded by now to no collection any more: going through it takes a quarter of a screen's test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A key file for the whole run: no test touches the keyring or the home folder."""
    path = tmp_path_factory.mktemp("key") / "whysent.key"
    before = os.environ.get("WHYSENT_KEY_FILE")
    os.environ["WHYSENT_KEY_FILE"] = str(path)
    yield path
    if before is None:
        del os.environ["WHYSENT_KEY_FILE"]
    else:
        os.environ["WHYSENT_KEY_FILE"] = before


def steady_pseudonym(source_id: str) -> str:
    """The same pseudonym in every run, for golden files and pictures of invented customers."""
    digest = hashlib.sha256(source_id.encode()).digest()
    return "c_" + "".join(ALPHABET[byte % 32] for byte in digest[:LENGTH])


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Path:
    """A workspace of the scenes' customers alone, with their map and the starter book; do not change it."""
    from audit.ingest import import_paths
    from audit.rules import files
    from audit.rules.book import Book
    from audit.workspace.workspace import Workspace
    from fixtures import demo
    from fixtures import scenes as told

    folder = tmp_path_factory.mktemp("scenes") / "workspace"
    file = folder.with_name("scenes.parquet")
    told.events().write_parquet(file)
    ws = Workspace.create(folder, synthetic=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "random_pseudonym", steady_pseudonym)
        import_paths(ws, [file])
    ws.set_map(demo.demo_campaigns(), demo.demo_flows())
    starter = files.read(Path(demo.__file__).parent / "rules" / "starter.toml")
    book = Book(folder / "book.db", now=lambda: BEGUN)
    book.apply(book.plan_add(starter), note="a book to start from", author="whysent demo")
    return folder
