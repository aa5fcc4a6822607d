"""Test inviting contributors, binding them to one key, and excluding them."""

import pytest

from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from registry.edge import contributors

pytestmark = pytest.mark.django_db


def test_contributor_name_is_unique_until_removal() -> None:
    row, token = contributors.invite("Ann", by="operator")
    with pytest.raises(WrongUseError):
        contributors.invite("Ann", by="operator")
    assert contributors.find_by_token(token) == row
    contributors.remove_contributor(row, by="operator", drop=False)
    assert contributors.find_by_token(token) is None
    with pytest.raises(NotFoundError):
        contributors.get_contributor("Ann")
    assert contributors.invite("Ann", by="operator")[0] != row


def test_key_is_enrolled_once_and_unique() -> None:
    ann, bob = (contributors.invite(name, by="operator")[0] for name in ("Ann", "Bob"))
    contributors.enrol(ann, b"a" * 32)
    contributors.enrol(ann, b"a" * 32)
    with pytest.raises(ConflictError):
        contributors.enrol(ann, b"b" * 32)
    with pytest.raises(ConflictError):
        contributors.enrol(bob, b"a" * 32)
    contributors.remove_contributor(bob, by="operator", drop=False)
    with pytest.raises(NotFoundError):
        contributors.enrol(bob, b"c" * 32)
