"""Tables of fees as people have them, CSV or XLSX, one line a use; and the ledger as CSV."""

import csv
import io
from collections.abc import Mapping

from registry.models import Fee, Owner
from registry.parties.demands import currency_named, ledger, read_amount
from registry.works.spreadsheets import read_lines, uncomputed

COLUMNS = {"use": 300, "size": 100, "duration": 100, "amount": 20}
ALIASES = {"price": "amount", "fee": "amount", "用途": "use", "尺寸": "size", "期限": "duration", "金额": "amount"}


def fees_in_table(name: str, data: bytes, currency: str) -> list[Fee]:
    """The lines of a table; raises ``WrongUseError``, which names the line and what is wrong."""
    code = currency_named(currency)

    def read(_line: int, row: Mapping[str, str]) -> Fee:
        return Fee(use=row["use"], size=row["size"], duration=row["duration"], amount=read_amount(row["amount"], code))

    return read_lines(name, data, COLUMNS, needed="use", aliases=ALIASES, read=read)


def ledger_bytes(owner: Owner) -> bytes:
    """The ledger of an owner as CSV, in which a spreadsheet computes nothing."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([uncomputed(str(cell)) for cell in line] for line in ledger(owner))
    return ("\ufeff" + out.getvalue()).encode()
