"""Test that API tokens permit only what their member may currently do, and that they expire."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.members import tokens
from registry.models import ApiToken, LogOpening, Membership, Owner, Role, Scope, User
from tests.assets.rows import owner


@pytest.fixture
def studio(db: None) -> Owner:
    new_owner = owner("studio")
    user = User.objects.create_user("ann@example.org", "ann@example.org")
    Membership.objects.create(owner=new_owner, user=user, role=Role.REVIEWER)
    return new_owner


@pytest.fixture
def ann(studio: Owner) -> User:
    return User.objects.get()


def test_token_permits_only_the_current_role_of_its_member(studio: Owner, ann: User) -> None:
    row, secret = tokens.create_token(studio, ann, name="script", scopes=[Scope.WRITE, Scope.READ], days=30)
    assert row.scopes == ["read", "write"]
    assert secret not in str(ApiToken.objects.values())
    token = tokens.find_token(secret)
    assert token is not None
    assert token == (row, frozenset({Scope.READ, Scope.WRITE}))
    Membership.objects.update(role=Role.VIEWER)
    token = tokens.find_token(secret)
    assert token is not None
    assert token[1] == frozenset({Scope.READ})
    Membership.objects.all().delete()
    assert tokens.find_token(secret) is None
    assert tokens.list_permitted_scopes(studio, ann) == frozenset()


def test_unknown_expired_or_revoked_token_is_rejected(studio: Owner, ann: User) -> None:
    row, secret = tokens.create_token(studio, ann, name="script", scopes=[Scope.READ], days=1)
    assert [
        tokens.find_token(candidate)
        for candidate in (secret[:-1], secret.removeprefix(tokens.TOKEN_PREFIX), secret * 9)
    ] == [None] * 3
    ApiToken.objects.update(expires_at=now())
    assert tokens.find_token(secret) is None
    ApiToken.objects.update(expires_at=now() + timedelta(days=1))
    with pytest.raises(NotFoundError):
        tokens.revoke_token(owner("agency"), row.pk, by="Eve")
    assert tokens.find_token(secret) is not None
    tokens.revoke_token(studio, row.pk, by="Ann")
    assert tokens.find_token(secret) is None
    assert not tokens.list_tokens(studio).exists()


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        (" ", ["read"], 1),
        ("a", [], 1),
        ("a", ["manage"], 1),
        ("a", ["x"], 1),
        ("a", ["read"], 0),
        ("a", ["read"], 367),
    ],
)
def test_invalid_token_request_is_rejected(studio: Owner, ann: User, name: str, scopes: list[str], days: int) -> None:
    with pytest.raises(InvalidRequestError):
        tokens.create_token(studio, ann, name=name, scopes=scopes, days=days)
    assert not ApiToken.objects.exists()


def test_token_use_is_logged_once_a_day(studio: Owner, ann: User) -> None:
    row, _ = tokens.create_token(studio, ann, name="script", scopes=[Scope.READ], days=30)

    def count_uses() -> int:
        return LogOpening.objects.filter(content__what="token used").count()

    for _ in range(3):
        tokens.record_use(ApiToken.objects.get())
    assert count_uses() == 1
    ApiToken.objects.update(used_at=now() - timedelta(days=1))
    tokens.record_use(ApiToken.objects.get())
    assert count_uses() == 2
    row.refresh_from_db()
    assert row.used_at is not None
    assert now() - row.used_at < timedelta(minutes=1)


def test_feed_url_becomes_invalid_when_replaced_revoked_or_its_member_leaves(db: None) -> None:
    studio, ann = owner("studio"), User.objects.create_user("ann", "ann@example.org")
    membership = Membership.objects.create(owner=studio, user=ann)
    first = tokens.create_feed(studio, ann, by="Ann")
    feed = tokens.find_feed(first)
    assert feed is not None
    assert (feed.owner, feed.user) == (studio, ann)
    second = tokens.create_feed(studio, ann, by="Ann")
    assert (tokens.find_feed(first), tokens.find_feed("guessed")) == (None, None)
    membership.delete()
    assert tokens.find_feed(second) is None
    Membership.objects.create(owner=studio, user=ann)
    assert tokens.find_feed(second) is not None
    User.objects.update(is_active=False)
    assert tokens.find_feed(second) is None
    User.objects.update(is_active=True)
    tokens.revoke_feed(studio, ann, by="Ann")
    assert tokens.find_feed(second) is None
