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
from exhibit.machine import ERROR_SENTENCES, raise_machine_fault
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
from registry.notifications.deliver import MAX_FAILURE_PERIOD, deliver_messages
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.webhook_receiver import Receiver, receiver, verify_message
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["receiver"]


@pytest.fixture
def services(inline: SyncRunner, config: Config, monkeypatch: pytest.MonkeyPatch) -> SyncRunner:
    """An installation that may connect to this machine."""
    runner = SyncRunner(replace(inline.services.config, allowed_networks=("127.0.0.0/8",)))
    monkeypatch.setattr(wiring, "services", lambda: runner.services)
    return runner


def make_webhook(services: SyncRunner, rights_holder: Owner, url: str, *kinds: EventKind) -> tuple[Webhook, str]:
    return webhooks.add_webhook(services.services, rights_holder, url, kinds, by="Ann")


def deliver_pending(services: SyncRunner) -> None:
    deliver_messages(
        services.services, list(Delivery.objects.filter(state=StepState.QUEUED).values_list("pk", flat=True))
    )


def clear_pauses() -> None:
    """End all pauses."""
    Delivery.objects.update(not_before=None)
    Webhook.objects.update(ask_after=None)


def test_case_events_are_sent_signed(services: SyncRunner, receiver: Receiver) -> None:
    studio, data = owner("studio"), photograph(1)
    row, secret = make_webhook(services, studio, receiver.url)
    register(services.services, studio, data)
    match_pictures(services.services, record_sightings(services.services, *claim_new_slice(studio), [recompress(data)]))
    decisions.dismiss_case(studio.cases.get(), by="Ann", reason="Ours")
    deliver_pending(services)
    opened, decided = [verify_message(got, secret) for got in receiver.got]
    assert opened["type"] == "case.opened"
    assert opened["data"] == {
        "owner": "studio",
        "case": 1,
        "party": "shop.example",
        "work": 1,
        "url": "http://127.0.0.1:8080/o/studio/cases/1/",
    }
    assert (decided["type"], decided["data"]["decision"]) == ("case.decided", "dismissed")
    assert b"Ann" not in receiver.got[1][1]
    assert set(row.deliveries.values_list("state", flat=True)) == {"done"}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify_message(receiver.got[0], webhooks.PREFIX + "AAAA" * 11)


def test_subscribed_events_are_sent_only_to_their_owner(services: SyncRunner, receiver: Receiver) -> None:
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url, EventKind.REPORT_READY)
    for rights_holder in (studio, agency):
        events.record_event(rights_holder, EventKind.CASE_OPENED, {"case": 1})
        events.record_event(rights_holder, EventKind.REPORT_READY, {"report": 1})
    deliver_pending(services)
    assert [json.loads(body)["type"] for _, body in receiver.got] == ["report.ready"]


def test_failed_message_is_resent_with_the_same_id(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    _, secret = make_webhook(services, studio, receiver.url)
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 500
    deliver_pending(services)
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.answers[0]["status"]) == ("queued", 1, 500)
    assert row.not_before is not None
    assert row.not_before > now()
    receiver.status = 204
    deliver_pending(services)
    assert len(receiver.got) == 1  # not due yet
    clear_pauses()
    deliver_pending(services)
    row.refresh_from_db()
    assert (row.state, row.tries, [answer["status"] for answer in row.answers]) == ("done", 2, [500, 204])
    assert Webhook.objects.get().failing_since is None
    first, second = receiver.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert verify_message(first, secret) == verify_message(second, secret)


