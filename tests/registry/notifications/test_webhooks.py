"""Test signed webhook messages to a server that responds, and one that does not."""

import errno
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import standardwebhooks
from django.db import transaction
from django.test import Client

from evidence.anchors.rfc3161.kind import Rfc3161Config
from evidence.development.authority import run_authority
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import RefusedError
from exhibit.machine import SENTENCES, blame_machine
from exhibit.network.guard import Guard
from registry.cases import decisions
from registry.cases.record_decision import record_decision
from registry.events import events
from registry.master_key import change_master_key
from registry.matches.match import match_pictures
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
from registry.notifications import webhooks
from registry.notifications.deliver import MAX_FAILURE_PERIOD, deliver
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.webhook_receiver import Receiver, receiver, verify_message
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["receiver"]


@pytest.fixture
def services(inline: SyncRunner, config: Config, monkeypatch: pytest.MonkeyPatch) -> SyncRunner:
    """An installation that may connect to this machine."""
    opened = SyncRunner(replace(inline.services.config, allowed_networks=("127.0.0.0/8",)))
    monkeypatch.setattr(wiring, "services", lambda: opened.services)
    return opened


def make_webhook(services: SyncRunner, rights_holder: Owner, url: str, *kinds: EventKind) -> tuple[Webhook, str]:
    return webhooks.add_webhook(services.services, rights_holder, url, kinds, by="Ann")


def work_off(services: SyncRunner) -> None:
    deliver(services.services, list(Delivery.objects.filter(state=StepState.TODO).values_list("pk", flat=True)))


def make_due() -> None:
    """End all pauses."""
    Delivery.objects.update(not_before=None)
    Webhook.objects.update(ask_after=None)


def test_what_happens_to_a_case_is_sent_signed(services: SyncRunner, receiver: Receiver) -> None:
    studio, data = owner("studio"), photograph(1)
    row, secret = make_webhook(services, studio, receiver.url)
    register(services.services, studio, data)
    match_pictures(services.services, record_sightings(services.services, *claim_new_slice(studio), [recompress(data)]))
    decisions.dismiss(studio.cases.get(), by="Ann", reason="Ours")
    work_off(services)
    opened, decided = [verify_message(got, secret) for got in receiver.got]
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
        verify_message(receiver.got[0], webhooks.PREFIX + "AAAA" * 11)


def test_only_subscribed_events_are_sent_and_only_to_their_owner(services: SyncRunner, receiver: Receiver) -> None:
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url, EventKind.REPORT_READY)
    for rights_holder in (studio, agency):
        events.record(rights_holder, EventKind.CASE_OPENED, {"case": 1})
        events.record(rights_holder, EventKind.REPORT_READY, {"report": 1})
    work_off(services)
    assert [json.loads(body)["type"] for _, body in receiver.got] == ["report.ready"]


