"""Pages over a real community: who sees which, signing in, forms, what they say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from quietgrid.accounts import Role, csrf_token
from quietgrid.api.auth import SESSION
from quietgrid.model.sending import SendState
from quietgrid.store import Cut
from quietgrid.store.answers import QuestionRow
from quietgrid.web import create_site
from quietgrid.web.kit import VISITOR
from tests.api.town import BASE, Progress, Town

HTML = {"Accept": "text/html"}
PAGES = {
    "/grid": {"analyst", "auditor", "operator"},
    "/grid/stop": {"analyst", "auditor", "operator"},
    "/mdms/aggregates": {"analyst", "auditor", "operator"},
    "/mdms/quality": {"analyst", "auditor", "operator"},
    "/mdms/billing": {"analyst", "operator"},
    "/mdms/roles": {"analyst", "operator"},
    "/mdms/published": {role.value for role in Role},
    "/audit": {"auditor"},
    "/assets": {"analyst", "auditor", "operator"},
    "/audit/feeds": {"analyst", "auditor", "operator"},
    "/governance": {"analyst", "auditor", "operator"},
    "/audit/bundle.zip": {"auditor"},
    "/audit/proofs": {role.value for role in Role} - {"operator"},
    "/account": {role.value for role in Role},
}
FORMS = {
    "/demo/spy": {}, "/demo/player": {"do": "pause"}, "/demo/holders": {"number": "1", "do": "stop"},
    "/mdms/billing/2016-06-01": {"do": "run"}, "/mdms/roles": {"name": "X", "role": "auditor"},
    "/mdms/published": {"statistic": "use"},
    "/mdms/roles/x": {"do": "lock"}, "/audit/verify": {}, "/signout": {},
    "/signin": {"name": "x", "password": "y"},
    "/audit/proofs": {"kind": "line", "line": "1"},
    "/account": {"password": "several good words", "again": "several good words"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def as_it_was(town: Town) -> Iterator[None]:
    yield
    for index in range(3):
        town.control.start_keyholder(index)
    town.control.state = Progress()


def browser(town: Town, who: str = "") -> TestClient:
    client = town.client(who)
    client.headers.update(HTML)
    client.headers.pop("X-CSRF-Token", None)
    return client


def csrf_of(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


@pytest.mark.parametrize("who", [role.value for role in Role])
@pytest.mark.parametrize("page", PAGES)
def test_who_sees_which_page(town: Town, page: str, who: str) -> None:
    answer = browser(town, who).get(page)
    assert answer.status_code == (200 if who in PAGES[page] else 403)
    if answer.status_code == 403:
        assert "Not allowed for this role" in answer.text


@pytest.mark.parametrize("page", ["/", *PAGES])
def test_nobody_is_sent_to_sign_in_and_back(town: Town, page: str) -> None:
    answer = browser(town).get(page)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/signin?next={page}"


def test_a_link_signs_in_once(town: Town) -> None:
    _, link = town.services.accounts.found("Linked", Role.ANALYST)
    client = browser(town)
    answer = client.get(f"/signin/{link}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/").status_code == 200
    assert client.get(f"/signin/{link}").status_code == 303  # the same browser again: just goes on
    other = browser(town).get(f"/signin/{link}")
    assert other.status_code == 401
    assert "This sign-in link is not valid any more. Ask for a new one." in other.text


def test_cookies_over_https_have_the_host_prefix(town: Town) -> None:
    safe = replace(town.settings, public_url="https://grid.example")
    client = TestClient(
        create_site(town.community.platform, safe), base_url="https://grid.example", follow_redirects=False
    )
    _, link = town.services.accounts.found("Linked", Role.ANALYST)
    cookie = client.get(f"/signin/{link}").headers["set-cookie"]
    assert "__Host-quietgrid-session=" in cookie
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_name_and_password(town: Town) -> None:
    accounts = town.services.accounts
    _, link = accounts.found("Pass Word", Role.AUDITOR)
    _, viewer = accounts.sign_in_by_link(link, "x")
    accounts.set_password(viewer, "several good words")
    client = browser(town)
    form = {"csrf": csrf_of(client.get("/signin?next=/audit").text), "name": "Pass Word", "next": "/audit"}
    wrong = client.post("/signin", data=form | {"password": "several bad words"})
    assert wrong.status_code == 401
    assert "Name or password is wrong" in wrong.text
    right = client.post("/signin", data=form | {"password": "several good words"})
    assert (right.status_code, right.headers["location"]) == (303, "/audit")
    assert client.get("/audit").status_code == 200
    away = client.post("/signout", data={"csrf": csrf_of(client.get("/audit").text)})
    assert away.headers["location"] == "/signin"
    assert client.get("/audit").status_code == 303


def test_setting_and_changing_a_password(town: Town) -> None:
    _, link = town.services.accounts.found("Setter", Role.ANALYST)
    client = browser(town)
    client.get(f"/signin/{link}")
    page = client.get("/account").text
    assert "Set a password" in page
    assert 'name="current"' not in page
    words, others = "eleven copper kettles", "a boat, two lanterns"

    def send(**fields: str) -> tuple[int, str]:
        answer = client.post("/account", data={"csrf": csrf_of(client.get("/account").text)} | fields)
        return answer.status_code, answer.text

    status, text = send(password=words, again=words + "!")
    assert (status, "not the same" in text) == (400, True)
    status, text = send(password="short", again="short")
    assert (status, "12 to 256 characters" in text) == (400, True)
    assert send(password=words, again=words)[0] == 303
    assert "Change the password" in client.get("/account?done=yes").text  # this browser stays signed in
    status, text = send(password=others, again=others, current="guess guess guess")
    assert (status, "current password is wrong" in text) == (403, True)
    assert send(password=others, again=others, current=words)[0] == 303
    fresh = browser(town)
    form = {"csrf": csrf_of(fresh.get("/signin").text), "name": "Setter"}
    assert fresh.post("/signin", data=form | {"password": words}).status_code == 401
    assert fresh.post("/signin", data=form | {"password": others}).status_code == 303


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1"])
def test_nobody_is_sent_elsewhere(town: Town, following: str) -> None:
    page = browser(town).get("/signin", params={"next": following}).text
    assert 'name="next" value="/"' in page
    there = browser(town, "analyst").get("/signin", params={"next": following})
    assert there.headers["location"] == "/"


@pytest.mark.parametrize("path", FORMS)
def test_forms_need_their_own_token(town: Town, path: str) -> None:
    client = browser(town, "analyst")
    before = town.services.store
    with before.read() as tx:
        lines = tx.log.head()
    for token in ("", "0" * 64, csrf_token(town.token("auditor"))):
        answer = client.post(path, data=FORMS[path] | {"csrf": token})
        assert answer.status_code == 403
        assert "not from this session" in answer.text
    with before.read() as tx:
        assert tx.log.head() == lines
    assert not town.control.stopped


def test_a_visitors_form_is_bound_to_the_visitor(town: Town) -> None:
    client = browser(town)
    token = csrf_of(client.get("/signin").text)
    assert token == csrf_token(client.cookies[town.settings.cookie(VISITOR)])
    assert browser(town).post("/signin", data={"csrf": token, "name": "a", "password": "b"}).status_code == 403


def test_one_evening_three_views(town: Town) -> None:
    text = browser(town, "analyst").get("/").text
    assert '<iframe class="glance" src="http://home.localhost:8001/glance"' in text
    assert "The utility sees only the total of 30 homes." in text
    assert "None of them readable here" in text or "none of them readable here" in text
    assert text.count('<span class="hex">') == 9
    assert "All three answer" in text
    headers = browser(town, "analyst").get("/").headers
    assert "frame-src http://home.localhost:8001;" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_the_bytes_shown_are_the_bytes_stored(town: Town) -> None:
    text = browser(town, "analyst").get("/").text
    with town.services.store.read() as tx:
        day, slot = divmod(tx.answers.last_close(0) - 1, 96)
        cells = tx.segments.read(Cut(day, 0, 900, slot, slot + 1), 1)
    shown = " ".join(f"{byte:02x}" for byte in cells.ciphertext[0, 0].astype("<u8").tobytes())
    assert shown in text


def test_try_to_spy(town: Town) -> None:
    client = browser(town, "auditor")
    token = csrf_token(town.token("auditor"))
    part = client.post("/demo/spy", data={"csrf": token}, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Refused by the rule “floor”" in part.text
    assert part.text.count("floor: this asks for one home; a total needs at least 15 homes") == 3
    assert "Privacy page of" in part.text
    whole = client.post("/demo/spy", data={"csrf": token})
    assert "Refused by the rule “floor”" in whole.text
    assert "One evening, three views" in whole.text


def test_stop_a_keyholder_then_two(town: Town) -> None:
    client = browser(town, "analyst")
    send = {"csrf": csrf_token(town.token("analyst")), "do": "stop"}
    htmx = {"HX-Request": "true"}
    one = client.post("/demo/holders", data=send | {"number": "1"}, headers=htmx)
    assert "Two of three answer: totals still open" in one.text
    two = client.post("/demo/holders", data=send | {"number": "2"}, headers=htmx)
    assert "nothing opens. Nothing is lost" in two.text
    assert client.post("/demo/holders", data=send | {"number": "7"}, headers=htmx).status_code == 400


def test_the_player(town: Town) -> None:
    client = browser(town, "analyst")
    send = {"csrf": csrf_token(town.token("analyst"))}
    htmx = {"HX-Request": "true"}
    paused = client.post("/demo/player", data=send | {"do": "pause"}, headers=htmx).text
    assert ">Step<" in re.sub(r"\s*<svg.*?</svg>\s*", "", paused, flags=re.DOTALL)
    steps = town.control.steps
    assert client.post("/demo/player", data=send | {"do": "step"}).headers["location"] == "/"
    assert town.control.steps == steps + 1


def test_history_is_replayed_before_anyone_is_let_in(town: Town) -> None:
    town.control.state = Progress(phase="replaying", done=1, total=2, note="replaying")
    for who in ("", "analyst"):
        text = browser(town, who).get("/").text
        assert "Getting 2 days of history ready" in text
        assert "Day 1 of 2" in text
    part = browser(town).get("/replay/progress")
    assert "hx-redirect" not in part.headers
    town.control.state = Progress()
    assert browser(town).get("/replay/progress").headers["hx-redirect"] == "/"
    town.control.state = Progress(phase="failed", note="no keyholder started")
    failed = browser(town).get("/")
    assert failed.status_code == 503
    assert "no keyholder started" in failed.text


def test_a_household_is_shown_the_way_home(town: Town) -> None:
    text = browser(town, "household").get("/").text
    assert "Your pages are at home" in text
    assert "http://home.localhost:8001" in text


def test_aggregates_say_what_does_not_open(town: Town) -> None:
    client = browser(town, "analyst")
    few = client.get("/mdms/aggregates?node=Mill+Lane&quantity=export").text
    assert "Too few homes to show" in few
    assert "at least 15" in few
    total = client.get("/mdms/aggregates?node=Orchard+Hill&period=2016-06-01").text
    rows = [n for n, home in enumerate(town.sample.homes) if home.feeder == "Orchard Hill"]
    day = town.sample.readings.imported_wh[rows][:, :96].sum()
    assert f"{day / 1000:,.0f}" in total
    assert "net only" in total


def test_aggregates_take_anything_in_their_query(town: Town) -> None:
    client = browser(town, "analyst")
    for query in ("node=%00", "quantity=x", "period=2016-99", "node=Community&quantity=net&period=2016-06", "period="):
        assert client.get(f"/mdms/aggregates?{query}").status_code == 200, query


def test_add_a_person_whose_link_is_shown_once(town: Town) -> None:
    client = browser(town, "operator")
    token = csrf_token(town.token("operator"))
    shown = client.post("/mdms/roles", data={"csrf": token, "name": "Zoë <b>", "role": "auditor"}).text
    assert "Zoë &lt;b&gt;" in shown
    link = re.search(r"http://localhost:8000(/signin/[\w-]{43})", shown)
    assert link
    assert link[1] not in client.get("/mdms/roles").text
    assert browser(town).get(link[1]).status_code == 303
    boss = town.services.accounts.viewer(town.token("operator"))
    account = next(a for a in town.services.accounts.people(boss) if a.name == "Zoë <b>")
    locked = client.post(f"/mdms/roles/{account.id}", data={"csrf": token, "do": "lock"})
    assert locked.status_code == 303
    again = client.post(f"/mdms/roles/{account.id}", data={"csrf": token, "do": "unlock"})
    assert "A new one-time link" in again.text
    assert client.post("/mdms/roles", data={"csrf": token, "name": "H", "role": "household"}).status_code == 400


def test_an_analyst_cannot_make_an_operator(town: Town) -> None:
    client = browser(town, "analyst")
    token = csrf_token(town.token("analyst"))
    assert 'value="operator"' not in client.get("/mdms/roles").text
    assert client.post("/mdms/roles", data={"csrf": token, "name": "O", "role": "operator"}).status_code == 403


def test_roles_page_shows_the_table(town: Town) -> None:
    text = browser(town, "operator").get("/mdms/roles").text
    assert "not available to any role" in text
    for name in ("utility analyst", "household", "auditor", "operator"):
        assert name in text


def test_audit_trail_and_its_chain(town: Town) -> None:
    client = browser(town, "auditor")
    text = client.get("/audit").text
    assert "total used" in text
    assert client.get("/audit?kind=refused&text=home").status_code == 200
    assert "meter.enrol" in client.get("/audit?kind=log&page=9999").text
    holds = client.post("/audit/verify", data={"csrf": csrf_token(town.token("auditor"))}).text
    assert "The chain holds" in holds
    for page in (1, 2, 9999):
        assert client.get(f"/audit?page={page}").status_code == 200


def test_chain_pages_without_a_chain(town: Town) -> None:
    client = browser(town, "auditor")
    assert "This community has no chain" in client.get("/audit/chain").text
    assert client.get("/audit/chain?state=failed&before=3").status_code == 200
    assert client.get("/audit/chain/999999").status_code == 404
    token = csrf_token(town.token("auditor"))
    assert client.post("/audit/chain/999999/retry", data={"csrf": token}).status_code == 403
    assert browser(town, "household").get("/audit/chain").status_code in (303, 403)


def test_chain_pages_follow_a_transaction(town: Town) -> None:
    """What is in the outbox is shown with its state; one that failed is sent again by the operator, who is logged."""
    store = town.community.platform.parts.store
    with store.begin() as tx:
        tx.chain.queue("roots 1", "0xme", "0x00", b"", "DailyRoots.anchor")
        one = tx.chain.sending("roots 1")
        tx.chain.save(replace(one, state=SendState.FAILED, error="DayNotOver(day=1)"))
    client = browser(town, "operator")
    assert "DayNotOver(day=1)" in client.get("/audit/chain").text
    assert "Send again" in client.get(f"/audit/chain/{one.seq}").text
    token = csrf_token(town.token("operator"))
    assert client.post(f"/audit/chain/{one.seq}/retry", data={"csrf": token}).status_code == 303
    with store.read() as tx:
        assert tx.chain.sending("roots 1").state is SendState.QUEUED
        assert tx.log.latest(1)[0].action == "chain.retry"
    assert client.post(f"/audit/chain/{one.seq}/retry", data={"csrf": token}).status_code == 409


def test_governance_without_a_chain(town: Town) -> None:
    assert "This community has no chain" in browser(town, "auditor").get("/governance").text
    assert town.client("operator").get("/api/v1/governance").json() == {
        "state": "off", "proposals": [], "parameters": []
    }  # fmt: skip
    assert town.client("operator").get("/api/v1/governance/1").status_code == 404


def test_assets_without_a_chain(town: Town) -> None:
    assert "This community has no chain" in browser(town, "operator").get("/assets").text
    assert town.client("auditor").get("/api/v1/assets").json() == {"state": "off", "assets": []}
    assert town.client("auditor").get("/api/v1/assets/1").status_code == 404


def test_the_bundle_is_a_zip(town: Town) -> None:
    answer = browser(town, "auditor").get("/audit/bundle.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.content[:4] == b"PK\x03\x04"
    assert len(answer.content) == int(answer.headers["content-length"])


def test_without_a_demo_everyone_starts_at_work(town: Town) -> None:
    site = create_site(town.community.platform, replace(town.settings, demo=False))
    client = TestClient(site, base_url=BASE, follow_redirects=False, headers=HTML)
    for who, page in (("analyst", "/mdms/aggregates"), ("auditor", "/audit"), ("operator", "/grid")):
        client.cookies.set(town.settings.cookie(SESSION), town.token(who))
        assert client.get("/").headers["location"] == page
    token = csrf_token(town.token("operator"))
    assert client.post("/demo/spy", data={"csrf": token}).status_code == 404


def test_static_files_are_kept_and_complete(town: Town) -> None:
    client = browser(town)
    text = client.get("/signin").text
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
        answer = client.get(path)
        assert answer.status_code == 200, path
        if "?v=" in path:
            assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/../environment.py").status_code == 404


def test_every_link_of_a_page_leads_somewhere(town: Town) -> None:
    for who in ("analyst", "auditor", "operator"):
        client = browser(town, who)
        seen, queue = set(), ["/"]
        while queue:
            path = queue.pop()
            if path in seen or not path.startswith("/") or path.startswith("/static"):
                continue
            seen.add(path)
            answer = client.get(path.replace("&amp;", "&"))
            assert answer.status_code == 200, f"{who}: {path}"
            if "text/html" in answer.headers["content-type"] and len(seen) < 40:
                queue += re.findall(r'href="([^"#]+)"', answer.text)
        assert len(seen) >= 3


def prove(town: Town, who: str, **fields: str) -> tuple[int, str]:
    client = browser(town, who)
    answer = client.post("/audit/proofs", data={"csrf": csrf_token(town.token(who))} | fields)
    return answer.status_code, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


def test_an_answer_is_checked_step_by_step(town: Town) -> None:
    with town.services.store.read() as tx:
        row = next(row for row in tx.overview.asked(1000) if row.status)
        before = tx.answers.answer(row.hash)
    status, text = prove(town, "auditor", kind="answer", answer=row.hash.hex()[:10].upper())
    assert status == 200
    assert text.count("holds: ") == 5
    assert "signed by keyholders 0 and 1 and 2" in text
    assert f"verify answer bundle.zip --question {row.hash.hex()[:10]}" in text
    linked = browser(town, "auditor").get(f"/audit/proofs?answer={row.hash.hex()}").text
    assert linked.count("holds: ") == 5
    for name, code in (("zz" * 6, 400), ("abc", 400), ("0" * 64, 404)):
        assert prove(town, "auditor", kind="answer", answer=name)[0] == code
    assert prove(town, "household", kind="answer", answer=row.hash.hex())[0] == 403
    values = np.frombuffer(before.body, "<i8").copy()
    values[0] += 1
    replace_answer(town, row.hash, values.tobytes())
    try:
        status, text = prove(town, "auditor", kind="answer", answer=row.hash.hex())
        assert (status, text.count("holds: ")) == (200, 4)
        assert "fails: answers" in text
        assert "the answer is not what the sums give" in text
    finally:
        replace_answer(town, row.hash, before.body)


def replace_answer(town: Town, question: bytes, body: bytes) -> None:
    with sqlite3.connect(town.community.folders.platform / "platform.db") as db:
        db.execute("update answer set body = ? where question = ?", (body, question))


def test_a_line_of_the_log_is_checked(town: Town) -> None:
    file = town.community.folders.platform / "platform.db"
    status, text = prove(town, "auditor", kind="line", line="2")
    assert (status, text.count("holds: ")) == (200, 3)
    assert "1 lines from the first follow from each other" in text
    assert prove(town, "auditor", kind="line", line="99999999")[0] == 404
    assert prove(town, "auditor", kind="line", line="two")[0] == 400
    assert prove(town, "analyst", kind="line", line="2")[0] == 403
    with sqlite3.connect(file) as db:
        (actor,) = db.execute("select actor from log where seq = 2").fetchone()
        db.execute("update log set actor = 'somebody else' where seq = 2")
    try:
        _, text = prove(town, "auditor", kind="line", line="2")
        assert text.count("holds: ") == 1
        assert "fails: the audit log was changed; log line 2" in text
    finally:
        with sqlite3.connect(file) as db:
            db.execute("update log set actor = ? where seq = 2", (actor,))


def test_what_is_no_proof(town: Town) -> None:
    assert prove(town, "auditor", kind="document", document="{}")[0] == 400
    assert prove(town, "auditor", kind="document", document="x" * 200_000)[0] == 400
    assert prove(town, "auditor", kind="document", document="x" * (1 << 20))[0] == 413
    assert prove(town, "auditor", kind="bill", home="1001", period="2016-06-01")[0] == 404
    assert prove(town, "auditor", kind="other")[0] == 400
    assert browser(town, "auditor").post("/audit/verify", data={"x": "y" * 70_000}).status_code == 413


def test_carrying_on_takes_two_decisions(town: Town) -> None:
    client = browser(town, "operator")

    def press(number: int) -> tuple[int, str]:
        sent = {"csrf": csrf_token(town.token("operator")), "number": str(number), "do": "carry-on"}
        answer = client.post("/demo/holders", data=sent, headers={"HX-Request": "true"})
        return answer.status_code, answer.text

    town.control.stop_keyholder(1)
    assert "Carry on without" not in client.get("/").text
    assert press(0)[0] == 409
    town.control.since[1] -= 2 * 86_400
    page = client.get("/").text
    assert "Carry on without keyholder 1?" in page
    assert "nothing opens until both operators confirm" in page
    assert page.count("has not decided") == 2
    assert press(1)[0] == 409, "the one that is away cannot confirm"
    status, part = press(0)
    assert (status, part.count("confirmed for a day"), part.count("has not decided")) == (200, 1, 1)
    status, part = press(2)
    assert (status, part.count("confirmed for a day")) == (200, 2)
    assert "Both have: totals open again" in part
    for index in (0, 2):
        with town.community.keyholders[index].parts.store.read() as tx:
            assert float(tx.documents.get("carry-on", "1")) > town.community.clock.now()
    with town.services.store.read() as tx:
        said = [line.subject for line in tx.log.latest(2, action="keyholder.carry-on")]
    assert said == ["keyholder 2", "keyholder 0"]
    town.control.start_keyholder(1)
    assert "Carry on without" not in client.get("/").text


def test_a_visitor_of_the_demo_may_look_and_press_nothing(town: Town) -> None:
    """Made-up readings on loopback: shown without a session. Own readings, another address, another page: not."""
    opened = replace(town.settings, open_start=True)
    app = create_site(town.community.platform, opened, control=town.control)
    visitor = TestClient(app, base_url=BASE, follow_redirects=False, client=("127.0.0.1", 1))
    answer = visitor.get("/")
    assert answer.status_code == 200
    text = answer.text
    assert "The utility sees only the total of 30 homes." in text
    assert "/demo/" not in text
    assert "data-live=" not in text
    assert re.findall(r'<form[^>]* action="([^"]+)"', text) == ["/signin"]
    for path in ("/demo/spy", "/demo/player", "/demo/holders"):
        sent = {"csrf": csrf_of(text), "do": "pause", "number": "1"}
        assert visitor.post(path, data=sent, headers=HTML).status_code == 401
    for path in ("/mdms/aggregates", "/audit", "/api/v1/totals?node=Orchard Hill", "/api/v1/events"):
        assert visitor.get(path, headers=HTML).status_code in (303, 401)
    assert not town.control.stopped
    elsewhere = TestClient(app, base_url=BASE, follow_redirects=False, client=("192.0.2.7", 1))
    assert elsewhere.get("/").status_code in (303, 401)
    own = TestClient(
        create_site(town.community.platform, town.settings, control=town.control), base_url=BASE,
        follow_redirects=False, client=("127.0.0.1", 1),
    )  # fmt: skip
    assert own.get("/", headers=HTML).headers["location"] == "/signin?next=/"


def test_a_stopped_section_is_said_until_it_is_answered_again(town: Town) -> None:
    """A refusal for omissions newer than every answer; the cure stands beside it. An older one is over."""
    store, file = town.services.store, town.community.folders.platform / "platform.db"
    with store.read() as tx:
        node, quantity = tx.totals.nodes()[0]
        last = tx.totals.last_total(node, quantity)
    said = b"omission: this leaf's totals are stopped: delivered readings were left out too often"
    try:
        for digest, first, shown in ((b"\xee" * 32, last, True), (b"\xdd" * 32, last - 4, False)):
            with store.begin() as tx:
                tx.answers.put_question(QuestionRow(digest, "totals", node, quantity.value, first, first + 4, b""))
                tx.answers.put_refusal(digest, 0, said)
            text = browser(town, "auditor").get("/mdms/quality").text
            assert (f"Totals of {node} are stopped" in text) == shown
            assert ("quietgrid audit clear FILE" in text) == shown
            _forget(file, digest)
    finally:
        _forget(file, b"\xee" * 32, b"\xdd" * 32)


def _forget(file: Path, *questions: bytes) -> None:
    with sqlite3.connect(file) as db:
        for digest in questions:
            db.execute("delete from refusal where question = ?", (digest,))
            db.execute("delete from question where hash = ?", (digest,))
