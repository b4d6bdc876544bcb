"""Every page renders from its stated context, escapes what it is given and keeps inline code out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from quietgrid.web.environment import STATIC, TEMPLATES, environment, render, security_headers, static_version
from tests.web.samples import pages

PAGES = pages()
EVIL = '<script>alert("x")</script>'


class Outline(HTMLParser):
    """What the tests ask about a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(name: str) -> None:
    text = render(*PAGES[name])
    page = Outline(text)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == (0 if name.startswith("glance") else 1)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is used twice"
    for attributes in page.all("label"):
        assert attributes.get("for") in ids or attributes.get("class") == "check"
    for attributes in page.all("th"):
        assert attributes.get("scope") in ("col", "row")
    for _, attributes in page.tags:
        assert "style" not in attributes, "inline style is forbidden by the content security policy"
        assert not [key for key in attributes if key.startswith("on")], "inline code is forbidden"
        assert attributes.get("href", "") != "#"
    for attributes in page.all("script"):
        assert (attributes.get("src") or "").startswith("/static/") or attributes.get("type") == "application/json"
    for attributes in page.all("form"):
        if attributes.get("method") == "post":
            assert 'name="csrf"' in text
    assert "://cdn" not in text


@pytest.mark.parametrize("name", PAGES)
def test_every_context_variable_is_needed_and_documented(name: str) -> None:
    """A page does not render with a variable missing, and its first comment (or the base's) names each."""
    template, context = PAGES[name]
    source = (TEMPLATES / template).read_text(encoding="utf-8")
    comments = re.findall(r"{#(.*?)#}", source + (TEMPLATES / "base.html").read_text(encoding="utf-8"), re.DOTALL)
    comments += [
        re.findall(r"{#(.*?)#}", path.read_text(encoding="utf-8"), re.DOTALL)[0]
        for path in (TEMPLATES / "partials").glob("*.html")
    ]
    for variable in context:
        assert re.search(rf"\b{variable}\b", " ".join(comments)), f"{variable} is not documented"
    own = set(context) - set(pages()["error"][1])
    for variable in own:
        less = {key: value for key, value in context.items() if key != variable}
        if "-" in name or (name, variable) == ("aggregates", "total"):
            continue  # a variant leaves parts of the page out
        with pytest.raises(UndefinedError):
            render(template, less)


def test_text_is_escaped() -> None:
    template, context = PAGES["roles"]
    people = [context["people"][0] | {"name": EVIL}]
    text = render(template, context | {"people": people, "notice": {"text": EVIL, "link": ""}})
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_text_in_a_chart_cannot_end_its_script() -> None:
    template, context = PAGES["history"]
    spec = context["spec"] | {"series": [context["spec"]["series"][0] | {"name": "</script>" + EVIL}]}
    assert "</script><script>" not in render(template, context | {"spec": spec})


def test_the_privacy_boundary_is_said() -> None:
    assert "The utility sees only the total of 56 homes." in render(*PAGES["aggregates"])
    assert "not available to any role" in render(*PAGES["billing"])
    assert "one operator runs all three keyholders; in real life three bodies do" in render(*PAGES["start"])
    assert "Too few homes to show" in render(*PAGES["aggregates-few"])


def test_negative_money_is_said_in_words() -> None:
    text = render(*PAGES["bill"])
    assert "Earned 9.40 EUR" in text
    assert not re.search(r">\s*-[0-9]", text)


def test_one_navigation_entry_is_current() -> None:
    for name, (template, context) in PAGES.items():
        if context.get("active"):
            html = render(template, context)
            for bar in re.findall(r"<nav.*?</nav>", html, re.DOTALL):  # the page's, and a part's own
                assert bar.count('aria-current="page"') <= 1, name
            assert len(re.findall(r'data-key="."[^>]* aria-current="page"', html)) == 1, name


def test_headers_allow_nothing_inline() -> None:
    policy = security_headers(frames="http://home.localhost:8001")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-src http://home.localhost:8001;" in policy
    assert "frame-ancestors 'none'" in policy


def test_static_files_are_there_and_versioned() -> None:
    names = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert {"app.css", "app.js", "theme.js", "icon.svg"} <= names
    for name in re.findall(r'"/static/([^"?]+)', (TEMPLATES / "base.html").read_text(encoding="utf-8")):
        assert name in names, f"{name} is missing: run `make setup`"
    assert re.fullmatch(r"[0-9a-f]{8}", static_version())


def test_every_macro_and_icon_exists() -> None:
    known = set(re.findall(r'name == "(\w+)"', (TEMPLATES / "components.html").read_text(encoding="utf-8")))
    for path in Path(TEMPLATES).rglob("*.html"):
        for name in re.findall(r'icon\("(\w+)"', path.read_text(encoding="utf-8")):
            assert name in known, f"{path.name} uses icon {name}"
    assert environment().undefined.__name__ == "StrictUndefined"
