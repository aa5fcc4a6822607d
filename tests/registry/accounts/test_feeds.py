"""Addresses of feeds, which let a member read and nobody else."""

from registry.accounts import feeds
from registry.models import Membership, User
from tests.assets.rows import owner


def test_an_address_is_good_until_another_is_made_it_is_revoked_or_its_member_leaves(db: None) -> None:
    studio, ann = owner("studio"), User.objects.create_user("ann", "ann@example.org")
    membership = Membership.objects.create(owner=studio, user=ann)
    first = feeds.make(studio, ann, by="Ann")
    found = feeds.find(first)
    assert found is not None
    assert (found.owner, found.user) == (studio, ann)
    second = feeds.make(studio, ann, by="Ann")
    assert (feeds.find(first), feeds.find("guessed")) == (None, None)
    membership.delete()
    assert feeds.find(second) is None
    Membership.objects.create(owner=studio, user=ann)
    assert feeds.find(second) is not None
    User.objects.update(is_active=False)
    assert feeds.find(second) is None
    User.objects.update(is_active=True)
    feeds.revoke(studio, ann, by="Ann")
    assert feeds.find(second) is None
