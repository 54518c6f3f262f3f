"""The workspace's one secret: where it lies, and the keys for single purposes that are drawn from it.

Order of places: a key file named by `WHYSENT_KEY_FILE`, then the operating system's keyring,
then a file of the user's configuration folder, named by the workspace's random id: never beside the vault.
A key file that others can read is refused; on Windows, which has no such modes, the folder's own permissions
hold and the check is skipped. Only a fingerprint is ever shown.
"""

import os
import secrets
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from audit.errors import WorkspaceError

ENVIRONMENT = "WHYSENT_KEY_FILE"
_SERVICE = "whysent"
_BYTES = 32


@dataclass(frozen=True, repr=False)
class Key:
    """256 random bits; its text forms are the fingerprint alone."""

    secret: bytes

    def purpose(self, name: str) -> bytes:
        """A 256-bit key for one purpose (HKDF with SHA-256, RFC 5869); purposes cannot be told from each other."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), _BYTES, salt=None, info=b"whysent/1/" + name.encode()).derive(self.secret)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell two keys apart and give neither away."""
        return self.purpose("fingerprint")[:8].hex()

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"


def generate() -> Key:
    """A new random key."""
    return Key(secrets.token_bytes(_BYTES))


def create(workspace_id: str) -> Key:
    """The key of a new workspace, kept in the first place that takes it.

    A key file that exists is used as it is, so that several workspaces can share one. Raises WorkspaceError if
    nothing could be written or others can read the file.
    """
    chosen = _chosen_file()
    if chosen is not None:
        return _read(chosen) if chosen.exists() else _write(chosen, generate())
    key = generate()
    if _to_keyring(workspace_id, key):
        return key
    return _write(own_file(workspace_id), key)


def load(workspace_id: str) -> Key:
    """The key of an existing workspace. Raises WorkspaceError if it is nowhere, unreadable or readable by others."""
    chosen = _chosen_file()
    if chosen is not None:
        return _read(chosen)
    key = _from_keyring(workspace_id)
    return key if key is not None else _read(own_file(workspace_id))


def forget(workspace_id: str) -> None:
    """Throw away the key of a workspace that is no more; a key file that was named is nobody's alone, and stays."""
    import keyring
    from keyring.errors import KeyringError

    if _chosen_file() is None:
        with suppress(KeyringError):
            keyring.delete_password(_SERVICE, workspace_id)
        own_file(workspace_id).unlink(missing_ok=True)


def own_file(workspace_id: str) -> Path:
    """Where the key lies when there is no keyring: one file a workspace in the user's configuration folder."""
    from platformdirs import user_config_path

    return user_config_path("whysent", appauthor=False) / "keys" / f"{workspace_id}.key"


def _chosen_file() -> Path | None:
    path = os.environ.get(ENVIRONMENT)
    return Path(path) if path else None


def _write(path: Path, key: Key) -> Key:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorkspaceError(
            f"{path}: the key cannot be written: {error.strerror}; name another file with {ENVIRONMENT}"
        ) from error
    return key


def _read(path: Path) -> Key:
    try:
        with path.open("rb") as file:
            _refuse_readable_by_others(path, os.fstat(file.fileno()).st_mode)
            text = file.read(_BYTES * 2 + 2)
    except FileNotFoundError as error:
        raise WorkspaceError(f"{path}: no key there; name the key file with {ENVIRONMENT}") from error
    except OSError as error:
        raise WorkspaceError(
            f"{path}: the key cannot be read: {error.strerror}; check who owns it and its modes"
        ) from error
    return _parse(text, str(path))


def _refuse_readable_by_others(path: Path, mode: int) -> None:
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise WorkspaceError(f"{path}: others can read this key; run: chmod 600 {path}")


def _parse(text: bytes, origin: str) -> Key:
    try:
        secret = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise WorkspaceError(
            f"{origin}: holds no key ({_BYTES * 2} hexadecimal digits); name the file that does with {ENVIRONMENT}"
        )
    return Key(secret)


def _to_keyring(workspace_id: str, key: Key) -> bool:
    """Whether the keyring took the key and gives it back (a machine without a desktop has no keyring)."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_SERVICE, workspace_id, key.secret.hex())
        return keyring.get_password(_SERVICE, workspace_id) == key.secret.hex()
    except KeyringError:
        return False


def _from_keyring(workspace_id: str) -> Key | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        text = keyring.get_password(_SERVICE, workspace_id)
    except KeyringError:
        return None
    return None if text is None else _parse(text.encode(), "the keyring")
