"""Test API tokens: their scopes, their expiry, and what remains of them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from exhibit import clock
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError, WrongUseError
from registry.members import tokens
from registry.models import ApiToken, LogOpening, Membership, Owner, Role, Scope, User
from tests.assets.rows import owner

ALL = [scope.value for scope in Scope]


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def ann(studio: Owner) -> User:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", password="not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    return user


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """A function that moves the time forward."""

    def shifted(by: timedelta) -> None:
        def moment() -> datetime:
            return clock.now() + by

        monkeypatch.setattr(tokens, "now", moment)

    return shifted


def said(what: str) -> list[dict[str, object]]:
    rows = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=what)
    return [row.details or {} for row in rows.order_by("pk")]


def test_a_token_is_found_by_what_was_shown_and_by_nothing_that_is_kept(studio: Owner, ann: User) -> None:
    row, secret = tokens.make(studio, ann, name="Nightly", scopes=["read", "write"], days=30)
    found = tokens.find(secret)
    assert found is not None
    assert (found[0], found[1]) == (row, frozenset({Scope.READ, Scope.WRITE}))
    kept = str(ApiToken.objects.values().get()) + row.digest.hex
    assert secret not in kept
    for other in (row.begins, row.digest.hex, f"exh_{row.digest.hex}", secret[:-1], f"{secret}x", "", "exh_"):
        assert tokens.find(other) is None
    assert secret not in str(said("token made"))


def test_an_expired_token_permits_nothing(studio: Owner, ann: User, later: Callable[[timedelta], None]) -> None:
    _, secret = tokens.make(studio, ann, name="Nightly", scopes=["read"], days=30)
    later(timedelta(days=29, hours=23))
    assert tokens.find(secret) is not None
    later(timedelta(days=30, seconds=1))
    assert tokens.find(secret) is None


def test_a_revoked_token_permits_nothing_and_the_log_says_who_revoked_it(studio: Owner, ann: User) -> None:
    row, secret = tokens.make(studio, ann, name="Nightly", scopes=["read"], days=30)
    with pytest.raises(NotFoundError):
        tokens.revoke(owner("agency"), row.pk, by="charlie@example.org")
    tokens.revoke(studio, row.pk, by="bob@example.org")
    assert tokens.find(secret) is None
    [details] = said("token revoked")
    assert (details["by"], details["user"], details["name"]) == ("bob@example.org", "ann@example.org", "Nightly")
    with pytest.raises(NotFoundError):
        tokens.revoke(studio, row.pk, by="bob@example.org")


def test_a_token_permits_no_more_than_its_members_role_does_now(studio: Owner, ann: User) -> None:
    _, secret = tokens.make(studio, ann, name="Everything", scopes=ALL, days=30)
    for role, permitted in ((Role.REVIEWER, set(Scope) - {Scope.MANAGE}), (Role.VIEWER, {Scope.READ})):
        Membership.objects.update(role=role)
        found = tokens.find(secret)
        assert found is not None
        assert found[1] == permitted
    Membership.objects.all().delete()
    assert tokens.find(secret) is None


def test_a_person_who_may_not_sign_in_has_no_tokens(studio: Owner, ann: User) -> None:
    _, secret = tokens.make(studio, ann, name="Nightly", scopes=["read"], days=30)
    User.objects.update(is_active=False)
    ann.refresh_from_db()
    assert tokens.find(secret) is None
    assert tokens.permitted(studio, ann) == frozenset()


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", ["read"], 1),
        ("x", [], 1),
        ("x", ["all"], 1),
        ("x", ["read"], 0),
        ("x", ["read"], 367),
        ("x", ["decide"], 1),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_what_to_do(
    studio: Owner, ann: User, name: str, scopes: list[str], days: int
) -> None:
    Membership.objects.update(role=Role.VIEWER)
    with pytest.raises(WrongUseError):
        tokens.make(studio, ann, name=name, scopes=scopes, days=days)
    assert not ApiToken.objects.exists()


def test_a_stranger_makes_no_token(studio: Owner, ann: User) -> None:
    with pytest.raises(WrongUseError):
        tokens.make(owner("agency"), ann, name="x", scopes=["read"], days=1)


def test_use_is_noted_to_the_minute_and_logged_once_a_day(
    studio: Owner, ann: User, later: Callable[[timedelta], None]
) -> None:
    row, secret = tokens.make(studio, ann, name="Nightly", scopes=["read"], days=30)
    for _ in range(3):
        found = tokens.find(secret)
        assert found is not None
        tokens.used(found[0])
    row.refresh_from_db()
    assert row.used_at is not None
    assert [details["by"] for details in said("token used")] == ["ann@example.org (token Nightly)"]
    later(timedelta(days=1))
    found = tokens.find(secret)
    assert found is not None
    tokens.used(found[0])
    assert len(said("token used")) == 2


def test_an_owner_lists_its_own_tokens_only(studio: Owner, ann: User) -> None:
    agency = owner("agency")
    Membership.objects.create(user=ann, owner=agency, role=Role.OWNER)
    kept, _ = tokens.make(studio, ann, name="Kept", scopes=["read"], days=30)
    gone, _ = tokens.make(studio, ann, name="Gone", scopes=["read"], days=30)
    tokens.make(agency, ann, name="Elsewhere", scopes=["read"], days=30)
    tokens.revoke(studio, gone.pk, by="ann@example.org")
    assert list(tokens.tokens_of(studio)) == [kept]
    tokens.revoke_all(studio, ann, by="ann@example.org")
    assert [row.name for row in tokens.tokens_of(agency)] == ["Elsewhere"]
    assert not tokens.tokens_of(studio).exists()
