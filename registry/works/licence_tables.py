"""Licences entered in a table or form, converted for the ledger."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError
from registry.accounts.models import Owner
from registry.works import scoped
from registry.works.headings import list_aliases
from registry.works.licences import NewLicence, normalise_licence
from registry.works.models import Work
from registry.works.spreadsheets import ColumnChooser, ParsedTable, TableInterpretation, choose_no_columns, read_table
from registry.works.work_tables import normalise_name, parse_day, split_parts

MAX_BYTES = 2 * 1024 * 1024
"""Maximum size in bytes of a table that is read during a request; larger ones need the command line."""
COLUMNS = {
    "works": 10_000, "licensee": 300, "domain": 253, "url_pattern": 1_000, "account": 200, "territories": 1_000,
    "valid_from": 40, "valid_until": 40, "reason": 10_000, "reseller": 200, "invoice": 100,
}  # fmt: skip
REQUIRED = "licensee"
MAX_CANDIDATES = 5
"""Maximum number of works that an error lists for an ambiguous file name."""
ALIASES = list_aliases(COLUMNS)
"""Alternative headings of the columns, in lower case."""


@dataclass(frozen=True, slots=True)
class LicenceTable:
    """Licences read from a table, before they are added to the ledger."""

    licences: tuple[NewLicence, ...]
    interpretation: TableInterpretation

    def __iter__(self) -> Iterator[NewLicence]:
        """Iterate over its licences."""
        return iter(self.licences)


def parse_licence_table(  # noqa: PLR0913 - keyword-only; most are rarely used
    owner: Owner,
    name: str,
    data: bytes,
    *,
    order: str = "",
    is_ignored: Callable[[str], bool] = lambda _heading: False,
    choose_columns: ColumnChooser = choose_no_columns,
    encoding: str = "",
    accepts_likely: bool = False,
    skips_invalid: bool = False,
) -> LicenceTable:
    """Read the licences in a CSV or XLSX table.

    Args:
        owner: The owner of the works.
        name: Name of the file.
        data: Content of the file.
        order: Order of days like 01/02/2026, one of :data:`registry.works.work_tables.DAY_ORDERS`; otherwise
            they are rejected.
        is_ignored: Returns True for the heading of a column to ignore.
        choose_columns: Returns the columns that the user has chosen for headings.
        encoding: Text encoding as Python names it; detected if empty.
        accepts_likely: Accept Windows-1252 if it is the likely encoding. Set this only if the rows are previewed.
        skips_invalid: Skip invalid rows and list them in ``interpretation`` instead of raising an error.

    Raises:
        InvalidRequestError: The table is invalid. The message contains the row and the problem.
        HeadingsError: Columns are unknown and the user has not chosen their meaning.
        InvalidRowsError: Rows are invalid and ``skips_invalid`` is not set.
    """

    def parse_row(_line: int, row: Mapping[str, str]) -> tuple[tuple[str, ...], NewLicence]:
        return _to_licence(row, order)

    table = read_table(
        name, data, COLUMNS, required_column=REQUIRED, aliases=ALIASES, convert=parse_row, is_ignored=is_ignored,
        choose_columns=choose_columns,
        encoding=encoding, accepts_likely=accepts_likely,
    )  # fmt: skip
    by_name = _find_works_by_name(owner, [work for _line, (works, _licence) in table.rows for work in works])
    licences, errors = [], list(table.errors)
    for line, (works, licence) in table.rows:
        try:
            licences.append((line, normalise_licence(replace(licence, works=_resolve_names(owner, works, by_name)))))
        except InvalidRequestError as error:
            errors.append((line, error))
    interpretation = ParsedTable(name, licences, table.interpretation, errors).check_rows(skips_invalid=skips_invalid)
    return LicenceTable(tuple(licence for _line, licence in licences), interpretation)


def parse_works(owner: Owner, text: str) -> tuple[Work, ...]:
    """Parse numbers or file names of works, separated by ``;``, commas or line breaks.

    Raises ``InvalidRequestError``.
    """
    for separator in ",;；，\n":
        text = text.replace(separator, ";")
    names = split_parts(text)
    return _resolve_names(owner, names, _find_works_by_name(owner, names))


def _find_works_by_name(owner: Owner, names: Iterable[str]) -> Mapping[str, Sequence[Work]]:
    """Return the works to which each name may refer: by number, by file name, or by file name without its folders."""
    plain_names = {name: normalise_name(name) for name in names}
    numbers = {int(name) for name in plain_names if name.isdecimal() and len(name) < 10}
    rows = scoped.list_owner_works(owner)
    exact_matches = rows.filter(number__in=numbers) | rows.filter(source_name__in=set(plain_names.values()))
    by_text: dict[str, list[Work]] = {}
    for work in exact_matches if plain_names else ():
        for text in {str(work.number), work.source_name}:
            by_text.setdefault(text, []).append(work)
    matches = {name: by_text.get(name) or by_text.get(file, []) for name, file in plain_names.items()}
    if missing := {name: file for name, file in plain_names.items() if not matches[name]}:
        matches |= _find_works_in_folders(owner, missing)
    return matches


def _find_works_in_folders(owner: Owner, names: Mapping[str, str]) -> dict[str, list[Work]]:
    """Return the works whose file paths end with these names, in any folder."""
    file_names = {file.rpartition("/")[2] for file in names.values()}
    paths: dict[str, list[tuple[str, int]]] = {}
    for key, path in scoped.list_owner_works(owner).filter(source_name__contains="/").values_list("pk", "source_name"):
        if (end := path.rpartition("/")[2]) in file_names:
            paths.setdefault(end, []).append((path, key))
    keys = {
        name: [key for path, key in paths.get(file.rpartition("/")[2], ()) if path.endswith(f"/{file}")]
        for name, file in names.items()
    }
    rows = scoped.list_owner_works(owner).in_bulk([key for work_keys in keys.values() for key in work_keys])
    return {name: [rows[key] for key in work_keys] for name, work_keys in keys.items()}


def _resolve_names(owner: Owner, names: Sequence[str], by_name: Mapping[str, Sequence[Work]]) -> tuple[Work, ...]:
    for name in names:
        if len(by_name[name]) != 1:
            none_message, several_message = (
                _("No work of %(name)s corresponds to “%(given)s”."),
                _("Several works of %(name)s correspond to “%(given)s”."),
            )
            sentence = (several_message if by_name[name] else none_message) % {"name": owner.name, "given": name}
            hint = _("Enter the numbers of the works or their file names.")
            if by_name[name]:
                sentence = f"{sentence} {_describe_candidates(by_name[name])}"
                hint = _("Enter the number of the work, or its file name including the folder.")
            raise InvalidRequestError(sentence, hint=hint)
    return tuple(by_name[name][0] for name in names)


def _describe_candidates(works: Sequence[Work]) -> str:
    """Return a sentence that lists the works to which a name may refer, by file and number."""
    rows = sorted(works, key=lambda work: work.number)
    files = [f"{work.source_name} ({work.number})" for work in rows[:MAX_CANDIDATES]]
    text = _("Possible works: %(files)s.") % {"files": ", ".join(files)}
    more_count = len(rows) - MAX_CANDIDATES
    if more_count <= 0:
        return text
    more_text = _("And %(count)d more.") % {"count": more_count}
    return f"{text} {more_text}"


def _to_licence(row: Mapping[str, str], order: str) -> tuple[tuple[str, ...], NewLicence]:
    """Return the numbers or file names of a row's works (empty for all works), and the licence without them."""
    if not (row["domain"] or row["url_pattern"]):
        text = _("Neither domain nor url_pattern is filled in.")
        raise InvalidRequestError(text, hint=_("A licence must specify where the use is permitted."))
    first_day, last_day = (parse_day(row[column], order) for column in ("valid_from", "valid_until"))
    if first_day and last_day and last_day < first_day:
        raise InvalidRequestError(_("valid_until is before valid_from."))
    domain, url_pattern = row["domain"], row["url_pattern"]
    if not domain and not any(char in url_pattern for char in "/*"):  # a host name without a path
        domain, url_pattern = url_pattern, ""
    licence = NewLicence(
        licensee=row["licensee"],
        domain=domain,
        url_pattern=url_pattern,
        valid_from=first_day,
        valid_until=last_day,
        reason=row["reason"],
        account=row["account"],
        territories=split_parts(row["territories"]),
        reseller=row["reseller"],
        invoice=row["invoice"],
    )
    return split_parts(row["works"]), licence
