"""Test push messages: their text, their frequency, and the services' responses."""

import json
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.network.guard import Guard
from registry.events import events
from registry.events.push_subscriptions import add_browser
from registry.members import accounts, invitations
from registry.models import Case, Event, EventKind, Membership, Owner, PushSubscription, User
from registry.notifications import due_rows, send_push, webhooks
from registry.notifications.deliver import MAX_FAILURE_PERIOD, RETRY_PAUSES
from tests.assets.push_service import PushService, Subscriber, push_service
from tests.assets.rows import owner
from workers.operations.backlog import count_rows_by_step
from workers.tasks.sync_runner import SyncRunner

__all__ = ["push_service"]


@pytest.fixture
def studio(inline: SyncRunner, push_service: PushService) -> Owner:
    config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",), contact="ann@example.org")
    inline.services.config = config
    return owner("studio")


@pytest.fixture
def ann(studio: Owner) -> User:
    user = User.objects.create_user("ann", "ann@example.org", language="en")
    Membership.objects.create(owner=studio, user=user)
    return user


def register_browser(inline: SyncRunner, user: User, browser: Subscriber) -> PushSubscription:
    subscription = browser.subscription
    return add_browser(
        inline.services,
        user,
        subscription["endpoint"],
        subscription["p256dh"],
        subscription["auth"],
        user_agent="Firefox",
    )


def add_matches(of: Owner, *numbers: int) -> None:
    """Open cases, and let their events settle."""
    for number in numbers:
        work = of.works.create(number=number, title="A", registered_at=now())
        Case.objects.create(owner=of, work=work, number=number, party="shop.example", is_pending=True, opened_at=now())
        events.record_event(of, EventKind.CASE_OPENED, {"case": number, "party": "shop.example", "work": number})
    Event.objects.update(at=now() - events.SETTLING_PERIOD - timedelta(seconds=1))


