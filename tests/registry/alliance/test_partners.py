"""Test partners' keys, and the terms of agreements about blind search."""

from datetime import timedelta

import pytest

from evidence.log.notes import format_cosigner_key, format_verifier_key
from exhibit.clock import now
from exhibit.errors import ConflictError, WrongUseError
from registry.alliance import partners
from tests.assets.partners import new_signer, partner_of


def test_a_key_has_one_role_and_one_name_among_partners(db: None) -> None:
    signer, other = new_signer(), new_signer()
    anna = partner_of(signer, "anna")
    other_keys = (
        format_verifier_key("b.example/log", other.public_key),
        format_cosigner_key("b.example/log/w", other.public_key),
    )
    signer_keys = (
        format_verifier_key("b.example/log", signer.public_key),
        format_cosigner_key("b.example/log/w", signer.public_key),
    )
    for log, cosigner, message in (
        (signer_keys[0], other_keys[1], "anna, already uses one of these keys"),
        (other_keys[0], signer_keys[1], "anna, already uses one of these keys"),
        (*other_keys, "only one role"),
    ):
        with pytest.raises(ConflictError, match=message):
            partners.add("b", "https://b.example", log, cosigner, by="operator")
    assert partner_of(signer, "anna").pk == anna.pk  # the same keys under the same name
    assert [row.name for row in partners.list_active()] == ["anna"]


def test_terms_that_cannot_be_are_refused(db: None) -> None:
    partner = partner_of(new_signer())
    for fields, days, queries in ((["all"], 1, 1), ([], 1, 1), (["page"], -1, 1), (["page"], 1, 0)):
        with pytest.raises(WrongUseError):
            partners.create_agreement(partner, fields, now() + timedelta(days=days), queries, by="operator")
