"""Webhooks: signed messages to a server that listens, and one that doesn't."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks
from django.db import transaction
from django.test import Client

from exhibit.clock import now
from exhibit.config import Config
from exhibit.errors import RefusedError
from registry import events, matching
from registry.models import (
    Delivery,
    Event,
    EventKind,
    LogSubmission,
    Membership,
    Owner,
    Role,
    StepState,
    User,
    Webhook,
)
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers import webhooks, wiring
from workers.inline import Inline
from workers.keys import change_master_key
from workers.steps import decide
from workers.steps.deliver import PATIENCE, deliver
from workers.steps.match import match_pictures


class Receiver:
    """A server that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.status, self.headers = 204, dict[str, str]()
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def house(inline: Inline, config: Config, monkeypatch: pytest.MonkeyPatch) -> Inline:
    """A house that may reach this machine."""
    opened = Inline(replace(inline.house.config, allowed_networks=("127.0.0.0/8",)))
    monkeypatch.setattr(wiring, "house", lambda: opened.house)
    return opened


def hooked(house: Inline, of: Owner, url: str, *kinds: EventKind) -> tuple[Webhook, str]:
    return webhooks.add_webhook(house.house, of, url, kinds, by="Ann")


def work_off(house: Inline) -> None:
    deliver(house.house, list(Delivery.objects.filter(state=StepState.TODO).values_list("pk", flat=True)))


def due_again() -> None:
    """Let the pauses be over."""
    Delivery.objects.update(not_before=None)
    Webhook.objects.update(ask_after=None)


def data_of(got: tuple[dict[str, str], bytes], secret: str) -> Any:  # noqa: ANN401 - JSON
    return standardwebhooks.Webhook(secret).verify(got[1], got[0])


def test_what_happens_to_a_case_is_sent_signed(house: Inline, receiver: Receiver) -> None:
    studio, data = owner("studio"), photograph(1)
    row, secret = hooked(house, studio, receiver.url)
    register(house.house, studio, data)
    match_pictures(house.house, bring(house.house, *claimed_slice(studio), [copy_of(data)]))
    decide.clear(studio.cases.get(), by="Ann", reason="Ours")
    work_off(house)
    opened, decided = [data_of(got, secret) for got in receiver.got]
    assert opened["type"] == "case.opened"
    assert opened["data"] == {
        "owner": "studio",
        "case": 1,
        "party": "shop.example",
        "work": 1,
        "url": "http://127.0.0.1:8080/o/studio/cases/1/",
    }
    assert (decided["type"], decided["data"]["decision"]) == ("case.decided", "cleared")
    assert b"Ann" not in receiver.got[1][1]
    assert set(row.deliveries.values_list("state", flat=True)) == {"done"}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        data_of(receiver.got[0], webhooks.PREFIX + "AAAA" * 11)


def test_only_what_was_asked_for_is_sent_and_never_to_others(house: Inline, receiver: Receiver) -> None:
    studio, agency = owner("studio"), owner("agency")
    hooked(house, studio, receiver.url, EventKind.REPORT_READY)
    for of in (studio, agency):
        events.record(of, EventKind.CASE_OPENED, {"case": 1})
        events.record(of, EventKind.REPORT_READY, {"report": 1})
    work_off(house)
    assert [json.loads(body)["type"] for _, body in receiver.got] == ["report.ready"]


def test_a_message_comes_again_under_its_name_until_it_is_taken(house: Inline, receiver: Receiver) -> None:
    studio = owner("studio")
    _, secret = hooked(house, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 500
    work_off(house)
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.answers[0]["status"]) == ("todo", 1, 500)
    assert row.not_before is not None
    assert row.not_before > now()
    receiver.status = 204
    work_off(house)
    assert len(receiver.got) == 1  # it isn't time yet
    due_again()
    work_off(house)
    row.refresh_from_db()
    assert (row.state, row.tries, [one["status"] for one in row.answers]) == ("done", 2, [500, 204])
    assert Webhook.objects.get().failing_since is None
    first, second = receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert data_of(first, secret) == data_of(second, secret)


