import sys

import keyring.backend
import keyring.errors
import pytest

from audit.errors import WorkspaceError
from audit.privacy import keys


class Ring(keyring.backend.KeyringBackend):
    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def nowhere_near_home(monkeypatch, tmp_path):
    monkeypatch.delenv(keys.ENVIRONMENT, raising=False)
    monkeypatch.setattr(keys, "own_file", lambda workspace_id: tmp_path / "config" / f"{workspace_id}.key")


@pytest.fixture
def no_keyring(monkeypatch):
    def refuse(*_):
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", refuse)
    monkeypatch.setattr(keyring, "set_password", refuse)


@pytest.fixture
def ring(monkeypatch):
    ring = Ring()
    monkeypatch.setattr(keyring, "get_password", ring.get_password)
    monkeypatch.setattr(keyring, "set_password", ring.set_password)
    return ring


def test_lies_in_the_keyring_where_there_is_one(ring, tmp_path):
    key = keys.create("w1")
    assert keys.load("w1") == key
    assert list(ring.kept) == [("whysent", "w1")]
    assert not (tmp_path / "config").exists()


def test_without_a_keyring_it_lies_in_a_private_file(no_keyring, tmp_path):
    key = keys.create("w1")
    assert keys.load("w1") == key
    path = tmp_path / "config" / "w1.key"
    assert path.exists()
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_keyring_that_forgets_is_not_trusted(ring, monkeypatch, tmp_path):
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    key = keys.create("w1")
    assert keys.load("w1") == key
    assert (tmp_path / "config" / "w1.key").exists()


def test_a_named_key_file_comes_first(ring, monkeypatch, tmp_path):
    monkeypatch.setenv(keys.ENVIRONMENT, str(tmp_path / "named.key"))
    key = keys.create("w1")
    assert ring.kept == {}
    assert keys.load("w1") == key
    assert keys.create("w2") == key


def test_a_missing_key_says_where_it_should_be(no_keyring):
    with pytest.raises(WorkspaceError, match=r"w1\.key: no key there"):
        keys.load("w1")


@pytest.mark.skipif(sys.platform == "win32", reason="no file modes on Windows")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(no_keyring, tmp_path, mode):
    keys.create("w1")
    (tmp_path / "config" / "w1.key").chmod(mode)
    with pytest.raises(WorkspaceError, match="others can read"):
        keys.load("w1")


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31, "ab" * 33, "\udcff"])
def test_what_is_no_key_is_refused(monkeypatch, tmp_path, content):
    path = tmp_path / "bad.key"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(0o600)
    monkeypatch.setenv(keys.ENVIRONMENT, str(path))
    with pytest.raises(WorkspaceError, match="holds no key"):
        keys.load("w1")


def test_only_the_fingerprint_is_shown():
    key = keys.generate()
    for text in (str(key), repr(key), f"{key}", str([key])):
        assert key.secret.hex() not in text
        assert key.fingerprint in text
    assert key.fingerprint not in key.secret.hex()


def test_purposes_have_keys_of_their_own():
    key = keys.generate()
    made = {key.purpose(name) for name in ("encrypt", "index", "event ids", "fingerprint")}
    assert len(made) == 4
    assert key.secret not in made
    assert all(len(each) == 32 for each in made)
