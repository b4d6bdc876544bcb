"""Founding a community: where each body keeps its keys, and the public card that says who is who.

In real life each body makes its own keys on its own machine and only the public halves meet on the card. The demo
and the lab make all of them in one state directory: one operator runs everything there, and the screens say so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import HYBRID
from quietgrid.crypto.public.signatures import Identity, load_or_create_secret, open_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConfigError
from quietgrid.wire.messages import CommunityCard


@dataclass(frozen=True)
class Folders:
    """The state directory and what is where in it."""

    state: Path

    def keyholder(self, index: int) -> Path:
        """Everything of one keyholder."""
        return self.state / "keyholders" / str(index)

    @property
    def platform(self) -> Path:
        """Database and keys of the platform and its concentrator."""
        return self.state / "platform"

    @property
    def fleet(self) -> Path:
        """The simulated meters."""
        return self.state / "fleet"

    @property
    def households(self) -> Path:
        """The households' vaults."""
        return self.state / "households"

    @property
    def registrar(self) -> Path:
        """The registrar's key."""
        return self.state / "registrar"

    @property
    def card(self) -> Path:
        """The community card."""
        return self.state / "community.card"


def platform_database(folders: Folders, address: str = "") -> str | Path:
    """Where the platform's database is: the given PostgreSQL address, or a file in the state directory."""
    return address or folders.platform / "platform.db"


@dataclass(frozen=True)
class Body:
    """The two keys of a body: signing and opening."""

    identity: Identity
    kem: PrivateKem


def body(folder: Path, kem: str = HYBRID) -> Body:
    """The keys kept in a body's folder, made there on first use (mode 0600)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Body(
        Identity.load_or_create(folder / "identity.key"), PrivateKem.load_or_create(folder / "sealing.key", kem)
    )


def identity(folder: Path) -> Identity:
    """The signing key kept in a folder, made there on first use."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Identity.load_or_create(folder / "identity.key")


def found(folders: Folders, name: str, tz: str, resolution: int, currency: str, kem: str = HYBRID) -> CommunityCard:
    """Make all keys of a community in one state directory and write its card; the same card when called again.

    Raises:
        ConfigError: the directory holds another community's card.
    """
    folders.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    community = load_or_create_secret(folders.state / "community.id", lambda: secrets.token_bytes(16))
    holders = [body(folders.keyholder(i), kem) for i in range(3)]
    concentrator = body(folders.platform / "concentrator", kem)
    platform = identity(folders.platform)
    card = CommunityCard(
        community, name, tz, resolution, currency,
        [h.identity.public for h in holders], [h.kem.public for h in holders],
        identity(folders.registrar).public, platform.public, concentrator.identity.public, concentrator.kem.public,
        identity(folders.state / "auditor").public, [identity(folders.state / "maker").public],
    )  # fmt: skip
    if folders.card.exists():
        known = read_card(folders.card)
        if known != card:
            raise ConfigError(
                "the state directory belongs to another community", where=str(folders.state), fix="move it"
            )
        return known
    folders.card.write_bytes(pack_signed(platform.sign(card)))
    return card


def read_card(path: Path) -> CommunityCard:
    """The card in a file. It is public; what it is worth is decided by its fingerprint, entered out of band.

    Raises:
        ConfigError: there is no card.
    """
    if not path.exists():
        raise ConfigError("there is no community card", where=str(path), fix="run `quietgrid up` or ask the operator")
    signed = unpack_signed(path.read_bytes())
    card = decode(CommunityCard, signed.body)
    return open_signed(signed, CommunityCard, card.platform_pk)
