"""Terms of agreements about blind search."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.alliance import partners
from tests.assets.partners import new_signer, partner_of


def test_terms_that_cannot_be_are_refused(db: None) -> None:
    partner = partner_of(new_signer())
    for fields, days, queries in ((["all"], 1, 1), ([], 1, 1), (["page"], -1, 1), (["page"], 1, 0)):
        with pytest.raises(WrongUseError):
            partners.agree(partner, fields, now() + timedelta(days=days), queries, by="operator")
