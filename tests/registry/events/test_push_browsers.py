"""Test which browsers a member has registered for push, what removes them, and hostile URLs and keys."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exhibit.errors import ExhibitError, NotFoundError, WrongUseError
from registry.events import push_browsers
from registry.events.push_browsers import MAX_BROWSERS, add_browser
from registry.members import accounts, devices
from registry.models import LogOpening, Owner, PushBrowser, User
from tests.assets.push_service import Subscriber, encode_base64url
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner

AT_MOZILLA = "https://updates.push.services.mozilla.example/wpush/v2/"


@pytest.fixture
def ann(inline: SyncRunner) -> User:
    return accounts.add_member(owner("studio"), "ann@example.org", "owner", "correct horse battery", by="test").user


def register_browser(inline: SyncRunner, user: User, endpoint: str = AT_MOZILLA, **other: str) -> PushBrowser:
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
def test_an_address_that_leads_elsewhere_is_refused(inline: SyncRunner, ann: User, endpoint: str) -> None:
    with pytest.raises(ExhibitError):
        register_browser(inline, ann, endpoint)
    assert not PushBrowser.objects.exists()


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
def test_keys_that_are_none_are_refused(inline: SyncRunner, ann: User, keys: dict[str, str]) -> None:
    with pytest.raises(WrongUseError):
        register_browser(inline, ann, **keys)
    assert not PushBrowser.objects.exists()


def test_a_member_has_some_browsers_and_one_that_comes_again_counts_once(inline: SyncRunner, ann: User) -> None:
    for number in range(MAX_BROWSERS):
        register_browser(inline, ann, f"{AT_MOZILLA}{number}")
    register_browser(inline, ann, f"{AT_MOZILLA}0")
    with pytest.raises(WrongUseError):
        register_browser(inline, ann, f"{AT_MOZILLA}more")
    assert push_browsers.browsers_of(ann).count() == MAX_BROWSERS


def test_nobody_takes_over_or_removes_the_browser_of_somebody_else(inline: SyncRunner, ann: User) -> None:
    row = register_browser(inline, ann)
    bea = accounts.add_member(Owner.objects.get(), "bea@example.org", "viewer", "correct horse battery", by="test").user
    with pytest.raises(WrongUseError):
        register_browser(inline, bea)
    with pytest.raises(NotFoundError):
        push_browsers.remove_browser(bea, row.pk)
    assert push_browsers.browser_of(bea, str(row.identity)) is None
    assert push_browsers.browser_of(ann, str(row.identity)) == row
    push_browsers.remove_browser(ann, row.pk)
    openings = LogOpening.objects.filter(content__what__startswith="push browser").order_by("pk")
    assert [opening.content["what"] for opening in openings] == ["push browser added", "push browser removed"]
    assert AT_MOZILLA not in str([opening.details for opening in openings])  # its holder could have messages sent


def test_of_two_who_bring_the_same_browser_at_once_one_is_refused(
    inline: SyncRunner, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bea = accounts.add_member(Owner.objects.get(), "bea@example.org", "viewer", "correct horse battery", by="test").user
    forget = push_browsers._forget

    def overtake(user: User, endpoint: str, before: str) -> bool:
        forgotten = forget(user, endpoint, before)
        monkeypatch.setattr(push_browsers, "_forget", forget)
        register_browser(inline, bea)
        return forgotten

    monkeypatch.setattr(push_browsers, "_forget", overtake)
    with pytest.raises(WrongUseError):
        register_browser(inline, ann)


def remove_user(ann: User) -> None:
    studio = Owner.objects.get()
    accounts.add_member(studio, "bea@example.org", "owner", "correct horse battery", by="test")
    accounts.remove_member(studio, ann.pk, by="test")


@pytest.mark.parametrize(
    "end",
    [
        lambda ann: devices.forget_devices(ann, by="test"),  # as ending the other sessions does
        lambda ann: accounts.change_password(ann, "another horse battery"),
        remove_user,
        lambda ann: ann.delete(),
    ],
)
def test_lost_devices_another_password_and_leaving_remove_them(
    inline: SyncRunner, ann: User, end: Callable[[User], object]
) -> None:
    register_browser(inline, ann)
    end(ann)
    assert not PushBrowser.objects.exists()


def test_member_of_another_owner_is_still_notified(inline: SyncRunner, ann: User) -> None:
    accounts.add_member(owner("agency"), ann.email, "viewer", None, by="test")
    accounts.add_member(
        Owner.objects.get(slug="studio"), "bea@example.org", "owner", "correct horse battery", by="test"
    )
    register_browser(inline, ann)
    accounts.remove_member(Owner.objects.get(slug="studio"), ann.pk, by="test")
    assert PushBrowser.objects.exists()


def test_where_the_operator_has_switched_it_off_nothing_is_added(inline: SyncRunner, ann: User) -> None:
    inline.services.config = replace(inline.services.config, push=False)
    with pytest.raises(WrongUseError):
        register_browser(inline, ann)


def test_keys_are_read_as_browsers_write_them_with_and_without_padding(inline: SyncRunner, ann: User) -> None:
    browser = Subscriber("")
    subscription = browser.subscription
    for p256dh, auth in (
        (subscription["p256dh"] + "=", subscription["auth"] + "=="),
        (subscription["p256dh"], subscription["auth"]),
    ):
        row = register_browser(inline, ann, p256dh=p256dh, auth=auth)
        assert (bytes(row.public_key), bytes(row.auth)) == (browser.public, browser.auth)
