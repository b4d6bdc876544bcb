"""The Privacy page tells a home which published statistics its month entered, at what price, and if one changes."""

from __future__ import annotations

import pytest

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import UnavailableError
from quietgrid.model.publication import Statistic
from quietgrid.runtime.publishing import Publishing
from quietgrid.wire.publication import OwnParts, Part, Publication
from tests.homeweb.browsing import Visitor, text_of
from tests.homeweb.street import OTHER, WHO, OwnPlatform, Street

pytestmark = pytest.mark.slow


def page(street: Street, row: int = WHO) -> str:
    return text_of(Visitor(street.origin, street.settings, street.home(row)).page("/privacy"))


@pytest.fixture(scope="module")
def press(street: Street) -> Publishing:
    return Publishing(street.community.platform, street.community.periods)


def test_a_home_reads_what_it_is_part_of(street: Street, press: Publishing) -> None:
    assert "You are in none" in page(street)
    press.publish(Statistic.USE, street.period, "analyst")
    said = page(street)
    assert (
        "Used by all homes all homes June 2016 30 0.5 Noise was added: what came out is at most 1.65 times as likely"
        in said
    )
    assert "0.5 of 6 spent in 2016" in said
    assert "No keyholder is asked" in page(street, OTHER)


def test_a_second_draw_would_show(street: Street, press: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    press.publish(Statistic.USE, street.period, "analyst")
    page(street)
    identity: Identity = street.community.platform.parts.identity
    true = OwnPlatform.published

    def redrawn(self: OwnPlatform) -> Signed:
        said = decode(OwnParts, true(self).body)
        first = decode(Publication, unpack_signed(said.parts[0].publication).body)
        figures = [type(f)(f.name, f.homes, f.value + 1, f.noisy) for f in first.figures]
        fields = {name: getattr(first, name) for name in first.__struct_fields__} | {"figures": figures}
        other = Part(
            pack_signed(identity.sign(Publication(**fields))), said.parts[0].figure, said.parts[0].epsilon_milli
        )
        return identity.sign(OwnParts(said.community, said.home, [other, *said.parts[1:]], said.at))

    monkeypatch.setattr(OwnPlatform, "published", redrawn)
    assert "a published statistic changed, or is gone: use. Tell the auditor." in page(street)
    monkeypatch.setattr(OwnPlatform, "published", true)
    assert "Used by all homes" in page(street)


def test_without_the_platform_the_rest_of_the_page_is_there(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_self: OwnPlatform) -> Signed:
        raise UnavailableError("it does not answer", where="platform", fix="try again later")

    monkeypatch.setattr(OwnPlatform, "published", away)
    said = page(street)
    assert "The platform does not answer just now." in said
    assert "Totals you were one of" in said