def test_browser_receives_only_the_number_of_new_matches(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    add_matches(studio, 1)  # before the browser was added: not reported
    browser = push_service.subscriber()
    register_browser(inline, ann, browser)
    inline.run_until_idle()
    assert push_service.got == []
    add_matches(studio, 2, 3, 4)
    Case.objects.filter(number=4).update(decision="dismissed", is_pending=False)
    assert count_rows_by_step()["push"]["waiting"] == 1
    inline.run_until_idle()
    ((path, headers, body),) = push_service.got
    assert path == "/push/a"
    assert push_service.claims(headers)["sub"] == "mailto:ann@example.org"
    assert (headers["Content-Encoding"], headers["TTL"], headers["Topic"]) == ("aes128gcm", "86400", "finds")
    expected = {
        "title": "2 new matches",
        "body": "3 cases are waiting for a decision",
        "lang": "en",
        "page": "/o/studio/finds/",
    }
    assert json.loads(browser.decrypt(body)) == expected
    row = PushSubscription.objects.get()
    assert row.used_at is not None
    assert count_rows_by_step()["push"]["waiting"] == 0


def test_matches_within_an_hour_are_sent_together_in_the_member_language(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    User.objects.update(language="zh-hans")
    browser = push_service.subscriber()
    register_browser(inline, ann, browser)
    for number in (1, 2, 3):
        add_matches(studio, number)
        inline.run_until_idle()
    assert len(push_service.got) == 1
    PushSubscription.objects.update(not_before=now())
    inline.run_until_idle()
    payload = json.loads(browser.decrypt(push_service.got[1][2]))
    assert payload["title"] == "2 项新发现"
    assert payload["lang"] == "zh-hans"


def test_matches_of_other_owners_and_decided_matches_are_not_notified(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    register_browser(inline, ann, push_service.subscriber())
    add_matches(owner("agency"), 1)
    add_matches(studio, 1)
    Case.objects.update(decision="dismissed", is_pending=False)
    inline.run_until_idle()
    assert push_service.got == []
    # Nothing is processed repeatedly
    assert due_rows.list_due_keys(PushSubscription, inline.services.stale_after, 9) == []


def test_push_message_links_to_its_matches_and_omits_matches_before_membership(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    browser, agency = push_service.subscriber(), owner("agency")
    register_browser(inline, ann, browser)
    add_matches(agency, 1, 2)
    accounts.add_member(agency, ann.email, "reviewer", None, by="test")
    inline.run_until_idle()
    assert push_service.got == []
    third = owner("third")
    add_matches(third, 1)
    invitations.accept_invitation(invitations.create_invitation(third, ann.email, "viewer", by="test")[0], ann)
    add_matches(studio, 1)
    inline.run_until_idle()
    add_matches(studio, 2)
    add_matches(agency, 3)
    PushSubscription.objects.update(not_before=now())
    inline.run_until_idle()
    payloads = [json.loads(browser.decrypt(body)) for _, _, body in push_service.got]
    assert [(payload["title"], payload["body"], payload["page"]) for payload in payloads] == [
        ("1 new match", "1 case is waiting for a decision", "/o/studio/finds/"),
        ("2 new matches", "6 cases are waiting for a decision", "/finds/"),
    ]


def test_member_joining_an_owner_still_gets_earlier_matches_of_others(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    browser, agency = push_service.subscriber(), owner("agency")
    register_browser(inline, ann, browser)
    add_matches(agency, 1, 2)
    add_matches(studio, 1)
    add_matches(agency, 3)
    accounts.add_member(agency, ann.email, "reviewer", None, by="test")
    inline.run_until_idle()
    ((_, _, body),) = push_service.got
    assert json.loads(browser.decrypt(body))["title"] == "2 new matches"  # the agency's third case came later


@pytest.mark.long
@pytest.mark.parametrize("status", [400, 403])
def test_push_subscription_that_fails_for_days_is_disabled_with_its_error(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, status: int
) -> None:
    register_browser(inline, ann, push_service.subscriber())
    push_service.status = status
    add_matches(studio, 1)
    inline.run_until_idle()
    total_wait = timedelta()
    while not (row := PushSubscription.objects.get()).ended:
        assert row.not_before is not None
        total_wait += row.not_before - now()
        PushSubscription.objects.update(not_before=now())
        inline.run_until_idle()
    assert MAX_FAILURE_PERIOD <= total_wait < MAX_FAILURE_PERIOD + timedelta(days=1)
    assert str(status) in str(row.error)
    assert count_rows_by_step()["push"]["waiting"] == 0


@pytest.mark.parametrize("status", [404, 410])
def test_expired_browser_subscription_is_removed(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, status: int
) -> None:
    register_browser(inline, ann, push_service.subscriber())
    push_service.status = status
    add_matches(studio, 1)
    inline.run_until_idle()
    assert not PushSubscription.objects.exists()


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, {}), (307, {"Location": "http://169.254.169.254/"}), (403, {}), (429, {"Retry-After": "7200"})],
)
def test_rejected_push_message_is_resent_after_a_pause_with_new_matches(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, status: int, headers: dict[str, str]
) -> None:
    browser = push_service.subscriber()
    register_browser(inline, ann, browser)
    push_service.status, push_service.headers = status, headers
    add_matches(studio, 1)
    inline.run_until_idle()
    assert len(push_service.got) == 1  # redirects are not followed
    row = PushSubscription.objects.get()
    assert row.not_before is not None
    pause = timedelta(seconds=int(headers.get("Retry-After", RETRY_PAUSES[0].total_seconds())))
    assert timedelta(0) <= now() + pause - row.not_before < timedelta(minutes=1)
    assert str(status) in str(row.error)
    assert (row.misses, row.used_at) == (1, None)
    add_matches(studio, 2)
    push_service.status = 201
    PushSubscription.objects.update(not_before=now())
    inline.run_until_idle()
    assert json.loads(browser.decrypt(push_service.got[-1][2]))["title"] == "2 new matches"
    row.refresh_from_db()
    assert (row.misses, row.error) == (0, "")


def test_browser_removed_during_delivery_stays_removed(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = register_browser(inline, ann, push_service.subscriber())
    add_matches(studio, 1)
    record_result = send_push._record_result

    def remove_before_recording(*args: Any) -> None:  # noqa: ANN401 - those of the function
        PushSubscription.objects.filter(pk=row.pk).delete()
        record_result(*args)

    monkeypatch.setattr(send_push, "_record_result", remove_before_recording)
    inline.run_until_idle()
    assert len(push_service.got) == 1
    assert not PushSubscription.objects.exists()


def test_push_message_resent_after_a_crash_replaces_the_first_message(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = push_service.subscriber()
    register_browser(inline, ann, browser)
    add_matches(studio, 1)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(send_push, "_record_result", die)
        with pytest.raises(KeyboardInterrupt):
            send_push.send_messages(inline.services, [PushSubscription.objects.get().pk])
    PushSubscription.objects.update(claimed_at=now() - timedelta(hours=1))
    inline.run_until_idle()
    (_, first, first_body), (_, second, other) = push_service.got
    assert first["Topic"] == second["Topic"]
    assert browser.decrypt(first_body) == browser.decrypt(other)
    inline.run_until_idle()
    assert len(push_service.got) == 2


def test_name_resolving_to_private_address_is_not_requested(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    register_browser(inline, ann, push_service.subscriber())
    inline.services.__dict__["guard"] = Guard()  # as without allowed networks
    add_matches(studio, 1)
    inline.run_until_idle()
    assert push_service.got == []
    assert "127.0.0.1" in str(PushSubscription.objects.get().error)


def test_unresponsive_push_service_does_not_block_other_subscriptions(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "REQUEST_TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never responds
        register_browser(inline, ann, Subscriber(f"https://127.0.0.1:{silent.getsockname()[1]}/silent"))
        register_browser(inline, ann, push_service.subscriber())
        add_matches(studio, 1)
        inline.run_until_idle()
    assert [path for path, _, _ in push_service.got] == ["/push/a"]
    assert PushSubscription.objects.get(used_at=None).error


def test_disabled_users_get_no_messages_and_push_can_be_disabled(
    inline: SyncRunner, studio: Owner, ann: User, push_service: PushService
) -> None:
    register_browser(inline, ann, push_service.subscriber())
    add_matches(studio, 1)
    whole = inline.services.config
    inline.services.config = replace(whole, push=False)
    inline.run_until_idle()
    assert push_service.got == []
    inline.services.config = whole
    User.objects.update(is_active=False)
    PushSubscription.objects.update(not_before=now())
    inline.run_until_idle()
    assert push_service.got == []
    assert not PushSubscription.objects.exists()