def test_unresponsive_webhook_is_tried_once_and_does_not_delay_others(
    services: SyncRunner, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "REQUEST_TIMEOUT_SECONDS", 0.3)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # accepts connections and never responds
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, f"http://127.0.0.1:{silent.server_port}/")
    make_webhook(services, agency, receiver.url)
    for number in range(3):
        events.record_event(studio, EventKind.CASE_OPENED, {"case": number})
        events.record_event(agency, EventKind.CASE_OPENED, {"case": number})
    deliver_pending(services)
    silent.server_close()
    assert len(receiver.got) == 3
    rows = list(Delivery.objects.filter(webhook__owner=studio).order_by("pk"))
    assert [row.tries for row in rows] == [1, 0, 0]
    assert all(row.not_before is not None and row.not_before > now() for row in rows)
    assert (rows[0].answers[0]["status"], bool(rows[0].answers[0]["sentence"])) == (0, True)


class FileLimitGuard(Guard):
    """A guard that fails with too many open files when it checks this host."""

    def resolve(self, host: str, port: int) -> list[str]:
        if host == "localhost":
            raise_machine_fault(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        return super().resolve(host, port)


def test_local_failure_for_one_webhook_does_not_repeat_messages_to_others(
    services: SyncRunner, receiver: Receiver
) -> None:
    services.services.__dict__["guard"] = FileLimitGuard(allowed_networks=services.services.config.allowed_networks)
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url.replace("127.0.0.1", "localhost"))
    make_webhook(services, agency, receiver.url)
    for number in range(2):
        events.record_event(studio, EventKind.CASE_OPENED, {"case": number})
        events.record_event(agency, EventKind.CASE_OPENED, {"case": number})
    deliver_pending(services)
    assert len(receiver.got) == 2
    assert set(Delivery.objects.filter(webhook__owner=agency).values_list("state", flat=True)) == {"done"}
    deliveries = Delivery.objects.filter(webhook__owner=studio)
    assert set(deliveries.values_list("state", "attempts", "tries", "error")) == {
        ("queued", 0, 0, ERROR_SENTENCES[errno.EMFILE])
    }
    assert not deliveries.filter(held_since=None).exists()
    webhooks.resend_message(services.services, deliveries[0])
    assert Delivery.objects.get(pk=deliveries[0].pk).held_since is None


