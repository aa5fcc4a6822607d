"""Licences as people write them, in a table or in fields, made into what the ledger keeps."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from registry.accounts import scoped
from registry.models import Owner, Work
from registry.works.licences import NewLicence, checked
from workers.works.tables import LicenceLine, read_licences


def licences_in_table(owner: Owner, name: str, data: bytes) -> list[NewLicence]:
    """The licences of a table, CSV or XLSX; raises ``WrongUseError``, which names the line and what is wrong."""
    lines = read_licences(name, data)
    works = _Works(owner, {work for line in lines for work in line.works})
    return [_of_line(name, line, works) for line in lines]


def works_named(owner: Owner, text: str) -> tuple[Work, ...]:
    """The works of numbers or names of files, with ``;``, commas or line breaks between; raises ``WrongUseError``."""
    for sign in ",;；，\n":
        text = text.replace(sign, ";")
    names = [part.strip() for part in text.split(";") if part.strip()]
    return _Works(owner, names).named(names)


def day(text: str) -> date | None:
    """A day as fields give it; nothing for an empty one; raises ``WrongUseError`` for anything else."""
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        said = _("“%(given)s” isn't a day.") % {"given": text.strip()[:40]}
        raise WrongUseError(said, hint=_("Write 2024-05-31.")) from None


class _Works:
    """The works that some names may mean."""

    def __init__(self, owner: Owner, names: Iterable[str]) -> None:
        wanted = set(names)
        numbers = [int(number) for number in wanted if number.isdecimal() and len(number) < 10]
        rows = scoped.works(owner)
        self._owner = owner
        self._by_name: dict[str, dict[int, Work]] = {}
        for work in (rows.filter(number__in=numbers) | rows.filter(source_name__in=wanted)) if wanted else ():
            for name in {str(work.number), work.source_name}:
                self._by_name.setdefault(name, {})[work.pk] = work

    def named(self, names: Sequence[str]) -> tuple[Work, ...]:
        """The works of these names; raises ``WrongUseError``."""
        found = []
        for name in names:
            works = list(self._by_name.get(name, {}).values())
            if len(works) != 1:
                said = {"name": self._owner.name, "given": name}
                text = (
                    _("No work of %(name)s: “%(given)s”.")
                    if not works
                    else _("Several works of %(name)s: “%(given)s”.")
                )
                raise WrongUseError(text % said, hint=_("Write the numbers of works or the names of their files."))
            found += works
        return tuple(found)


def _of_line(name: str, line: LicenceLine, works: _Works) -> NewLicence:
    try:
        return checked(replace(line.licence, works=works.named(line.works)))
    except WrongUseError as error:
        told = _("%(name)s, line %(line)d: %(problem)s") % {"name": name, "line": line.line, "problem": error.message}
        raise WrongUseError(told, hint=error.hint) from None
