"""A 32-byte key in a file of its own, mode 0600; light, for processes that need not load web3."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from quietgrid.errors import ConfigError


def load_or_create(path: Path) -> bytes:
    """The key in a file; made, readable by its owner only, if there is none.

    Raises:
        ConfigError: what is there is no key.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        pass
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError("this is not an account's key", where=str(path), fix="restore the file") from error
    else:
        if len(key) != 32:
            raise ConfigError("this is not an account's key", where=str(path), fix="restore the file")
        return key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = secrets.token_bytes(32)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(fresh.hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    return fresh
