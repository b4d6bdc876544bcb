"""A signed-in browser without a browser: the app, its cookies and the token of its forms."""

from __future__ import annotations

import re

import httpx
from starlette.testclient import TestClient

from quietgrid.homeweb import PageSettings, create_app
from quietgrid.household.server import Origin

BASE = "http://home.localhost"


class Visitor:
    """Somebody at the household's origin.

    Args:
        origin, settings: Of the app. home: whose link to open first; None stays outside.
    """

    def __init__(self, origin: Origin, settings: PageSettings, home: int | None) -> None:
        self.client = TestClient(create_app(origin, settings), BASE, follow_redirects=False)
        self.csrf = ""
        if home is not None:
            token = origin.sessions.link(home)
            answer = self.client.get("/sign-in", params={"token": token})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            page = self.page("/consents")
            self.csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]

    def get(self, path: str, status: int = 200) -> httpx.Response:
        """A page, whatever it is."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:2000]
        return answer

    def page(self, path: str, status: int = 200) -> str:
        """The HTML of a page."""
        answer = self.get(path, status)
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    def post(self, path: str, status: int = 303, **form: str) -> httpx.Response:
        """Send a form of ours."""
        answer = self.client.post(path, data={"csrf": self.csrf, **form}, headers={"Origin": BASE})
        assert answer.status_code == status, answer.text[:2000]
        return answer


def text_of(html: str) -> str:
    """What a person reads: tags out, white space as one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()
