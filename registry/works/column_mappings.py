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
from registry.db.rows import there
from registry.works import licence_tables, tables
from registry.works.models import ColumnMapping
from registry.works.spreadsheets import HeadingsError, column_of, may_be_chosen

_COLUMNS = {ColumnMapping.Kind.WORKS: tables.WORK_COLUMNS, ColumnMapping.Kind.LICENCES: licence_tables.COLUMNS}
_ALIASES = {ColumnMapping.Kind.WORKS: tables.WORK_ALIASES, ColumnMapping.Kind.LICENCES: licence_tables.ALIASES}
_NEEDED = {ColumnMapping.Kind.WORKS: tables.NEEDED, ColumnMapping.Kind.LICENCES: licence_tables.NEEDED}
MAX_KEPT = 200
"""Sets of headings that are remembered per owner; the oldest is dropped when another is added."""


class Columns:
    """The columns that the headings of one table stand for: chosen now, or for an earlier table.

    Attributes:
        used: The choice by which the table was read, unless its headings alone sufficed.
    """

    used: ColumnMapping | None = None
    _is_new = False
    _named: Mapping[str, str] = MappingProxyType({})

    def __init__(self, owner: Owner, kind: ColumnMapping.Kind, chosen: Sequence[str] = (), of: str = "") -> None:
        """``chosen`` is a column for each of the headings whose :func:`mark` is ``of``, or an empty string for none."""
        columns = _COLUMNS[kind]
        self._owner, self._kind, self._of = owner, kind, of
        self._chosen = [column if column in columns else "" for column in chosen]

    def __call__(self, headings: Sequence[str]) -> list[str] | None:
        """Return the column of each heading, as :data:`registry.works.spreadsheets.Chosen` requires."""
        if not may_be_chosen(headings):
            return None
        key = _key(headings)
        if self._named:
            self._of, aliases = key.hex, _ALIASES[self._kind]
            self._chosen = [self._named.get(heading, column_of(heading, aliases)) for heading in headings]
        if (self._of, len(self._chosen)) == (key.hex, len(headings)):
            pairs = [list(pair) for pair in zip(map(plain, headings), self._chosen, strict=True)]
            self.used = ColumnMapping(owner=self._owner, kind=self._kind, key=key, columns=pairs)
            self._is_new = True
        else:
            self.used = kept_by(self._owner).filter(kind=self._kind, key=key).first()
        return None if self.used is None else [column for _heading, column in self.used.columns]

    def choose(self, named: Mapping[str, str]) -> None:
        """Choose columns by the text of their headings, in any order; other headings are interpreted by themselves.

        Raises:
            WrongUseError: A column is unknown.
        """
        columns = _COLUMNS[self._kind]
        for column in named.values():
            if column not in columns:
                hint = _("The first row can contain these column names: %(columns)s") % {"columns": ", ".join(columns)}
                raise WrongUseError(_("There is no column named “%(column)s”.") % {"column": column[:100]}, hint=hint)
        self._named = {heading.strip(): column for heading, column in named.items()}

    @contextmanager
    def remembered(self, *, by: str) -> Iterator[None]:
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
        beyond = kept_by(self._owner).values_list("pk", flat=True)[MAX_KEPT : 2 * MAX_KEPT]
        ColumnMapping.objects.filter(pk__in=list(beyond)).delete()


def mark(headings: Sequence[str]) -> str:
    """Return a mark of the headings for which a choice is made."""
    return _key(headings).hex


def _key(headings: Sequence[str]) -> Digest:
    return Digest.of(canonical([plain(heading) for heading in headings]))


def choose(owner: Owner, kind: ColumnMapping.Kind, pairs: Sequence[tuple[str, str]], *, by: str) -> ColumnMapping:
    """Remember the column of each heading, empty for unused ones, before a table with them is uploaded.

    Headings are limited as in :func:`may_be_chosen`.

    Raises:
        WrongUseError: A table with these columns could not be read.
    """
    headings, columns = [heading.strip() for heading, _column in pairs], [column for _heading, column in pairs]
    named, available, needed = list(filter(None, columns)), _COLUMNS[kind], _NEEDED[kind]
    if not available.keys() >= set(named) or needed not in named or len(set(named)) < len(named):
        hint = _("Include %(needed)s, and each of the other columns at most once: %(columns)s.")
        values = {"needed": needed, "columns": ", ".join(name for name in available if name != needed)}
        raise WrongUseError(_("A table with these columns cannot be read."), hint=hint % values)
    mapping = Columns(owner, kind, columns, mark(headings))
    mapping(headings)
    mapping.remember(by=by)
    assert mapping.used is not None
    return mapping.used


def kept_by(owner: Owner) -> QuerySet[ColumnMapping]:
    """Return an owner's remembered choices, newest first."""
    return ColumnMapping.objects.filter(owner=owner).order_by("-at", "-pk")


def forget(owner: Owner, pk: int) -> None:
    """Forget a choice, so that its headings are asked about again; raises ``NotFoundError``."""
    there(kept_by(owner).filter(pk=pk).first(), "There is no such choice.").delete()
