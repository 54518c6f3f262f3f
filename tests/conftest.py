"""What many tests need: a key of their own, a workspace of the thirteen scenes; and who runs which test when."""

import gc
import hashlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

# Before anything loads polars. Each core has a worker at least: threads of their own would only wait for one another.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("TEXTUAL_FPS", "1000")
if sys.dont_write_bytecode:  # the processes that tests start need not compile everything anew
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": sys.pycache_prefix}

import polars._warnings
import pytest
from hypothesis import HealthCheck, settings

from audit.privacy import vault
from audit.privacy.vault import ALPHABET, LENGTH

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling
    from xdist.workermanage import WorkerController

BEGUN = datetime(2026, 11, 21, 9, tzinfo=UTC)
"""When the book of the scenes was begun."""

# A busy machine is no reason for a property to fail.
settings.register_profile(
    "steady", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

os.environ.pop("WHYSENT_WORKSPACE", None)
os.environ["COLUMNS"] = "120"


TOGETHER = {
    f"tests/audit/{name}.py": unit
    for unit, names in {
        "kernel": (
            "rules/test_kernel", "rules/test_kernel_cache", "rules/test_interactive_replay", "rules/test_golden_cases",
            "rules/test_book", "rules/test_consent", "rules/test_preset_comparison",
        ),
        "explained": ("why/test_until", "why/test_excluded"),
    }.items()
    for name in names
}  # fmt: skip
"""Files that one worker runs: the first that needs the kernel compiles it, the first that explains the scenes explains them."""

SECONDS = {
    "kernel": 70, "test_soundness": 60, "test_canaries": 35, "test_tutorials": 35, "test_stories": 35, "test_role_view": 35,
    "test_commands": 30, "explained": 25, "test_linear": 25, "test_core": 20, "test_every_check": 20, "test_bulk_causes": 20,
    "test_pictures": 20, "test_same_figures": 20, "test_letter": 20, "test_take_in": 15, "test_scene_replies": 15, "test_texts": 15,
    "test_snapshots": 15, "test_placements": 15, "test_derive_properties": 15, "test_properties": 15, "test_models": 15,
    "test_terminal": 15, "test_new_check": 10, "test_themes": 10, "test_limits": 10, "test_rules_screen": 10, "test_everybody": 10,
    "test_removal_plans": 10, "test_oracles": 10, "test_workspace": 10, "test_what_still_holds": 10, "test_scenes": 10,
    "test_gate": 10, "test_shipped_formats": 10, "test_locales": 10, "test_segment_proofs": 10, "test_eligibility": 10,
}  # fmt: skip
"""How long the longest files take, about; they are begun first, so that all workers end together."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling":
    """Hand out whole files, so that what the tests of a file share is made once, and the longest first."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return TOGETHER.get(file, file)

        def _assign_work_unit(self, node: "WorkerController") -> None:
            def seconds(file: str) -> float:
                return SECONDS.get(Path(file).stem, len(self.workqueue[file]) / 10)

            self.workqueue.move_to_end(max(self.workqueue, key=seconds), last=False)
            super()._assign_work_unit(node)

    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: many tests wait for a process or a clock, and another has the core meanwhile."""
    return (os.cpu_count() or 1) + 1


def pytest_collection(session: pytest.Session) -> None:
    """Where nothing is compiled yet, workers compile a part each: each begins to load elsewhere, and finds the others' parts done."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    gc.disable()  # until all tests are found: nothing of what is loaded is garbage
    root = session.config.rootpath
    files = sorted((root / "tests").rglob("test_*.py"))
    begin = int(worker["workerid"].removeprefix("gw")) * len(files) // worker["workercount"]
    for file in files[begin:] + files[:begin]:
        with suppress(Exception, pytest.skip.Exception):  # told when it is collected
            importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Leave what is loaded by now to no collection any more: going through it takes a quarter of a screen's test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    gc.enable()


class _Noted:
    """What polars warns of from below: it swallows what is raised there, so that `filterwarnings` does not see it."""

    said: ClassVar[list[str]] = []

    @classmethod
    def warn(cls, message: str, **_: object) -> None:
        try:
            warnings.warn(str(message), DeprecationWarning, stacklevel=2)
        except DeprecationWarning:  # nobody asked to be told
            cls.said.append(str(message))


polars._warnings.warnings = _Noted


@pytest.fixture(autouse=True)
def polars_warns_of_nothing() -> Iterator[None]:
    """Nothing that polars will not do any more is left in what a test went through, or in what was made for it."""
    yield
    said, _Noted.said = _Noted.said, []
    assert said == []


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