def test_a_silent_webhook_holds_up_nobody_else_and_is_asked_once(
    house: Inline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # it listens, and never answers
    studio, agency = owner("studio"), owner("agency")
    hooked(house, studio, f"http://127.0.0.1:{silent.server_port}/")
    hooked(house, agency, receiver.url)
    for number in range(3):
        events.record(studio, EventKind.CASE_OPENED, {"case": number})
        events.record(agency, EventKind.CASE_OPENED, {"case": number})
    work_off(house)
    silent.server_close()
    assert len(receiver.got) == 3
    rows = list(Delivery.objects.filter(webhook__owner=studio).order_by("pk"))
    assert [row.tries for row in rows] == [1, 0, 0]
    assert all(row.not_before is not None and row.not_before > now() for row in rows)
    assert (rows[0].answers[0]["status"], bool(rows[0].answers[0]["sentence"])) == (0, True)


def test_a_webhook_that_fails_for_days_is_paused_and_said_so(house: Inline, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = hooked(house, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 503
    work_off(house)
    Webhook.objects.update(failing_since=now() - PATIENCE - timedelta(minutes=1))
    due_again()
    work_off(house)
    row.refresh_from_db()
    assert row.paused_at is not None
    assert Event.objects.filter(kind=EventKind.WEBHOOK_PAUSED, about__webhook=1).count() == 1
    assert LogSubmission.objects.filter(opening__content__what="webhook paused").count() == 1
    due_again()
    work_off(house)
    assert len(receiver.got) == 2
    receiver.status = 200
    webhooks.resume(house.house, row, by="Ann")
    work_off(house)
    assert [json.loads(body)["type"] for _, body in receiver.got[2:]] == ["case.opened", "webhook.paused"]


def test_a_webhook_that_is_gone_is_paused_and_one_that_asks_for_time_gets_it(house: Inline, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = hooked(house, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    work_off(house)
    row.refresh_from_db()
    assert row.ask_after is not None
    assert row.ask_after > now() + timedelta(minutes=59)
    receiver.status = 410
    due_again()
    work_off(house)
    row.refresh_from_db()
    assert row.paused_at is not None


def test_no_private_address_is_reached_and_no_redirect_followed(
    house: Inline, inline: Inline, receiver: Receiver
) -> None:
    studio = owner("studio")
    with pytest.raises(RefusedError):
        webhooks.add_webhook(inline.house, studio, receiver.url, (), by="Ann")
    hooked(house, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    deliver(inline.house, [Delivery.objects.get().pk])  # of an operator who has closed the network since
    assert not receiver.got
    receiver.status, receiver.headers = 302, {"Location": "http://169.254.169.254/latest/"}
    due_again()
    work_off(house)
    assert [one["status"] for one in Delivery.objects.get().answers] == [0, 302]


def test_what_happened_stays_unsaid_when_the_deed_is_undone(house: Inline) -> None:
    studio = owner("studio")
    work = register(house.house, studio, photograph(1)).work
    case = studio.cases.create(number=1, work=work, party="shop.example", opened_at=now())

    class Broken(Exception):  # noqa: N818
        pass

    with suppress(Broken), transaction.atomic():
        matching.decide(case, case.Decision.CLEARED, by="Ann", reason="")
        assert Event.objects.exists()
        raise Broken
    assert not Event.objects.exists()


def test_a_secret_outlives_a_change_of_the_master_key(house: Inline, receiver: Receiver) -> None:
    studio = owner("studio")
    row, secret = hooked(house, studio, receiver.url)
    assert secret.encode() not in bytes(row.encrypted_secret)
    change_master_key(house.house, by="Ann", reason="Yearly")
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    work_off(house)
    assert data_of(receiver.got[0], secret)["type"] == "case.opened"


def test_a_member_adds_tests_and_removes_a_webhook_on_the_site(house: Inline, receiver: Receiver) -> None:
    studio = owner("studio")
    client, viewer = Client(), Client()
    for name, role, browser in (("ann", Role.OWNER, client), ("bob", Role.VIEWER, viewer)):
        user = User.objects.create_user(username=name, email=f"{name}@example.org", password="not used")
        Membership.objects.create(user=user, owner=studio, role=role)
        browser.force_login(user)
    page = client.post("/o/studio/told/webhooks", {"url": receiver.url, "kind": ["case.opened"]})
    row = Webhook.objects.get()
    assert webhooks._secret(house.house, row) in page.content.decode()
    assert webhooks._secret(house.house, row) not in client.get("/o/studio/told/webhooks/1/").content.decode()
    assert viewer.post("/o/studio/told/webhooks", {"url": receiver.url}).status_code == 403
    assert viewer.get("/o/studio/told/").status_code == 200
    client.post("/o/studio/told/webhooks/1/change", {"do": "test"})
    work_off(house)
    assert b"taken" in client.get("/o/studio/told/webhooks/1/").content
    client.post("/o/studio/told/webhooks/1/change", {"do": "again", "delivery": Delivery.objects.get().pk})
    work_off(house)
    assert len(receiver.got) == 2
    client.post("/o/studio/told/webhooks/1/change", {"do": "remove"})
    assert client.get("/o/studio/told/webhooks/1/").status_code == 404
    refused = client.post("/o/studio/told/webhooks", {"url": "http://10.0.0.1/"})
    assert refused.status_code == 422
