"""Column mappings: the columns that headings in an owner's tables mean, chosen once and stored for later tables."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.plain import remove_control_chars
from registry.accounts.models import Owner
from registry.db.rows import require
from registry.works import licence_tables, work_tables
from registry.works.models import ColumnMapping
from registry.works.spreadsheets import HeadingsError, can_be_assigned, get_column

_COLUMNS = {ColumnMapping.Kind.WORKS: work_tables.WORK_COLUMNS, ColumnMapping.Kind.LICENCES: licence_tables.COLUMNS}
_ALIASES = {ColumnMapping.Kind.WORKS: work_tables.WORK_ALIASES, ColumnMapping.Kind.LICENCES: licence_tables.ALIASES}
_REQUIRED = {ColumnMapping.Kind.WORKS: work_tables.REQUIRED, ColumnMapping.Kind.LICENCES: licence_tables.REQUIRED}
MAX_MAPPINGS = 200
"""Maximum number of stored mappings per owner. The oldest is deleted when another is added."""


class Columns:
    """Mapping of one table's headings to columns: chosen now, or stored for an earlier table.

    Attributes:
        used_mapping: Mapping with which the table was read; ``None`` if its headings alone sufficed.
    """

    used_mapping: ColumnMapping | None = None
    _is_new = False
    _columns_by_heading: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, owner: Owner, kind: ColumnMapping.Kind, chosen_columns: Sequence[str] = (), headings_digest: str = ""
    ) -> None:
        """Create a mapping.

        Args:
            owner: Owner of the stored mappings.
            kind: Content of the table.
            chosen_columns: Column for each heading, or an empty string for none.
            headings_digest: :func:`compute_headings_digest` of the headings to which ``chosen_columns`` applies.
        """
        columns = _COLUMNS[kind]
        self._owner, self._kind, self._headings_digest = owner, kind, headings_digest
        self._chosen_columns = [column if column in columns else "" for column in chosen_columns]

    def __call__(self, headings: Sequence[str]) -> list[str] | None:
        """Return the column of each heading, as :data:`registry.works.spreadsheets.ColumnChooser` requires."""
        if not can_be_assigned(headings):
            return None
        key = _compute_key(headings)
        if self._columns_by_heading:
            self._headings_digest, aliases = key.hex, _ALIASES[self._kind]
            self._chosen_columns = [
                self._columns_by_heading.get(heading, get_column(heading, aliases)) for heading in headings
            ]
        if (self._headings_digest, len(self._chosen_columns)) == (key.hex, len(headings)):
            pairs = [list(pair) for pair in zip(map(remove_control_chars, headings), self._chosen_columns, strict=True)]
            self.used_mapping = ColumnMapping(owner=self._owner, kind=self._kind, key=key, columns=pairs)
            self._is_new = True
        else:
            self.used_mapping = list_mappings(self._owner).filter(kind=self._kind, key=key).first()
        return None if self.used_mapping is None else [column for _heading, column in self.used_mapping.columns]

    def choose(self, columns_by_heading: Mapping[str, str]) -> None:
        """Choose columns by the text of their headings, in any order. Other headings are interpreted automatically.

        Raises:
            InvalidRequestError: A column is unknown.
        """
        columns = _COLUMNS[self._kind]
        for column in columns_by_heading.values():
            if column not in columns:
                hint = _("The first row can contain these column names: %(columns)s") % {"columns": ", ".join(columns)}
                raise InvalidRequestError(
                    _("There is no column named “%(column)s”.") % {"column": column[:100]}, hint=hint
                )
        self._columns_by_heading = {heading.strip(): column for heading, column in columns_by_heading.items()}

    @contextmanager
    def remember_after(self, *, by: str) -> Iterator[None]:
        """Store the choice after the block has read a table's headings, even if the rows have errors."""
        try:
            yield
        except HeadingsError:
            raise
        except ExhibitError:
            self.remember(by=by)
            raise
        self.remember(by=by)

    def remember(self, *, by: str) -> None:
        """Store the current choice for the next table with these headings. Call this after the table was read."""
        if self.used_mapping is None or not self._is_new:
            return
        values = {"columns": self.used_mapping.columns, "by": by, "at": now()}
        self.used_mapping, _new = ColumnMapping.objects.update_or_create(
            owner=self._owner, kind=self._kind, key=self.used_mapping.key, defaults=values
        )
        excess_mappings = list_mappings(self._owner).values_list("pk", flat=True)[MAX_MAPPINGS : 2 * MAX_MAPPINGS]
        ColumnMapping.objects.filter(pk__in=list(excess_mappings)).delete()


def compute_headings_digest(headings: Sequence[str]) -> str:
    """Return the digest of a table's headings in hexadecimal."""
    return _compute_key(headings).hex


def _compute_key(headings: Sequence[str]) -> Digest:
    return Digest.from_bytes(encode_canonical([remove_control_chars(heading) for heading in headings]))


def remember_choice(
    owner: Owner, kind: ColumnMapping.Kind, pairs: Sequence[tuple[str, str]], *, by: str
) -> ColumnMapping:
    """Store a mapping before a table with these headings is uploaded; the column of an unused heading is empty.

    Headings are limited as in :func:`can_be_assigned`.

    Raises:
        InvalidRequestError: A table with these columns could not be read.
    """
    headings, columns = [heading.strip() for heading, _column in pairs], [column for _heading, column in pairs]
    chosen_columns, available_columns, required_column = list(filter(None, columns)), _COLUMNS[kind], _REQUIRED[kind]
    if (
        not available_columns.keys() >= set(chosen_columns)
        or required_column not in chosen_columns
        or len(set(chosen_columns)) < len(chosen_columns)
    ):
        hint = _("The table must contain %(needed)s, and each of the other columns at most once: %(columns)s.")
        values = {
            "needed": required_column,
            "columns": ", ".join(name for name in available_columns if name != required_column),
        }
        raise InvalidRequestError(_("A table with these columns cannot be read."), hint=hint % values)
    mapping = Columns(owner, kind, columns, compute_headings_digest(headings))
    mapping(headings)
    mapping.remember(by=by)
    assert mapping.used_mapping is not None
    return mapping.used_mapping


def list_mappings(owner: Owner) -> QuerySet[ColumnMapping]:
    """Return an owner's stored mappings, newest first."""
    return ColumnMapping.objects.filter(owner=owner).order_by("-at", "-pk")


def delete_mapping(owner: Owner, pk: int) -> None:
    """Delete a mapping. The user has to choose columns for its headings again. Raises ``NotFoundError``."""
    require(list_mappings(owner).filter(pk=pk).first(), "The column mapping does not exist.").delete()
