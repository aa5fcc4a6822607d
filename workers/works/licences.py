"""Licences as people write them, in a table or in fields, made into what the ledger keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from registry.accounts import scoped
from registry.models import Owner, Work
from registry.works.licences import NewLicence, checked
from workers.works.tables import read_licences


def licences_in_table(owner: Owner, name: str, data: bytes) -> list[NewLicence]:
    """The licences of a table, CSV or XLSX; raises ``WrongUseError``, which names the line and what is wrong."""
    lines = read_licences(name, data)
    by_name = _by_name(owner, [work for line in lines for work in line.works])
    licences = []
    for line in lines:
        try:
            licences.append(checked(replace(line.licence, works=_named(owner, line.works, by_name))))
        except WrongUseError as error:
            said = {"name": name, "line": line.line, "problem": error.message}
            raise WrongUseError(_("%(name)s, line %(line)d: %(problem)s") % said, hint=error.hint) from None
    return licences


def works_named(owner: Owner, text: str) -> tuple[Work, ...]:
    """The works of numbers or names of files, with ``;``, commas or line breaks between; raises ``WrongUseError``."""
    for sign in ",;；，\n":
        text = text.replace(sign, ";")
    names = [part.strip() for part in text.split(";") if part.strip()]
    return _named(owner, names, _by_name(owner, names))


def _by_name(owner: Owner, names: Iterable[str]) -> Mapping[str, Sequence[Work]]:
    """The works that some names may mean."""
    wanted = set(names)
    numbers = [int(number) for number in wanted if number.isdecimal() and len(number) < 10]
    rows = scoped.works(owner)
    found: dict[str, list[Work]] = {name: [] for name in wanted}
    for work in (rows.filter(number__in=numbers) | rows.filter(source_name__in=wanted)) if wanted else ():
        for name in wanted & {str(work.number), work.source_name}:
            found[name].append(work)
    return found


def _named(owner: Owner, names: Sequence[str], by_name: Mapping[str, Sequence[Work]]) -> tuple[Work, ...]:
    for name in names:
        if len(by_name[name]) != 1:
            none, several = _("No work of %(name)s: “%(given)s”."), _("Several works of %(name)s: “%(given)s”.")
            sentence = (several if by_name[name] else none) % {"name": owner.name, "given": name}
            raise WrongUseError(sentence, hint=_("Write the numbers of works or the names of their files."))
    return tuple(by_name[name][0] for name in names)
