"""What the web server of a platform can be told. Loopback by default; plain HTTP is refused anywhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quietgrid.accounts import Rules
from quietgrid.billing.invoice import Seller
from quietgrid.errors import ConfigError
from quietgrid.model.publication import PublishRules

PAPER_BYTES = 1 << 20
"""Most that a pasted document may have."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Settings:
    """Settings of API and pages.

    Args:
        public_url: The address people use, without a slash at the end. household_url: the households' own origin.
        demo: One operator runs everything: the screens say so, and pace, spying and stopping keyholders work.
        demo_home: The home the start page shows; the first of the registry unless told.
        open_start: On this machine, the demo's start page is shown to whoever is not signed in: for made-up readings.
        body_bytes, reading_bytes: most a request may bring; the second for sealed readings.
        requests_per_minute, readings_per_minute: for one address. streams: most event streams at once.
        four_eyes: Whoever started a billing run may not approve it.
        accounts: Lifetimes and limits of sign-ins. seller: on invoices; the community's name unless told.
        hosts: More host names to answer to. publishing: the numbers of published statistics.
        openadr: The OpenADR VTN: ``off``; ``public``: on, callbacks by HTTPS on the public Internet only; ``private``:
            callbacks anywhere. openadr_bytes: most of one of its requests. tokens_per_minute: of one client there.
    """

    public_url: str = "http://localhost:8000"
    household_url: str = ""
    demo: bool = False
    demo_home: int | None = None
    open_start: bool = False
    body_bytes: int = 64 * 1024
    reading_bytes: int = 32 << 20
    requests_per_minute: int = 1_200
    readings_per_minute: int = 12_000
    streams: int = 500
    four_eyes: bool = True
    accounts: Rules = field(default_factory=Rules)
    seller: Seller | None = None
    hosts: tuple[str, ...] = ()
    publishing: PublishRules = field(default_factory=PublishRules)
    openadr: str = "public"
    openadr_bytes: int = 512 * 1024
    tokens_per_minute: int = 30

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
            raise ConfigError(
                "the public address cannot be used", where=self.public_url, fix="give http(s)://host:port, no path"
            )
        if parts.scheme == "http" and self.host not in LOOPBACK and not self.host.endswith(".localhost"):
            raise ConfigError(
                "plain HTTP is for loopback only", where=self.public_url, fix="use https, or http://localhost"
            )

    @property
    def secure(self) -> bool:
        """Whether people come by https."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """Host name of the public address, without port."""
        netloc = urlsplit(self.public_url).netloc.rpartition("@")[2]
        return netloc[: netloc.index("]") + 1] if netloc.startswith("[") else netloc.partition(":")[0]

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host names the server answers to: a name that somebody else points at this machine gets nothing."""
        own = frozenset({self.host, *self.hosts})
        return own | LOOPBACK if self.host in LOOPBACK else own

    def cookie(self, name: str) -> str:
        """The name of a cookie: ``__Host-`` where the browser enforces it, with the port on loopback.

        >>> Settings().cookie("session"), Settings(public_url="https://grid.example").cookie("session")
        ('quietgrid-session-8000', '__Host-quietgrid-session')
        """
        if self.secure:
            return f"__Host-quietgrid-{name}"
        return f"quietgrid-{name}-{urlsplit(self.public_url).port or 80}"