def test_webhook_failing_for_days_is_paused_and_reported(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status = 503
    deliver_pending(services)
    Webhook.objects.update(failing_since=now() - MAX_FAILURE_PERIOD - timedelta(minutes=1))
    clear_pauses()
    deliver_pending(services)
    row.refresh_from_db()
    assert row.paused_at is not None
    assert Event.objects.filter(kind=EventKind.WEBHOOK_PAUSED, about__webhook=1).count() == 1
    assert LogSubmission.objects.filter(opening__content__what="webhook paused").count() == 1
    clear_pauses()
    deliver_pending(services)
    assert len(receiver.got) == 2
    receiver.status = 200
    webhooks.resume_webhook(services.services, row, by="Ann")
    deliver_pending(services)
    assert [json.loads(body)["type"] for _, body in receiver.got[2:]] == ["case.opened", "webhook.paused"]


def test_webhook_that_returns_410_is_paused_and_retry_after_is_obeyed(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    deliver_pending(services)
    row.refresh_from_db()
    assert row.ask_after is not None
    assert row.ask_after > now() + timedelta(minutes=59)
    receiver.status = 410
    clear_pauses()
    deliver_pending(services)
    row.refresh_from_db()
    assert row.paused_at is not None


@pytest.mark.parametrize("retry_after", ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "soon", "-1", "9" * 400])
def test_invalid_retry_after_does_not_block_other_webhooks(
    services: SyncRunner, receiver: Receiver, retry_after: str
) -> None:
    other = Receiver()
    studio, agency = owner("studio"), owner("agency")
    make_webhook(services, studio, receiver.url)
    make_webhook(services, agency, other.url)
    for rights_holder in (studio, agency):
        events.record_event(rights_holder, EventKind.CASE_OPENED, {"case": 1})
    receiver.status, receiver.headers = 429, {"Retry-After": retry_after}
    deliver_pending(services)
    other.server.shutdown()
    other.server.server_close()
    assert (len(receiver.got), len(other.got)) == (1, 1)
    row = Delivery.objects.get(webhook__owner=studio)
    assert (row.state, row.tries) == ("queued", 1)
    assert row.not_before is not None
    assert row.not_before <= now() + timedelta(days=1)


def test_removed_webhook_receives_no_messages(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, _ = make_webhook(services, studio, receiver.url)
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    Webhook.objects.update(removed_at=now())  # between the event's query of recipients and its commit
    deliver_pending(services)
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
            services.services.config, anchors=(anchor,), timestamps_needed=1, checkpoint_seconds=1, languages=("en",)
        )
        services = SyncRunner(own)
        _, secret = make_webhook(services, studio, receiver.url, EventKind.BUNDLE_TIMESTAMPED)
        bundle = create_sealed_bundle(services, studio)
        services.run_until(Delivery.objects.filter(state=StepState.DONE).exists, pause=0.05)
        services.run_until_idle()  # the checkpoint's receipt must not cause a second message
    (payload,) = [verify_message(got, secret) for got in receiver.got]
    bundle.refresh_from_db()
    assert bundle.seal_digest is not None
    assert payload["type"] == "bundle.timestamped"
    assert payload["data"]["seal"] == bundle.seal_digest.hex
    assert (payload["data"]["case"], payload["data"]["bundle"]) == (1, 1)
    assert bundle.timestamped_at is not None
    assert Event.objects.filter(kind=EventKind.BUNDLE_TIMESTAMPED).count() == 1


def test_private_addresses_are_rejected_and_redirects_not_followed(
    services: SyncRunner, inline: SyncRunner, receiver: Receiver
) -> None:
    studio = owner("studio")
    with pytest.raises(RefusedError):
        webhooks.add_webhook(inline.services, studio, receiver.url, (), by="Ann")
    make_webhook(services, studio, receiver.url)
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    deliver_messages(inline.services, [Delivery.objects.get().pk])  # after the operator has closed the network
    assert not receiver.got
    receiver.status, receiver.headers = 302, {"Location": "http://169.254.169.254/latest/"}
    clear_pauses()
    deliver_pending(services)
    assert [answer["status"] for answer in Delivery.objects.get().answers] == [0, 302]


def test_event_is_not_sent_when_its_action_is_rolled_back(services: SyncRunner) -> None:
    studio = owner("studio")
    work = register(services.services, studio, photograph(1)).work
    case = studio.cases.create(number=1, work=work, party="shop.example", opened_at=now())

    class Broken(Exception):  # noqa: N818
        pass

    with suppress(Broken), transaction.atomic():
        record_decision(case, case.Decision.DISMISSED, by="Ann", reason="")
        assert Event.objects.exists()
        raise Broken
    assert not Event.objects.exists()


def test_webhook_secret_survives_master_key_change(services: SyncRunner, receiver: Receiver) -> None:
    studio = owner("studio")
    row, secret = make_webhook(services, studio, receiver.url)
    assert secret.encode() not in bytes(row.encrypted_secret)
    change_master_key(services.services, by="Ann", reason="Yearly")
    events.record_event(studio, EventKind.CASE_OPENED, {"case": 1})
    deliver_pending(services)
    assert verify_message(receiver.got[0], secret)["type"] == "case.opened"


def test_member_adds_tests_and_removes_webhook(services: SyncRunner, receiver: Receiver) -> None:
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
    deliver_pending(services)
    assert b"accepted" in client.get("/o/studio/told/webhooks/1/").content
    client.post("/o/studio/told/webhooks/1/change", {"do": "again", "delivery": f"evt_{Event.objects.get().pk}"})
    deliver_pending(services)
    assert len(receiver.got) == 2
    client.post("/o/studio/told/webhooks/1/change", {"do": "remove"})
    assert client.get("/o/studio/told/webhooks/1/").status_code == 404
    refused = client.post("/o/studio/told/webhooks", {"url": "http://10.0.0.1/"})
    assert refused.status_code == 422
