"""Licences as people write them, in a table or in fields, made into what the ledger keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from registry.accounts import scoped
from registry.models import Owner, Work
from registry.works.licences import NewLicence, checked
from workers.works.spreadsheets import read_lines
from workers.works.tables import day, parts_of

COLUMNS = {
    "works": 10_000, "licensee": 300, "domain": 253, "url_pattern": 1_000, "account": 200, "territories": 1_000,
    "valid_from": 40, "valid_until": 40, "reason": 10_000,
}  # fmt: skip
ALIASES = {
    "作品": "works", "被许可人": "licensee", "被许可方": "licensee", "域名": "domain", "网址": "url_pattern",
    "账号": "account", "地区": "territories",
    "开始日期": "valid_from", "结束日期": "valid_until", "理由": "reason",
}  # fmt: skip


def licences_in_table(owner: Owner, name: str, data: bytes) -> list[NewLicence]:
    """The licences of a table, CSV or XLSX; raises ``WrongUseError``, which names the line and what is wrong."""
    lines = read_lines(name, data, COLUMNS, needed="licensee", aliases=ALIASES, read=_licence)
    by_name = _by_name(owner, [work for _line, works, _licence in lines for work in works])
    licences = []
    for line, works, licence in lines:
        try:
            licences.append(checked(replace(licence, works=_named(owner, works, by_name))))
        except WrongUseError as error:
            said = {"name": name, "line": line, "problem": error.message}
            raise WrongUseError(_("%(name)s, line %(line)d: %(problem)s") % said, hint=error.hint) from None
    return licences


def works_named(owner: Owner, text: str) -> tuple[Work, ...]:
    """The works of numbers or names of files, with ``;``, commas or line breaks between; raises ``WrongUseError``."""
    for sign in ",;；，\n":
        text = text.replace(sign, ";")
    names = parts_of(text)
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


def _licence(line: int, row: Mapping[str, str]) -> tuple[int, tuple[str, ...], NewLicence]:
    """A line's number, the names of files or numbers of its works, none for all, and the licence without them."""
    if not (row["domain"] or row["url_pattern"]):
        text = _("neither a domain nor a url_pattern is given.")
        raise WrongUseError(text, hint=_("A licence names where the use is permitted."))
    first, last = (day(row[column]) for column in ("valid_from", "valid_until"))
    if first and last and last < first:
        raise WrongUseError(_("valid_until is before valid_from."))
    licence = NewLicence(
        licensee=row["licensee"],
        domain=row["domain"].lower(),
        url_pattern=row["url_pattern"],
        valid_from=first,
        valid_until=last,
        reason=row["reason"],
        account=row["account"],
        territories=parts_of(row["territories"]),
    )
    return line, parts_of(row["works"]), licence