def test_a_message_comes_again_under_its_name_until_it_is_taken(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    _, secret = make_webhook(services, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 500
    work_off(services)
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.answers[0]["status"]) == ("todo", 1, 500)
    assert row.not_before is not None
    assert row.not_before > now()
    receiver.status = 204
    work_off(services)
    assert len(receiver.got) == 1  # it is not time yet
    make_due()
    work_off(services)
    row.refresh_from_db()
    assert (row.state, row.tries, [answer["status"] for answer in row.answers]) == ("done", 2, [500, 204])
    assert Webhook.objects.get().failing_since is None
    first, second = receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert verify_message(first, secret) == verify_message(second, secret)


def test_silent_webhook_delays_no_other_and_is_tried_once(
    services: SyncRunner, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # accepts connections and never responds
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, f"http://127.0.0.1:{silent.server_port}/")
    make_webhook(services, agency, receiver.url)
    for number in range(3):
        events.record(studio, EventKind.CASE_OPENED, {"case": number})
        events.record(agency, EventKind.CASE_OPENED, {"case": number})
    work_off(services)
    silent.server_close()
    assert len(receiver.got) == 3
    rows = list(Delivery.objects.filter(webhook__owner=studio).order_by("pk"))
    assert [row.tries for row in rows] == [1, 0, 0]
    assert all(row.not_before is not None and row.not_before > now() for row in rows)
    assert (rows[0].answers[0]["status"], bool(rows[0].answers[0]["sentence"])) == (0, True)


class NoFilesLeft(Guard):
    """A guard that fails with too many open files when it checks this host."""

    def resolve(self, host: str, port: int) -> list[str]:
        if host == "localhost":
            blame_machine(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        return super().resolve(host, port)


def test_what_fails_of_the_machine_for_one_webhook_repeats_nothing_to_another(
    services: SyncRunner, receiver: Receiver
) -> None:
    services.services.__dict__["guard"] = NoFilesLeft(allowed_networks=services.services.config.allowed_networks)
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url.replace("127.0.0.1", "localhost"))
    make_webhook(services, agency, receiver.url)
    for number in range(2):
        events.record(studio, EventKind.CASE_OPENED, {"case": number})
        events.record(agency, EventKind.CASE_OPENED, {"case": number})
    work_off(services)
    assert len(receiver.got) == 2
    assert set(Delivery.objects.filter(webhook__owner=agency).values_list("state", flat=True)) == {"done"}
    deliveries = Delivery.objects.filter(webhook__owner=studio)
    assert set(deliveries.values_list("state", "attempts", "tries", "error")) == {
        ("todo", 0, 0, SENTENCES[errno.EMFILE])
    }
    assert not deliveries.filter(held_since=None).exists()
    webhooks.send_again(services.services, deliveries[0])
    assert Delivery.objects.get(pk=deliveries[0].pk).held_since is None


def test_a_webhook_that_fails_for_days_is_paused_and_said_so(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 503
    work_off(services)
    Webhook.objects.update(failing_since=now() - MAX_FAILURE_PERIOD - timedelta(minutes=1))
    make_due()
    work_off(services)
    row.refresh_from_db()
    assert row.paused_at is not None
    assert Event.objects.filter(kind=EventKind.WEBHOOK_PAUSED, about__webhook=1).count() == 1
    assert LogSubmission.objects.filter(opening__content__what="webhook paused").count() == 1
    make_due()
    work_off(services)
    assert len(receiver.got) == 2
    receiver.status = 200
    webhooks.resume(services.services, row, by="Ann")
    work_off(services)
    assert [json.loads(body)["type"] for _, body in receiver.got[2:]] == ["case.opened", "webhook.paused"]


def test_a_webhook_that_is_gone_is_paused_and_one_that_asks_for_time_gets_it(
    services: SyncRunner, receiver: Receiver
) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    work_off(services)
    row.refresh_from_db()
    assert row.ask_after is not None
    assert row.ask_after > now() + timedelta(minutes=59)
    receiver.status = 410
    make_due()
    work_off(services)
    row.refresh_from_db()
    assert row.paused_at is not None


@pytest.mark.parametrize("retry_after", ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "soon", "-1", "9" * 400])
def test_whatever_a_receiver_asks_for_the_messages_of_others_go_out(
    services: SyncRunner, receiver: Receiver, retry_after: str
) -> None:
    other = Receiver()
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url)
    make_webhook(services, agency, other.url)
    for rights_holder in (studio, agency):
        events.record(rights_holder, EventKind.CASE_OPENED, {"case": 1})
    receiver.status, receiver.headers = 429, {"Retry-After": retry_after}
    work_off(services)
    other.server.shutdown()
    other.server.server_close()
    assert (len(receiver.got), len(other.got)) == (1, 1)
    row = Delivery.objects.get(webhook__owner=studio)
    assert (row.state, row.tries) == ("todo", 1)
    assert row.not_before is not None
    assert row.not_before <= now() + timedelta(days=1)


