"""Column mappings: the meanings of headings in an owner's tables, chosen once and remembered for later tables."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.plain import plain
from registry.accounts.models import Owner
from registry.db.rows import require
from registry.works import licence_tables, work_tables
from registry.works.models import ColumnMapping
from registry.works.spreadsheets import HeadingsError, can_be_assigned, get_column

_COLUMNS = {ColumnMapping.Kind.WORKS: work_tables.WORK_COLUMNS, ColumnMapping.Kind.LICENCES: licence_tables.COLUMNS}
_ALIASES = {ColumnMapping.Kind.WORKS: work_tables.WORK_ALIASES, ColumnMapping.Kind.LICENCES: licence_tables.ALIASES}
_REQUIRED = {ColumnMapping.Kind.WORKS: work_tables.REQUIRED, ColumnMapping.Kind.LICENCES: licence_tables.REQUIRED}
MAX_MAPPINGS = 200
"""Sets of headings that are remembered per owner; the oldest is dropped when another is added."""


class Columns:
    """The columns that the headings of one table stand for: chosen now, or for an earlier table.

    Attributes:
        used: The choice by which the table was read, unless its headings alone sufficed.
    """

    used: ColumnMapping | None = None
    _is_new = False
    _columns_by_heading: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, owner: Owner, kind: ColumnMapping.Kind, chosen_columns: Sequence[str] = (), headings_mark: str = ""
    ) -> None:
        """``chosen_columns`` is a column for each of the headings whose :func:`compute_mark` is ``headings_mark``.

        Or an empty string for none.
        """
        columns = _COLUMNS[kind]
        self._owner, self._kind, self._headings_mark = owner, kind, headings_mark
        self._chosen_columns = [column if column in columns else "" for column in chosen_columns]

    def __call__(self, headings: Sequence[str]) -> list[str] | None:
        """Return the column of each heading, as :data:`registry.works.spreadsheets.ColumnChooser` requires."""
        if not can_be_assigned(headings):
            return None
        key = _compute_key(headings)
        if self._columns_by_heading:
            self._headings_mark, aliases = key.hex, _ALIASES[self._kind]
            self._chosen_columns = [
                self._columns_by_heading.get(heading, get_column(heading, aliases)) for heading in headings
            ]
        if (self._headings_mark, len(self._chosen_columns)) == (key.hex, len(headings)):
            pairs = [list(pair) for pair in zip(map(plain, headings), self._chosen_columns, strict=True)]
            self.used = ColumnMapping(owner=self._owner, kind=self._kind, key=key, columns=pairs)
            self._is_new = True
        else:
            self.used = list_mappings(self._owner).filter(kind=self._kind, key=key).first()
        return None if self.used is None else [column for _heading, column in self.used.columns]

    def choose(self, columns_by_heading: Mapping[str, str]) -> None:
        """Choose columns by the text of their headings, in any order; other headings are interpreted by themselves.

        Raises:
            WrongUseError: A column is unknown.
        """
        columns = _COLUMNS[self._kind]
        for column in columns_by_heading.values():
            if column not in columns:
                hint = _("The first row can contain these column names: %(columns)s") % {"columns": ", ".join(columns)}
                raise WrongUseError(_("There is no column named “%(column)s”.") % {"column": column[:100]}, hint=hint)
        self._columns_by_heading = {heading.strip(): column for heading, column in columns_by_heading.items()}

    @contextmanager
    def remember_after(self, *, by: str) -> Iterator[None]:
        """Remember the choice once a table's headings are understood, even if its rows have errors."""
        try:
            yield
        except HeadingsError:
            raise
        except ExhibitError:
            self.remember(by=by)
            raise
        self.remember(by=by)

    def remember(self, *, by: str) -> None:
        """Store the current choice for the next table with these headings; call it once the table could be read."""
        if self.used is None or not self._is_new:
            return
        values = {"columns": self.used.columns, "by": by, "at": now()}
        self.used, _new = ColumnMapping.objects.update_or_create(
            owner=self._owner, kind=self._kind, key=self.used.key, defaults=values
        )
        excess = list_mappings(self._owner).values_list("pk", flat=True)[MAX_MAPPINGS : 2 * MAX_MAPPINGS]
        ColumnMapping.objects.filter(pk__in=list(excess)).delete()


def compute_mark(headings: Sequence[str]) -> str:
    """Return a mark of the headings for which a choice is made."""
    return _compute_key(headings).hex


def _compute_key(headings: Sequence[str]) -> Digest:
    return Digest.of(canonical([plain(heading) for heading in headings]))


def remember_choice(
    owner: Owner, kind: ColumnMapping.Kind, pairs: Sequence[tuple[str, str]], *, by: str
) -> ColumnMapping:
    """Remember the column of each heading, empty for unused ones, before a table with them is uploaded.

    Headings are limited as in :func:`can_be_assigned`.

    Raises:
        WrongUseError: A table with these columns could not be read.
    """
    headings, columns = [heading.strip() for heading, _column in pairs], [column for _heading, column in pairs]
    chosen_columns, available, required = list(filter(None, columns)), _COLUMNS[kind], _REQUIRED[kind]
    if (
        not available.keys() >= set(chosen_columns)
        or required not in chosen_columns
        or len(set(chosen_columns)) < len(chosen_columns)
    ):
        hint = _("Include %(needed)s, and each of the other columns at most once: %(columns)s.")
        values = {"needed": required, "columns": ", ".join(name for name in available if name != required)}
        raise WrongUseError(_("A table with these columns cannot be read."), hint=hint % values)
    mapping = Columns(owner, kind, columns, compute_mark(headings))
    mapping(headings)
    mapping.remember(by=by)
    assert mapping.used is not None
    return mapping.used


def list_mappings(owner: Owner) -> QuerySet[ColumnMapping]:
    """Return an owner's remembered choices, newest first."""
    return ColumnMapping.objects.filter(owner=owner).order_by("-at", "-pk")


def delete_mapping(owner: Owner, pk: int) -> None:
    """Forget a choice, so that its headings are asked about again; raises ``NotFoundError``."""
    require(list_mappings(owner).filter(pk=pk).first(), "There is no such choice.").delete()
