"""The platform's list of published statistics, as a home checks it."""

from __future__ import annotations

import pytest

from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import VerificationError
from quietgrid.household.published import read_parts
from quietgrid.wire.publication import Figure, OwnParts, Part, Publication
from tests.household.village import COMMUNITY, TOWN

CARD = TOWN.card


def publication(community: bytes = COMMUNITY, epsilon: int = 500) -> Publication:
    figures = [Figure("all homes", 40, 12_000_000, True)]
    return Publication(community, "use", 0, 96, 900, 1970, 40, epsilon, 600_000, 600_000, 6_000, figures, 1.0)


def statement(*parts: Part, home: int = 11) -> OwnParts:
    return OwnParts(COMMUNITY, home, list(parts), 2.0)


def part(message: Publication, epsilon: int = 500, signer: Identity = TOWN.platform) -> Part:
    return Part(pack_signed(signer.sign(message)), "all homes", epsilon)


def test_what_the_platform_signed_is_read() -> None:
    found = read_parts(TOWN.platform.sign(statement(part(publication()), part(publication(epsilon=0), 0))), CARD, 11)
    assert [(one.figure, one.epsilon_milli) for one in found] == [("all homes", 500), ("all homes", 0)]
    assert found[0].publication == publication()
    assert found[0].hash == publication().hash()


@pytest.mark.parametrize(
    ("said", "signer"),
    [
        (statement(home=12), TOWN.platform),
        (statement(), Identity.generate()),
        (statement(part(publication(b"x" * 16))), TOWN.platform),
        (statement(part(publication(), epsilon=400)), TOWN.platform),
        (statement(part(publication(), signer=Identity.generate())), TOWN.platform),
        (statement(Part(b"nonsense", "all homes", 0)), TOWN.platform),
    ],
    ids=["another home", "another signer", "another community", "another price", "another author", "nonsense"],
)
def test_anything_else_is_refused(said: OwnParts, signer: Identity) -> None:
    with pytest.raises(VerificationError):
        read_parts(signer.sign(said), CARD, 11)
