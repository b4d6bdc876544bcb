"""What published statistics the home's monthly figure entered, as the platform says, checked as far as a home can.

A published statistic is made by the platform from sums that opened for the bills; no keyholder is asked, so none can
confirm the list. What the home checks: the platform signed it, each statistic is one of this community's, and what was
shown once has not changed. Does not give: what the platform leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.crypto.public.envelope import Signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import VerificationError
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.publication import OwnParts, Publication


@dataclass(frozen=True)
class Entered:
    """One statistic that the home is part of.

    Args:
        publication: As published. figure: the group or class of groups it is in. epsilon_milli: what it cost this home,
            thousandths; 0 in a sum without noise. hash: of the publication, 32 bytes.
    """

    publication: Publication
    figure: str
    epsilon_milli: int
    hash: bytes


def read_parts(signed: Signed, card: CommunityCard, home: int) -> list[Entered]:
    """The statistics in the platform's statement, newest period first.

    Raises:
        VerificationError: another signer, home or community, or a cost that the statistic does not have.
    """
    said = open_signed(signed, OwnParts, card.platform_pk)
    if (said.community, said.home) != (card.community, home):
        raise VerificationError("the statement is about another home", where="published statistics", fix="ask again")
    found = []
    for part in said.parts:
        inner = unpack_signed(part.publication)
        publication = open_signed(inner, Publication, card.platform_pk)
        if publication.community != card.community or part.epsilon_milli not in (0, publication.epsilon_milli):
            raise VerificationError(
                "a published statistic does not fit", where=publication.statistic, fix="tell the auditor"
            )
        found.append(Entered(publication, part.figure, part.epsilon_milli, inner.hash()))
    return found
