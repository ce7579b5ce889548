"""The web part over real HTTP: stopping the mail with one press, health, figures, and what strangers may do to it."""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import Session

from handlers.facts import id_of
from handlers.sts_policy import Mode, read_policy
from handlers.token import Secret, unsubscribe_token
from organic_mail import http_server
from organic_mail.dns_records import sts_policy
from organic_mail.http_server import HttpServer
from organic_mail.web import Web
from storage import lists, members
from storage.database import StorageTrouble
from storage.models import Status
from tests.wire.community import SECRETS, Community, community, mail
from tests.wire.daemons import PATIENCE

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
PARTS = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Site:
    people: Community
    server: HttpServer
    accepts: bool = True
    woken: list[bool] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.address.rpartition(":")[2])

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def path(self, person: str = "rose", name: str = "family") -> str:
        membership = self.people.membership(person, name)
        return f"/u/{unsubscribe_token(SECRETS, membership_id=id_of(membership))}"

    def status(self, person: str = "rose", name: str = "family") -> Status:
        return self.people.membership(person, name).status


@contextmanager
def served(people: Community) -> Iterator[Site]:
    made: list[Site] = []
    web = Web(
        people.database,
        people.host,
        accepts=lambda: made[0].accepts,
        connections=lambda: 3,
        clock=lambda: people.clock[0],
        committed=lambda: made[0].woken.append(True),
        sts_policy=sts_policy("oak.example"),
    )
    server = HttpServer(web.application(), socket.create_server(("127.0.0.1", 0)))
    made.append(Site(people, server))
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield made[0]
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def site(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    with community(sqlite_template, tmp_path) as people, served(people) as opened:
        yield opened


def test_the_policy_of_mta_sts_is_one_that_others_understand(site: Site) -> None:
    answer = site.ask("GET", "/.well-known/mta-sts.txt")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    policy = read_policy(answer.body.encode())
    assert (policy.mode, policy.allows("oak.example"), policy.allows("elm.example")) == (Mode.TESTING, True, False)


class TestPage:
    def test_looking_at_it_changes_nothing(self, site: Site) -> None:
        for method in ("GET", "HEAD", "GET"):
            assert site.ask(method, site.path()).status == 200
        assert site.status() is Status.ACTIVE
        assert site.people.notices() == []

    def test_it_has_one_button_and_hides_the_address(self, site: Site) -> None:
        page = site.ask("GET", site.path()).body
        assert page.count("<button") == 1
        assert '<form method="post">' in page
        assert "r***@home.example" in page
        assert "rose@" not in page.lower()
        assert "The family" in page

    def test_it_takes_nothing_from_elsewhere_and_leaves_nothing_behind(self, site: Site) -> None:
        answer = site.ask("GET", site.path())
        assert not re.search(r"<script|<img|<link|\bsrc=|href=|url\(|@import|https?:", answer.body)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert not {"set-cookie", "location", "server"} & answer.headers.keys()

    def test_after_she_left_it_says_so(self, site: Site) -> None:
        site.ask("POST", site.path(), ONE_CLICK, FORM)
        page = site.ask("GET", site.path())
        assert page.status == 200
        assert "You will get no more emails from The family" in page.body
        assert "<button" not in page.body

    @pytest.mark.parametrize("path", ["/", "/u/", "/u", "/u/nobody", "/u/k1-aaaaaaab-" + "a" * 32, "/admin"])
    def test_what_we_did_not_make_is_not_there(self, site: Site, path: str) -> None:
        answer = site.ask("GET", path)
        assert answer.status == 404
        assert "This page is not here" in answer.body
        assert "choir-leave@oak.example" in answer.body

    @pytest.mark.parametrize("place", range(0, 44, 3))
    def test_a_forged_token_does_nothing(self, site: Site, place: int) -> None:
        path = site.path()
        at = len("/u/") + place
        other = "b" if path[at] == "a" else "a"
        forged = path[:at] + other + path[at + 1 :]
        for method, body in (("GET", None), ("POST", ONE_CLICK)):
            assert site.ask(method, forged, body, FORM if body else {}).status == 404
        assert site.status() is Status.ACTIVE

    def test_a_token_of_another_server_does_nothing(self, site: Site) -> None:
        membership = id_of(site.people.membership("rose"))
        forged = unsubscribe_token((Secret("k1", b"1" * 32),), membership_id=membership)
        assert site.ask("POST", f"/u/{forged}", ONE_CLICK, FORM).status == 404
        assert site.status() is Status.ACTIVE

    def test_a_token_of_somebody_who_was_never_here(self, site: Site) -> None:
        assert site.ask("GET", f"/u/{unsubscribe_token(SECRETS, membership_id=999)}").status == 404

    def test_other_methods_are_not_known(self, site: Site) -> None:
        answer = site.ask("DELETE", site.path())
        assert answer.status == 405
        assert site.status() is Status.ACTIVE


class TestStop:
    @pytest.mark.parametrize(
        ("body", "headers"), [(ONE_CLICK, FORM), (PARTS, MULTIPART), (b"", {}), (b"anything", FORM)]
    )
    def test_one_press_stops_the_mail_at_once(self, site: Site, body: bytes, headers: dict[str, str]) -> None:
        assert site.people.receive(mail())[0] == 250
        assert "rose@home.example" in site.people.copies()
        answer = site.ask("POST", site.path(), body, headers)
        assert answer.status == 200
        assert not {"set-cookie", "location"} & answer.headers.keys()
        assert "You will get no more emails from The family" in answer.body
        assert site.status() is Status.LEFT
        assert "rose@home.example" not in site.people.copies()
        assert site.woken == [True]

    def test_the_second_time_says_the_same_and_does_nothing(self, site: Site) -> None:
        first, second = (site.ask("POST", site.path(), ONE_CLICK, FORM) for _ in range(2))
        assert (first.status, first.body) == (second.status, second.body) == (200, first.body)
        assert len(site.people.notices()) == 1
        assert [event.kind for event in site.people.log()].count("left") == 1

    def test_only_this_person_and_this_list(self, site: Site) -> None:
        site.ask("POST", site.path(), ONE_CLICK, FORM)
        assert site.status("rose", "garden") is Status.ACTIVE
        assert site.status("tom") is Status.ACTIVE

    def test_a_goodbye_comes_by_mail_and_its_answer_brings_her_back(self, site: Site) -> None:
        site.ask("POST", site.path(), ONE_CLICK, FORM)
        ((recipient, letter),) = site.people.notices()
        assert recipient == "rose@home.example"
        assert b"Subject: You have left The family" in letter
        back = re.search(rb"Reply-To: (family-\w+@oak\.example)", letter)
        assert back is not None
        answer = mail("oh no\r\n", author="rose@home.example", to=back[1].decode(), message_id="<2@home.example>")
        assert site.people.receive(answer, back[1].decode())[0] == 250
        assert site.status() is Status.ACTIVE
        assert site.ask("POST", site.path(), ONE_CLICK, FORM).status == 200
        assert site.status() is Status.LEFT
        (again,) = [raw for _, raw in site.people.notices() if b"You have left" in raw]
        assert back[1] not in again

    def test_somebody_who_is_paused_can_leave(self, site: Site) -> None:
        def pause(session: Session) -> None:
            row = members.membership_by_id(session, id_of(site.people.membership("rose")))
            assert row is not None
            row.status = Status.PAUSED

        site.people.database.write(pause)
        assert site.ask("POST", site.path(), ONE_CLICK, FORM).status == 200
        assert site.status() is Status.LEFT

    def test_a_list_that_was_removed(self, site: Site) -> None:
        path, list_id = site.path(), id_of(site.people.list_named())
        now = site.people.clock[0]
        site.people.database.write(lambda session: lists.remove_list(session, list_id=list_id, now=now))
        answer = site.ask("POST", path, ONE_CLICK, FORM)
        assert answer.status == 200
        assert "family-owner@" not in answer.body
        assert site.people.notices() == []

    def test_a_long_body_is_refused(self, site: Site) -> None:
        assert site.ask("POST", site.path(), b"x" * 20_000, FORM).status == 413
        assert site.status() is Status.ACTIVE

    def test_a_long_header_is_refused(self, site: Site) -> None:
        with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as client:
            client.sendall(b"GET /u/" + b"a" * 20_000)
            assert client.recv(100).startswith(b"HTTP/1.1 400")


class TestTrouble:
    @pytest.fixture
    def silent(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
        def trouble(*_: object) -> Any:
            raise StorageTrouble("the disk is full")

        monkeypatch.setattr(site.people.database, "submit", trouble)
        monkeypatch.setattr(site.people.database, "read", trouble)
        return site

    def test_it_says_that_nothing_was_done(self, silent: Site) -> None:
        path = f"/u/{unsubscribe_token(SECRETS, membership_id=1)}"
        for method in ("GET", "POST"):
            answer = silent.ask(method, path)
            assert answer.status == 503
            assert "Nothing was changed" in answer.body
            assert answer.headers["retry-after"] == "120"

    def test_health_says_so(self, silent: Site) -> None:
        assert silent.ask("GET", "/health").status == 503


class TestHealth:
    def test_all_is_well(self, site: Site) -> None:
        answer = site.ask("GET", "/health")
        assert (answer.status, answer.body) == (200, "ok\n")

    def test_no_mail_is_accepted(self, site: Site) -> None:
        site.accepts = False
        assert site.ask("GET", "/health").status == 503


class TestMetrics:
    def test_what_there_is(self, site: Site) -> None:
        site.people.receive(mail())
        site.people.receive(mail(author="rose@home.example", to="garden@oak.example"), "garden@oak.example")
        answer = site.ask("GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.body)
            for sample in family.samples
        }
        assert samples["organic_mail_queue", "due"] == len(site.people.copies()) + len(site.people.notices())
        assert {name for name, *_ in samples} == {
            "organic_mail_queue", "organic_mail_posts", "organic_mail_held", "organic_mail_shunted",
            "organic_mail_connections",
        }  # fmt: skip
        assert {state for _, *label in samples for state in label} == {
            "due", "sending", "sent", "deferred", "failed", "held",
        }  # fmt: skip
        assert samples["organic_mail_posts",] == 1
        assert samples["organic_mail_held",] == 1
        assert samples["organic_mail_connections",] == 3

    @pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-anything"])
    def test_nobody_behind_a_proxy_sees_it(self, site: Site, name: str) -> None:
        assert site.ask("GET", "/metrics", headers={name: "for=192.0.2.1"}).status == 404

    def test_nobody_from_elsewhere_sees_it(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("uvicorn.protocols.http.h11_impl.get_remote_addr", lambda _: ("192.0.2.1", 4711))
        assert site.ask("GET", "/metrics").status == 404
        assert site.ask("GET", "/health").status == 200


class TestStrangers:
    def test_a_client_that_never_finishes_is_cut_off(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(http_server, "CONNECTION_SECONDS", 0.2)
            for beginning in (b"", b"GET /health HT", b"POST /health HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"):
                with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as client:
                    with contextlib.suppress(ConnectionError):  # it may have been cut off already
                        client.sendall(beginning)
                    while _read(client):
                        pass
        assert site.ask("GET", "/health").status == 200

    def test_too_many_at_once(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_server, "CONNECTIONS", 2)
        idle = [socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) for _ in range(30)]
        open_ones = set(idle)
        while len(open_ones) > 10:
            ended, _, _ = select.select(open_ones, [], [], PATIENCE)
            assert ended, "nobody was sent away"
            open_ones.difference_update(ended)
        for client in idle:
            client.close()

    def test_what_is_no_http(self, site: Site) -> None:
        with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as client:
            client.sendall(b"EHLO mail.example\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")


def _read(client: socket.socket) -> bytes:
    try:
        return client.recv(1000)
    except ConnectionError:
        return b""
