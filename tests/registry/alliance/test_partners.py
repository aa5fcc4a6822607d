"""Test partners' keys, and the terms of blind search agreements."""

from datetime import timedelta

import pytest

from evidence.log.notes import format_cosigner_key, format_verifier_key
from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError
from registry.alliance import partners
from tests.assets.partners import new_signer, partner_of


def test_partner_keys_must_be_unique(db: None) -> None:
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
            partners.add_partner("b", "https://b.example", log, cosigner, by="operator")
    assert partner_of(signer, "anna").pk == anna.pk  # the same keys under the same name
    assert [row.name for row in partners.list_active_partners()] == ["anna"]


def test_invalid_agreement_terms_are_rejected(db: None) -> None:
    partner = partner_of(new_signer())
    for fields, days, queries in ((["all"], 1, 1), ([], 1, 1), (["page"], -1, 1), (["page"], 1, 0)):
        with pytest.raises(InvalidRequestError):
            partners.create_agreement(partner, fields, now() + timedelta(days=days), queries, by="operator")
