"""Assets on the household's pages: the home's shares, what they earned, what is due; paid out to its own account.

Privacy: read from the chain's node, never from the platform; the holder is an address that only this household can tell
is its own.
"""

from __future__ import annotations

import time
from typing import Any

from quietgrid.errors import NotFoundError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.node import NodeReader
from quietgrid.household.taking_part import holder
from quietgrid.web.asset_rows import shown

Context = dict[str, Any]


def page(desk: Desk, reader: NodeReader) -> Context:
    """The context of the page."""
    view = reader.look()
    if view is None:
        return {"state": reader.state, "holder": None, "assets": []}
    from quietgrid.runtime.assets import Assets

    own = holder(desk.home.parts.vault).address
    rows = [shown(one, time.time()) for one in Assets(view).all()]
    return {"state": reader.state, "holder": own, "assets": [row | {"mine": _mine(row, own)} for row in rows]}


def claim(desk: Desk, reader: NodeReader, number: int) -> None:
    """Have what is due to the home paid to its account.

    Raises:
        NotFoundError: there is no chain here, or nothing is due. UnavailableError: the node is away.
    """
    from quietgrid.chain.direct import send
    from quietgrid.chain.find import CHAIN_ID
    from quietgrid.chain.node import fund
    from quietgrid.runtime.assets import Assets, claiming

    view, own = reader.look(), holder(desk.home.parts.vault)
    if view is None:
        raise NotFoundError("there is no asset here", where="assets", fix="look at the page Assets")
    held = [one for one in Assets(view).asset(number).holdings if one.holder.lower() == own.address.lower()]
    if not held or held[0].due_micro == 0:
        raise NotFoundError("nothing is due to you", where=f"asset {number}", fix="look again after revenue came in")
    if view.chain.chain_id() == CHAIN_ID:
        fund(view.chain, own.address)
    send(view.chain, own, claiming(view.addresses, number, own.address))


def _mine(row: Context, own: str) -> Context | None:
    """The home's own line among the holders."""
    return next((held for held in row["holdings"] if held["holder"].lower() == own.lower()), None)
