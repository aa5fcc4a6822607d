"""Test API tokens: scopes, expiry, revocation and the log of their use."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from exhibit import clock
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.members import tokens
from registry.models import ApiToken, LogOpening, Membership, Owner, Role, Scope, User
from tests.assets.rows import owner

ALL_SCOPES = [scope.value for scope in Scope]


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def ann(studio: Owner) -> User:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", password="not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    return user


@pytest.fixture
def advance_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Return a function that advances the clock."""

    def shift_clock(by: timedelta) -> None:
        def moment() -> datetime:
            return clock.now() + by

        monkeypatch.setattr(tokens, "now", moment)

    return shift_clock


def read_details(what: str) -> list[dict[str, object]]:
    rows = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=what)
    return [row.details or {} for row in rows.order_by("pk")]


def test_api_token_is_found_by_its_secret_and_the_secret_is_not_stored(studio: Owner, ann: User) -> None:
    row, secret = tokens.create_token(studio, ann, name="Nightly", scopes=["read", "write"], days=30)
    result = tokens.find_token(secret)
    assert result is not None
    assert (result[0], result[1]) == (row, frozenset({Scope.READ, Scope.WRITE}))
    stored_text = str(ApiToken.objects.values().get()) + row.digest.hex
    assert secret not in stored_text
    for other in (row.begins, row.digest.hex, f"exh_{row.digest.hex}", secret[:-1], f"{secret}x", "", "exh_"):
        assert tokens.find_token(other) is None
    assert secret not in str(read_details("token made"))


def test_expired_token_grants_nothing(studio: Owner, ann: User, advance_time: Callable[[timedelta], None]) -> None:
    _, secret = tokens.create_token(studio, ann, name="Nightly", scopes=["read"], days=30)
    advance_time(timedelta(days=29, hours=23))
    assert tokens.find_token(secret) is not None
    advance_time(timedelta(days=30, seconds=1))
    assert tokens.find_token(secret) is None


def test_revoked_token_grants_nothing_and_revocation_is_logged_with_author(studio: Owner, ann: User) -> None:
    row, secret = tokens.create_token(studio, ann, name="Nightly", scopes=["read"], days=30)
    with pytest.raises(NotFoundError):
        tokens.revoke_token(owner("agency"), row.pk, by="charlie@example.org")
    tokens.revoke_token(studio, row.pk, by="bob@example.org")
    assert tokens.find_token(secret) is None
    [details] = read_details("token revoked")
    assert (details["by"], details["user"], details["name"]) == ("bob@example.org", "ann@example.org", "Nightly")
    with pytest.raises(NotFoundError):
        tokens.revoke_token(studio, row.pk, by="bob@example.org")


def test_token_grants_no_more_than_the_members_current_role(studio: Owner, ann: User) -> None:
    _, secret = tokens.create_token(studio, ann, name="Everything", scopes=ALL_SCOPES, days=30)
    for role, permitted in ((Role.REVIEWER, set(Scope) - {Scope.MANAGE}), (Role.VIEWER, {Scope.READ})):
        Membership.objects.update(role=role)
        result = tokens.find_token(secret)
        assert result is not None
        assert result[1] == permitted
    Membership.objects.all().delete()
    assert tokens.find_token(secret) is None


def test_inactive_user_has_no_tokens(studio: Owner, ann: User) -> None:
    _, secret = tokens.create_token(studio, ann, name="Nightly", scopes=["read"], days=30)
    User.objects.update(is_active=False)
    ann.refresh_from_db()
    assert tokens.find_token(secret) is None
    assert tokens.list_permitted_scopes(studio, ann) == frozenset()


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
def test_invalid_token_request_is_rejected_with_a_hint(
    studio: Owner, ann: User, name: str, scopes: list[str], days: int
) -> None:
    Membership.objects.update(role=Role.VIEWER)
    with pytest.raises(InvalidRequestError):
        tokens.create_token(studio, ann, name=name, scopes=scopes, days=days)
    assert not ApiToken.objects.exists()


def test_non_member_cannot_create_a_token(studio: Owner, ann: User) -> None:
    with pytest.raises(InvalidRequestError):
        tokens.create_token(owner("agency"), ann, name="x", scopes=["read"], days=1)


def test_token_use_is_recorded_to_the_minute_and_logged_daily(
    studio: Owner, ann: User, advance_time: Callable[[timedelta], None]
) -> None:
    row, secret = tokens.create_token(studio, ann, name="Nightly", scopes=["read"], days=30)
    for _ in range(3):
        result = tokens.find_token(secret)
        assert result is not None
        tokens.record_use(result[0])
    row.refresh_from_db()
    assert row.used_at is not None
    assert [details["by"] for details in read_details("token used")] == ["ann@example.org (token Nightly)"]
    advance_time(timedelta(days=1))
    result = tokens.find_token(secret)
    assert result is not None
    tokens.record_use(result[0])
    assert len(read_details("token used")) == 2


def test_owner_lists_only_its_own_tokens(studio: Owner, ann: User) -> None:
    agency = owner("agency")
    Membership.objects.create(user=ann, owner=agency, role=Role.OWNER)
    active_token, _ = tokens.create_token(studio, ann, name="Kept", scopes=["read"], days=30)
    revoked_token, _ = tokens.create_token(studio, ann, name="Gone", scopes=["read"], days=30)
    tokens.create_token(agency, ann, name="Elsewhere", scopes=["read"], days=30)
    tokens.revoke_token(studio, revoked_token.pk, by="ann@example.org")
    assert list(tokens.list_tokens(studio)) == [active_token]
    tokens.revoke_all_tokens(studio, ann, by="ann@example.org")
    assert [row.name for row in tokens.list_tokens(agency)] == ["Elsewhere"]
    assert not tokens.list_tokens(studio).exists()
