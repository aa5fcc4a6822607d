"""Test the exact bytes that a passkey signs, and which pages may request one."""

from datetime import UTC, datetime

import pytest

from evidence.facts.passkey import SignedDecision, is_origin_of


def test_challenge_is_digest_of_statement() -> None:
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
    statement = SignedDecision(
        "purge", "Ann", {"picture": "ab"}, "ann@example.org", "exhibit.example", moment, bytes(32)
    )
    assert statement.challenge.hex() == "5135eb2e628c9a6d66c338cf977d519f0d57befcad1df7a068fee4200dfb9626"


@pytest.mark.parametrize(
    ("origin", "site", "may"),
    [
        ("https://exhibit.example", "exhibit.example", True),
        ("https://www.exhibit.example:8443", "exhibit.example", True),
        ("http://localhost:8080", "localhost", True),
        ("http://exhibit.example", "exhibit.example", False),
        ("https://notexhibit.example", "exhibit.example", False),
        ("https://exhibit.example/", "exhibit.example", False),
        ("https://exhibit.example\n", "exhibit.example", False),
        ("http://127.0.0.1:8080", "localhost", False),
        (None, "exhibit.example", False),
    ],
)
def test_origin_requires_tls_or_loopback(origin: object, site: str, may: bool) -> None:  # noqa: FBT001
    assert is_origin_of(origin, site) is may
