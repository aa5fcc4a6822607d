"""Test inviting contributors, binding them to one key, and excluding them."""

import pytest

from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from registry.edge import contributors

pytestmark = pytest.mark.django_db


def test_contributor_name_is_unique_until_removal() -> None:
    row, token = contributors.invite_contributor("Ann", by="operator")
    with pytest.raises(InvalidRequestError):
        contributors.invite_contributor("Ann", by="operator")
    assert contributors.find_contributor_by_token(token) == row
    contributors.remove_contributor(row, by="operator", discard_results=False)
    assert contributors.find_contributor_by_token(token) is None
    with pytest.raises(NotFoundError):
        contributors.get_contributor("Ann")
    assert contributors.invite_contributor("Ann", by="operator")[0] != row


def test_key_is_enrolled_once_and_unique() -> None:
    ann, bob = (contributors.invite_contributor(name, by="operator")[0] for name in ("Ann", "Bob"))
    contributors.record_public_key(ann, b"a" * 32)
    contributors.record_public_key(ann, b"a" * 32)
    with pytest.raises(ConflictError):
        contributors.record_public_key(ann, b"b" * 32)
    with pytest.raises(ConflictError):
        contributors.record_public_key(bob, b"a" * 32)
    contributors.remove_contributor(bob, by="operator", discard_results=False)
    with pytest.raises(NotFoundError):
        contributors.record_public_key(bob, b"c" * 32)
