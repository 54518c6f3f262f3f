import pytest

from audit.workspace.workspace import Workspace


@pytest.fixture
def ws(tmp_path, monkeypatch):
    """An empty workspace with a key of its own."""
    monkeypatch.setenv("WHYSENT_KEY_FILE", str(tmp_path / "key"))
    return Workspace.create(tmp_path / "workspace")
