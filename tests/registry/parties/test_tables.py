"""Test users' fee tables: all rows are parsed, or the table is rejected with the number of the invalid row."""

import pytest

from exhibit.errors import InvalidRequestError
from registry.parties.tables import parse_fee_table


def test_chinese_fee_table_is_parsed() -> None:
    (fee,) = parse_fee_table("a.csv", "用途;期限;金额\n网站;一年;1200.50\n".encode(), "CNY")
    assert (fee.use, fee.size, fee.duration, fee.amount) == ("网站", "", "一年", 120_050)


def test_invalid_fee_row_is_reported_with_its_number() -> None:
    with pytest.raises(InvalidRequestError, match="3"):
        parse_fee_table("a.csv", b"use,amount\nWebsite,1\nPoster,1.5\n", "JPY")
