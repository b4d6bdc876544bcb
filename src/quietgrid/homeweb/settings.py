"""What the household's pages are told by whoever starts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quietgrid.household.rewards import Node


@dataclass(frozen=True)
class Recipient:
    """Somebody days may be handed to. `key`: tagged HPKE public key, from a source the household trusts."""

    name: str
    key: bytes


@dataclass(frozen=True)
class PageSettings:
    """Around every page.

    Args:
        platform_url, household_url: The two origins, without a slash at the end.
        framed_by: Origins that may show the frame; the platform's unless given.
        names: What the homes call themselves, by id; "Home 17" where it is not known.
        recipients: Offered in the consent form; anybody else's key can be pasted.
        demo: One operator runs everything; every page says so.
        shown_home: In a demo, the home whose frame everybody may see on the start page; None: only who is signed in.
        live_every: Seconds between live updates. floor: fewest homes of any total (`GateRules.k`).
        claims_by_itself: Whether this process claims for homes that chose nothing. node: of the chain, for votes and
            assets; None without one.
    """

    platform_url: str = ""
    household_url: str = ""
    framed_by: tuple[str, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    recipients: tuple[Recipient, ...] = ()
    demo: bool = False
    shown_home: int | None = None
    live_every: float = 2.0
    floor: int = 15
    claims_by_itself: bool = False
    node: Node | None = None

    def name_of(self, home: int) -> str:
        """What a home is called.

        >>> PageSettings().name_of(17)
        'Home 17'
        """
        return self.names.get(home, f"Home {home}")
