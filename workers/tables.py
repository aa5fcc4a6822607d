"""Tables that people bring: what they declare of their works, and which uses they permit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from workers.sheets import MOST_BYTES, read_lines

WORK_COLUMNS = (
    "file", "title", "author", "holder", "credit", "created", "first_publication", "rights", "registrations",
)  # fmt: skip
LICENCE_COLUMNS = (
    "works", "licensee", "domain", "url_pattern", "account", "territories", "valid_from", "valid_until", "reason",
)  # fmt: skip

WORK_ALIASES = {
    "filename": "file", "file_name": "file", "文件": "file", "文件名": "file",
    "name": "title", "标题": "title", "作品名称": "title", "名称": "title",
    "creator": "author", "photographer": "author", "作者": "author", "摄影师": "author",
    "published": "first_publication", "首次发表": "first_publication", "首次发表日期": "first_publication",
    "copyright": "rights", "权利": "rights", "权利声明": "rights",
    "登记": "registrations", "登记号": "registrations",
    "rights_holder": "holder", "著作权人": "holder", "署名": "credit",
    "date_created": "created", "创作日期": "created", "创作完成日期": "created",
}  # fmt: skip
"""Other names of columns, in lower case."""

LICENCE_ALIASES = {
    "作品": "works", "被许可人": "licensee", "被许可方": "licensee", "域名": "domain", "网址": "url_pattern",
    "账号": "account", "地区": "territories",
    "开始日期": "valid_from", "结束日期": "valid_until", "理由": "reason",
}  # fmt: skip

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True, slots=True)
class DeclaredWork:
    """One line about a file: what its owner declares. Empty where nothing is said."""

    file: str
    title: str
    author: str
    first_publication: str
    rights: str
    registrations: tuple[dict[str, str], ...]
    holder: str = ""
    credit: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredLicence:
    """One permitted use; ``works`` holds file names or numbers and is empty for all works."""

    line: int
    works: tuple[str, ...]
    licensee: str
    domain: str
    url_pattern: str
    valid_from: date | None
    valid_until: date | None
    reason: str
    account: str
    territories: tuple[str, ...]


def table_bytes(path: Path) -> bytes:
    """The bytes of a table in a file, one more than a table may have at most.

    Raises:
        WrongUseError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        text = _("%(name)s can't be read: %(problem)s.")
        raise WrongUseError(text % {"name": path, "problem": error.strerror}) from error


def read_works(name: str, data: bytes) -> dict[str, DeclaredWork]:
    """Read a table of works, CSV or XLSX, by the name of the file.

    Raises:
        WrongUseError: names the line and what is wrong with it.
    """
    declared: dict[str, DeclaredWork] = {}
    for line, row in read_lines(name, data, WORK_COLUMNS, needed="file", aliases=WORK_ALIASES):
        if row["file"] in declared:
            text = _("%(name)s, line %(line)d: %(file)s stands there twice.")
            raise WrongUseError(text % {"name": name, "line": line, "file": row["file"]})
        declared[row["file"]] = DeclaredWork(
            file=row["file"],
            title=row["title"],
            author=row["author"],
            first_publication=_date(name, line, row["first_publication"]),
            rights=row["rights"],
            registrations=tuple(_registrations(name, line, row["registrations"])),
            holder=row["holder"],
            credit=row["credit"],
            created=_date(name, line, row["created"]),
        )
    return declared


def read_licences(name: str, data: bytes) -> list[DeclaredLicence]:
    """Read a table of licences, CSV or XLSX.

    Raises:
        WrongUseError: names the line and what is wrong with it.
    """
    licences = []
    for line, row in read_lines(name, data, LICENCE_COLUMNS, needed="licensee", aliases=LICENCE_ALIASES):
        if not (row["domain"] or row["url_pattern"]):
            text = _("%(name)s, line %(line)d: neither a domain nor a url_pattern is given.")
            hint = _("A licence names where the use is permitted.")
            raise WrongUseError(text % {"name": name, "line": line}, hint=hint)
        first, last = (_day(name, line, row[column]) for column in ("valid_from", "valid_until"))
        if first and last and last < first:
            text = _("%(name)s, line %(line)d: valid_until is before valid_from.")
            raise WrongUseError(text % {"name": name, "line": line})
        licences.append(
            DeclaredLicence(
                line=line,
                works=tuple(filter(None, (one.strip() for one in row["works"].split(";")))),
                licensee=row["licensee"],
                domain=row["domain"].lower(),
                url_pattern=row["url_pattern"],
                valid_from=first,
                valid_until=last,
                reason=row["reason"],
                account=row["account"],
                territories=tuple(filter(None, (one.strip() for one in row["territories"].split(";")))),
            )
        )
    return licences


def _registrations(name: str, line: int, text: str) -> Iterator[dict[str, str]]:
    """Official registrations, several with ``;`` between."""
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        found = registration(part)
        if found is None:
            text = _("%(name)s, line %(line)d: “%(given)s” isn't a registration.")
            said = {"name": name, "line": line, "given": part}
            raise WrongUseError(text % said, hint=_("Write office|number|date."))
        yield found


def registration(text: str) -> dict[str, str] | None:
    """An official registration as ``office|number|date``, whose date may be left out; ``None`` when it isn't one."""
    fields = [field.strip() for field in text.split("|")]
    if len(fields) not in (2, 3) or not all(fields[:2]):
        return None
    return {"office": fields[0], "number": fields[1], "date": fields[2] if len(fields) == 3 else ""}


def dated(text: str) -> bool:
    """Whether a text is an ISO 8601 date that exists, or as much of one as is known: a year, a month or a day."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return False
    return True


def _date(name: str, line: int, text: str) -> str:
    if text and not dated(text):
        said = _("%(name)s, line %(line)d: “%(given)s” isn't a date.") % {"name": name, "line": line, "given": text}
        raise WrongUseError(said, hint=_("Write 2024-05-31 or 2024."))
    return text


def _day(name: str, line: int, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        said = _("%(name)s, line %(line)d: “%(given)s” isn't a day.") % {"name": name, "line": line, "given": text}
        raise WrongUseError(said, hint=_("Write 2024-05-31.")) from None
