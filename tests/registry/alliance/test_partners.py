"""Test partners' keys, and the terms of agreements about blind search."""

from datetime import timedelta

import pytest

from evidence.log.notes import cosigner_key, verifier_key
from exhibit.clock import now
from exhibit.errors import ConflictError, WrongUseError
from registry.alliance import partners
from tests.assets.partners import new_signer, partner_of


def test_a_key_has_one_role_and_one_name_among_partners(db: None) -> None:
    signer, other = new_signer(), new_signer()
    anna = partner_of(signer, "anna")
    ours = verifier_key("b.example/log", other.public_key), cosigner_key("b.example/log/w", other.public_key)
    theirs = verifier_key("b.example/log", signer.public_key), cosigner_key("b.example/log/w", signer.public_key)
    for log, witness, words in (
        (theirs[0], ours[1], "anna, has one of these keys"),
        (ours[0], theirs[1], "anna, has one of these keys"),
        (*ours, "a key has one role"),
    ):
        with pytest.raises(ConflictError, match=words):
            partners.add("b", "https://b.example", log, witness, by="operator")
    assert partner_of(signer, "anna").pk == anna.pk  # the same keys under the same name
    assert [row.name for row in partners.active()] == ["anna"]


def test_terms_that_cannot_be_are_refused(db: None) -> None:
    partner = partner_of(new_signer())
    for fields, days, queries in ((["all"], 1, 1), ([], 1, 1), (["page"], -1, 1), (["page"], 1, 0)):
        with pytest.raises(WrongUseError):
            partners.agree(partner, fields, now() + timedelta(days=days), queries, by="operator")
