"""Fee tables imported from CSV or XLSX (one row per use), and the ledger exported as CSV or XLSX."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from exhibit.files.delimited import format_csv
from registry.accounts.models import Owner
from registry.parties.demands import iterate_ledger, parse_amount, parse_currency
from registry.parties.models import Fee
from registry.parties.periods import Period
from registry.works.spreadsheets import read_lines

COLUMNS = {"use": 300, "size": 100, "duration": 100, "amount": 20}
ALIASES = {"price": "amount", "fee": "amount", "用途": "use", "尺寸": "size", "期限": "duration", "金额": "amount"}


def parse_fee_table(name: str, data: bytes, currency: str) -> list[Fee]:
    """Parse the rows of a fee table.

    Raises:
        InvalidRequestError: A row is invalid. The error names the row and the problem.
    """
    code = parse_currency(currency)

    def parse_row(_line: int, row: Mapping[str, str]) -> Fee:
        return Fee(use=row["use"], size=row["size"], duration=row["duration"], amount=parse_amount(row["amount"], code))

    return read_lines(name, data, COLUMNS, required_column="use", aliases=ALIASES, convert=parse_row)


def export_ledger_csv(owner: Owner, period: Period | None = None) -> bytes:
    """Export the ledger of an owner (or of one period) as CSV, with formulas escaped for spreadsheets."""
    return ("\ufeff" + format_csv(iterate_ledger(owner, period))).encode()


def export_ledger_xlsx(owner: Owner, period: Period | None = None) -> bytes:
    """Export the ledger as an XLSX workbook with typed dates and amounts; text is never stored as a formula."""
    from openpyxl import Workbook  # noqa: PLC0415 - not every process writes workbooks
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("ledger")
    for ledger_row in iterate_ledger(owner, period):
        values: Sequence[Any] = [
            ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value for value in ledger_row
        ]
        cells = [WriteOnlyCell(sheet, value=value) for value in values]
        for cell in cells:
            if cell.data_type == "f":
                cell.data_type = "s"
        sheet.append(cells)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()
