"""Test users' fee tables: each line is read, or the table is refused with the line's number."""

import pytest

from exhibit.errors import WrongUseError
from registry.parties.tables import parse_fee_table


def test_a_table_in_either_language_is_read() -> None:
    (fee,) = parse_fee_table("a.csv", "用途;期限;金额\n网站;一年;1200.50\n".encode(), "CNY")
    assert (fee.use, fee.size, fee.duration, fee.amount) == ("网站", "", "一年", 120_050)


def test_a_line_that_cant_be_used_is_named() -> None:
    with pytest.raises(WrongUseError, match="3"):
        parse_fee_table("a.csv", b"use,amount\nWebsite,1\nPoster,1.5\n", "JPY")
