"""Test browsers registered for push: registration, removal, and hostile URLs and keys."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError
from registry.events import push_subscriptions
from registry.events.push_subscriptions import MAX_BROWSERS, add_browser
from registry.members import accounts, devices
from registry.models import LogOpening, Owner, PushSubscription, User
from tests.assets.push_service import Subscriber, encode_base64url
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner

AT_MOZILLA = "https://updates.push.services.mozilla.example/wpush/v2/"


@pytest.fixture
def ann(inline: SyncRunner) -> User:
    return accounts.add_member(owner("studio"), "ann@example.org", "owner", "correct horse battery", by="test").user


def register_browser(inline: SyncRunner, user: User, endpoint: str = AT_MOZILLA, **other: str) -> PushSubscription:
    fields = Subscriber(endpoint).subscription | other
    return add_browser(
        inline.services, user, fields["endpoint"], fields["p256dh"], fields["auth"], user_agent="Firefox Android"
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/a",
        "https://127.0.0.1/a",
        "https://localhost/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest/meta-data/",
        "https://0x7f.1/a",
        "https://10.0.0.1/a",
        "https://push.example:22/a",
        "https://push.example:6379/a",
        "https://ann:secret@push.example/a",
        "https://push.example\\@127.0.0.1/a",
        "https://push.example/\r\nHost: elsewhere",
        "https://püsh.example/a",
        f"https://push.example/{'a' * 1_000}",
        "file:///etc/passwd",
        "",
    ],
)
def test_invalid_push_endpoint_is_rejected(inline: SyncRunner, ann: User, endpoint: str) -> None:
    with pytest.raises(ExhibitError):
        register_browser(inline, ann, endpoint)
    assert not PushSubscription.objects.exists()


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": ""},
        {"p256dh": encode_base64url(b"\4" + bytes(64))},
        {"p256dh": "A" * 3_000_000},
        {"p256dh": "ключ"},
        {"auth": ""},
        {"auth": encode_base64url(bytes(17))},
        {"auth": "=" * 22},
    ],
)
def test_invalid_push_keys_are_rejected(inline: SyncRunner, ann: User, keys: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        register_browser(inline, ann, **keys)
    assert not PushSubscription.objects.exists()


def test_browsers_per_member_are_limited_and_deduplicated(inline: SyncRunner, ann: User) -> None:
    for number in range(MAX_BROWSERS):
        register_browser(inline, ann, f"{AT_MOZILLA}{number}")
    register_browser(inline, ann, f"{AT_MOZILLA}0")
    with pytest.raises(InvalidRequestError):
        register_browser(inline, ann, f"{AT_MOZILLA}more")
    assert push_subscriptions.list_push_browsers(ann).count() == MAX_BROWSERS


def test_browser_of_other_member_cannot_be_taken_or_removed(inline: SyncRunner, ann: User) -> None:
    row = register_browser(inline, ann)
    bea = accounts.add_member(Owner.objects.get(), "bea@example.org", "viewer", "correct horse battery", by="test").user
    with pytest.raises(InvalidRequestError):
        register_browser(inline, bea)
    with pytest.raises(NotFoundError):
        push_subscriptions.remove_browser(bea, row.pk)
    assert push_subscriptions.find_push_browser(bea, str(row.identity)) is None
    assert push_subscriptions.find_push_browser(ann, str(row.identity)) == row
    push_subscriptions.remove_browser(ann, row.pk)
    openings = LogOpening.objects.filter(content__what__startswith="push browser").order_by("pk")
    assert [opening.content["what"] for opening in openings] == ["push browser added", "push browser removed"]
    assert AT_MOZILLA not in str([opening.details for opening in openings])  # anyone with the URL could send messages


def test_concurrent_registration_of_same_browser_is_rejected(
    inline: SyncRunner, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bea = accounts.add_member(Owner.objects.get(), "bea@example.org", "viewer", "correct horse battery", by="test").user
    forget = push_subscriptions._forget_browser

    def overtake(user: User, endpoint: str, before: str) -> bool:
        forgotten = forget(user, endpoint, before)
        monkeypatch.setattr(push_subscriptions, "_forget_browser", forget)
        register_browser(inline, bea)
        return forgotten

    monkeypatch.setattr(push_subscriptions, "_forget_browser", overtake)
    with pytest.raises(InvalidRequestError):
        register_browser(inline, ann)


def remove_user(ann: User) -> None:
    studio = Owner.objects.get()
    accounts.add_member(studio, "bea@example.org", "owner", "correct horse battery", by="test")
    accounts.remove_member(studio, ann.pk, by="test")


@pytest.mark.parametrize(
    "end",
    [
        lambda ann: devices.forget_devices(ann, by="test"),  # as when other sessions are ended
        lambda ann: accounts.change_password(ann, "another horse battery"),
        remove_user,
        lambda ann: ann.delete(),
    ],
)
def test_losing_a_device_changing_the_password_or_leaving_removes_push_browsers(
    inline: SyncRunner, ann: User, end: Callable[[User], object]
) -> None:
    register_browser(inline, ann)
    end(ann)
    assert not PushSubscription.objects.exists()


def test_member_of_other_owner_is_still_notified(inline: SyncRunner, ann: User) -> None:
    accounts.add_member(owner("agency"), ann.email, "viewer", None, by="test")
    accounts.add_member(
        Owner.objects.get(slug="studio"), "bea@example.org", "owner", "correct horse battery", by="test"
    )
    register_browser(inline, ann)
    accounts.remove_member(Owner.objects.get(slug="studio"), ann.pk, by="test")
    assert PushSubscription.objects.exists()


def test_no_browser_is_added_when_push_is_disabled(inline: SyncRunner, ann: User) -> None:
    inline.services.config = replace(inline.services.config, push=False)
    with pytest.raises(InvalidRequestError):
        register_browser(inline, ann)


def test_browser_keys_are_read_with_and_without_padding(inline: SyncRunner, ann: User) -> None:
    browser = Subscriber("")
    subscription = browser.subscription
    for p256dh, auth in (
        (subscription["p256dh"] + "=", subscription["auth"] + "=="),
        (subscription["p256dh"], subscription["auth"]),
    ):
        row = register_browser(inline, ann, p256dh=p256dh, auth=auth)
        assert (bytes(row.public_key), bytes(row.auth)) == (browser.public, browser.auth)
