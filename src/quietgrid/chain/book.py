"""Which contract is where: one small JSON file, addresses by chain id; also what `contracts/js` reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

from quietgrid.errors import ConfigError, NotFoundError

GUEST = "guest.json"
"""Beside it in a demo: the addresses of the home that is shown (``votes``, ``shares``)."""


class AddressBook:
    """Addresses by chain id and contract name.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, chain_id: int) -> dict[str, str]:
        """All contracts on a chain; empty if nothing was deployed there."""
        return dict(self._read().get(str(chain_id), {}))

    def chains(self) -> list[int]:
        """The chains that have any."""
        return sorted(int(chain_id) for chain_id in self._read())

    def address(self, chain_id: int, name: str) -> str:
        """One contract.

        Raises:
            NotFoundError: it is not on this chain.
        """
        found = self.of(chain_id).get(name)
        if found is None:
            raise NotFoundError(
                f"{name} is not on chain {chain_id}", where=str(self._path), fix="run `quietgrid chain deploy`"
            )
        return found

    def write(self, chain_id: int, addresses: dict[str, str]) -> None:
        """Set a chain's addresses; the file is replaced at once."""
        whole = self._read() | {str(chain_id): dict(sorted(addresses.items()))}
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, self._path)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found: dict[str, dict[str, str]] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigError("the address book cannot be read", where=str(self._path), fix="deploy again") from error
        return found