def test_a_webhook_that_was_removed_gets_nothing_more(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    Webhook.objects.update(removed_at=now())  # between the event's query of recipients and its commit
    work_off(services)
    assert not receiver.got
    assert not row.deliveries.exists()


@pytest.mark.long
def test_fully_timestamped_evidence_is_notified_once(services: SyncRunner, receiver: Receiver, tmp_path: Path) -> None:
    studio = owner("studio")
    with run_authority(tmp_path / "authority") as authority:
        roots = tmp_path / "root.pem"
        roots.write_bytes(authority.root_pem)
        anchor = Rfc3161Config(kind="rfc3161", name="a", urls=(authority.url,), roots=roots, development=True)
        own = replace(
            services.services.config, anchors=(anchor,), witnesses_needed=1, checkpoint_seconds=1, languages=("en",)
        )
        services = SyncRunner(own)
        _, secret = make_webhook(services, studio, receiver.url, EventKind.BUNDLE_WITNESSED)
        bundle = create_sealed_bundle(services, studio)
        services.run_until(Delivery.objects.filter(state=StepState.DONE).exists, pause=0.05)
        services.run_until_idle()  # the checkpoint's receipt repeats it
    (payload,) = [verify_message(got, secret) for got in receiver.got]
    bundle.refresh_from_db()
    assert bundle.seal_digest is not None
    assert payload["type"] == "bundle.witnessed"
    assert payload["data"]["seal"] == bundle.seal_digest.hex
    assert (payload["data"]["case"], payload["data"]["bundle"]) == (1, 1)
    assert bundle.witnessed_at is not None
    assert Event.objects.filter(kind=EventKind.BUNDLE_WITNESSED).count() == 1


def test_no_private_address_is_reached_and_no_redirect_followed(
    services: SyncRunner, inline: SyncRunner, receiver: Receiver
) -> None:
    studio = owner("studio")
    with pytest.raises(RefusedError):
        webhooks.add_webhook(inline.services, studio, receiver.url, (), by="Ann")
    make_webhook(services, studio, receiver.url)
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    deliver(inline.services, [Delivery.objects.get().pk])  # after the operator has closed the network
    assert not receiver.got
    receiver.status, receiver.headers = 302, {"Location": "http://169.254.169.254/latest/"}
    make_due()
    work_off(services)
    assert [answer["status"] for answer in Delivery.objects.get().answers] == [0, 302]


def test_event_is_not_sent_when_its_action_is_rolled_back(services: SyncRunner) -> None:
    studio = owner("studio")
    work = register(services.services, studio, photograph(1)).work
    case = studio.cases.create(number=1, work=work, party="shop.example", opened_at=now())

    class Broken(Exception):  # noqa: N818
        pass

    with suppress(Broken), transaction.atomic():
        record_decision(case, case.Decision.CLEARED, by="Ann", reason="")
        assert Event.objects.exists()
        raise Broken
    assert not Event.objects.exists()


def test_a_secret_outlives_a_change_of_the_master_key(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, secret = make_webhook(services, studio, receiver.url)
    assert secret.encode() not in bytes(row.encrypted_secret)
    change_master_key(services.services, by="Ann", reason="Yearly")
    events.record(studio, EventKind.CASE_OPENED, {"case": 1})
    work_off(services)
    assert verify_message(receiver.got[0], secret)["type"] == "case.opened"


def test_a_member_adds_tests_and_removes_a_webhook_on_the_site(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    client, viewer = Client(), Client()
    for name, role, browser in (("ann", Role.OWNER, client), ("bob", Role.VIEWER, viewer)):
        user = User.objects.create_user(username=name, email=f"{name}@example.org", password="not used")
        Membership.objects.create(user=user, owner=studio, role=role)
        browser.force_login(user)
    response = client.post("/o/studio/told/webhooks", {"url": receiver.url, "kind": ["case.opened"]})
    page = client.post(response.headers["Location"], {"password": "not used"})
    row = Webhook.objects.get()
    secret = webhooks.build_message(
        services.services, row, Event(owner=row.owner, kind="test", about={}, at=now())
    ).secret
    assert secret in page.content.decode()
    assert secret not in client.get("/o/studio/told/webhooks/1/").content.decode()
    assert viewer.post("/o/studio/told/webhooks", {"url": receiver.url}).status_code == 403
    assert viewer.get("/o/studio/told/").status_code == 200
    client.post("/o/studio/told/webhooks/1/change", {"do": "test"})
    work_off(services)
    assert b"accepted" in client.get("/o/studio/told/webhooks/1/").content
    client.post("/o/studio/told/webhooks/1/change", {"do": "again", "delivery": f"evt_{Event.objects.get().pk}"})
    work_off(services)
    assert len(receiver.got) == 2
    client.post("/o/studio/told/webhooks/1/change", {"do": "remove"})
    assert client.get("/o/studio/told/webhooks/1/").status_code == 404
    refused = client.post("/o/studio/told/webhooks", {"url": "http://10.0.0.1/"})
    assert refused.status_code == 422
