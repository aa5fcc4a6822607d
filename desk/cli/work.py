"""Registered works."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.files import (
    Given,
    LeftOut,
    left_out_as_json,
    left_out_in_words,
    left_out_of,
    made_folder,
    pictures_in,
    read_picture,
    written_whole,
)
from desk.cli.common.frame import Desk, examples, finish, no_room, open_desk, person, taken
from desk.cli.common.options import AT_LEAST_1, FILE, THERE, json_option, out_option, owner_option, together
from desk.cli.common.show import counted, fields, listed, moment, note, only_json, say, short, size, tell, told, tracked
from desk.cli.common.tables import (
    columns_of,
    left_out_by,
    note_unread,
    python_name,
    reading_table,
    table_options,
)
from exhibit.errors import ExitCode, RefusedError, WrongUseError
from exhibit.types import DeclaredWork, Untyped

if TYPE_CHECKING:
    from django.db.models import query

    from desk.schemas import works as schemas
    from registry import models
    from registry.works import registration

STATED_SUFFIX = ".json"
LINES_SHOWN = 20
"""Of a table, that name no file."""
DECLARED = "What you declare of them, CSV or XLSX, a line for each file."
STATED = "Declare what the files state (EXIF, IPTC, XMP) where nothing else does."
AT_ONCE = "author holder credit rights created first_publication medium author_kind".split()  # noqa: SIM905 - names to read
work_command = click.Group("work", help="Works whose copies are looked for.")

ONLY = ("doubtful", "unsafe", "seen", "authorless", "held", "related")
finds = together(
    click.option("--match", default="", metavar="WORDS", help="In title, author, holder, file or number."),
    click.option("--only", type=click.Choice(ONLY), help="Only those that need something."),
    click.option("--in", "within", metavar="NAME", help="Only those in this collection."),
)
"""Options that find works: what they give goes to :func:`found_works`."""


def found_works(of: "models.Owner", match: str, only: str | None, within: str | None) -> "query.QuerySet[models.Work]":
    """The works that :func:`finds` asks for; raises ``WrongUseError`` for a collection that isn't there."""
    from registry.cases import work_search

    collection = None if within is None else collection_named(of, within).number
    return work_search.search(of, match, only or "", collection=collection)


def collection_named(of: "models.Owner", name: str) -> "models.Collection":
    """A collection of the owner; raises ``WrongUseError`` for one that isn't there."""
    from registry.works import collections

    row = collections.named(of, name)
    if row is None:
        raise WrongUseError(f"There is no collection {name!r}.", hint="`exhibit api GET collections` shows them all.")
    return row


@work_command.command(
    "add",
    epilog=examples(
        "exhibit work add photo.jpg another.png",
        "exhibit work add ~/Pictures/portfolio --csv works.csv",
        "exhibit work add portfolio --owner studio-example --json",
    ),
)
@click.argument("paths", nargs=-1, required=True, type=THERE)
@owner_option
@click.option("--csv", "csv_file", metavar="FILE", type=FILE, help=DECLARED)
@table_options
@click.option("--metadata", is_flag=True, help=STATED)
@json_option
def add_works(
    *,
    paths: tuple[Path, ...],
    named: str | None,
    csv_file: Path | None,
    encoding: str | None,
    named_columns: tuple[str, ...],
    unused: tuple[str, ...],
    skip_rows: bool,
    metadata: bool,
    as_json: bool,
) -> None:
    """Register pictures as works: files, and folders with all pictures in them; or what `exhibit fingerprint` wrote.

    By such a file (.json) works are registered without their pictures. What is found by fingerprints goes to review.

    A file that can't be registered is named with the reason, the others are registered, and the command ends with 4.
    A picture that is registered already stays the same work, and says what it said.

    Columns of the table: file (needed), title, author, holder, credit, created, first_publication, rights,
    registrations (office|number|date, several with ; between). Usual headings in English, German, French and Chinese
    are understood too.
    """
    files, left = pictures_in(paths), left_out_of(paths)
    if not files:
        said = f" {left_out_in_words(left)}" if left else ""
        raise WrongUseError(f"There are no pictures there.{said}", hint="Name files, or folders that hold pictures.")
    desk = open_desk()
    from registry.models import ColumnMapping
    from registry.works import registration, tables

    if hint := no_room(desk.config):
        raise RefusedError("There is no room left on the disk.", reason="disk", hint=hint)
    of = desk.owner(named)
    columns = columns_of(of, ColumnMapping.Kind.WORKS, named_columns)
    table: tables.WorksTable | None = None
    if csv_file is not None:
        with reading_table(), columns.remembered(by=person()):
            table = tables.read_works(
                csv_file.name, tables.table_bytes(csv_file), columns,
                left_out=left_out_by(unused), encoding=python_name(encoding), skips=skip_rows,
            )  # fmt: skip
    declared: Mapping[str, DeclaredWork] = table or {}
    registered: list[tuple[str, registration.RegistrationResult]] = []
    failed: list[dict[str, Any]] = []
    for name, result in _registered(desk, of, files, declared, metadata=metadata):
        if isinstance(result, RefusedError):
            failed.append({"file": name, "reason": result.reason, "sentence": str(result)})
        else:
            registered.append((name, result))
    works = _shapes(registered)
    names = [*(file.name for file in files), *(name for name, _ in registered), *(one["file"] for one in failed)]
    without_file = tables.lines_without(declared, names)
    answer = {"works": works, "failed": failed, "lines_without_file": without_file}
    answer |= {"lines_unused": _unused(registered, declared), **left_out_as_json(left)}
    skipped = () if table is None else table.understood.skipped
    answer["skipped_rows"] = [{"line": line, "problem": problem} for line, problem in skipped]
    answer["unread_sheets"] = [] if table is None else list(table.understood.unread_sheets)
    if table is not None:
        note_unread(table.understood)
    tell(answer, lambda: _tell(answer, left), as_json=as_json)
    if failed:
        finish(ExitCode.INCOMPLETE)


def _registered(
    desk: Desk, of: "models.Owner", files: Sequence[Given], declared: "Mapping[str, DeclaredWork]", *, metadata: bool
) -> Iterator[tuple[str, "registration.RegistrationResult | RefusedError"]]:
    """Register one file after the other; yields the name of each with its work or why there is none."""
    from indexer.search import prints as stated_prints
    from registry.works import prefetch, registration, stated

    stating = [file for file in files if file.path.suffix.lower() == STATED_SUFFIX]
    for file in stating:
        try:
            prints = stated_prints.read_prints(read_picture(file.path, stated_prints.MAX_FILE))
        except RefusedError as error:
            yield file.name, error
        else:
            yield from stated.register_all(desk.services, of, tracked(prints, "Registering"), declared)
    files = [file for file in files if file not in stating]
    with prefetch.measured_ahead(desk.config, [file.path for file in files]) as wait:
        for file in tracked(files, "Registering"):
            wait()
            try:
                data = read_picture(file.path, desk.services.limits.max_bytes)
                new = _new_work(file, declared, metadata=metadata)
                yield file.name, registration.register_work(desk.services, of, data, new)
            except RefusedError as error:
                yield file.name, error


def _shapes(registered: "Sequence[tuple[str, registration.RegistrationResult]]") -> "list[schemas.AddedWork]":
    """The works as they are now: a mark is found only when several works with it are registered."""
    from desk.schemas import works as schemas
    from registry import models

    rows = schemas.with_pictures(models.Work.objects.all()).in_bulk([result.work.pk for _, result in registered])
    return [
        schemas.AddedWork.from_row(row, remarks=schemas.open_remarks(row), file=name, new=result.new)
        for name, result in registered
        for row in (rows[result.work.pk],)
    ]


def _new_work(file: Given, declared: "Mapping[str, DeclaredWork]", *, metadata: bool) -> "registration.NewWork":
    from registry.works import registration, tables

    line = tables.line_about(declared, file.name)
    return registration.NewWork(line or DeclaredWork(), tables.plain_name(file.name), metadata)


def _unused(
    registered: "Sequence[tuple[str, registration.RegistrationResult]]", declared: "Mapping[str, DeclaredWork]"
) -> list[dict[str, Any]]:
    """Lines that say something else than a work that was registered already, and in which columns."""
    from registry.works import tables

    known = [(name, result.work) for name, result in registered if not result.new]
    lines = [(name, work, line) for name, work in known if (line := tables.line_about(declared, name)) is not None]
    found = [(name, work.number, tables.differing(line, work.declared)) for name, work, line in lines]
    return [{"file": name, "work": number, "columns": columns} for name, number, columns in found if columns]


def _tell(answer: Mapping[str, Any], left: Sequence[LeftOut]) -> None:
    from indexer.compare import wording

    works: Sequence[schemas.AddedWork] = answer["works"]
    new = sum(work.new for work in works)
    old = len(works) - new
    known = f"; {old:,} {'was' if old == 1 else 'were'} registered already" if old else ""
    say(f"{counted(new, 'work')} registered{known}.")
    for work in works:
        if work.flags:
            say(f"  {work.file} {wording.held_back_in_words(work.flags)}.")
        for sentence in (*_cut(work), *_masked(work), *_warned(work, work.remarks)):
            say(f"  {work.file}: {sentence}")
    if any(work.remarks for work in works):
        say("  Answer that on the page of the work before you rely on it.")
    _tell_metadata_problems(works)
    for other in answer["failed"]:
        note(f"  {other['file']}: not registered ({other['reason']}). {other['sentence']}")
    without_file: Sequence[str] = answer["lines_without_file"]
    for file in without_file[:LINES_SHOWN]:
        note(f"  {file}: stands in the table, and no such file was named.")
    if len(without_file) > LINES_SHOWN:
        note(f"  and {counted(len(without_file) - LINES_SHOWN, 'line')} more of the table without a file.")
    if answer["lines_unused"]:
        _tell_unused(answer["lines_unused"])
    if left:
        note(f"  {left_out_in_words(left)}")


def _tell_metadata_problems(works: "Sequence[schemas.AddedWork]") -> None:
    """Print problems with the metadata of works' files."""
    problems = [(work.file, one.sentence) for work in works for one in work.metadata_problems]
    if problems:
        note(f"  The metadata of {counted(sum(bool(work.metadata_problems) for work in works), 'file')} has problems.")
    for file, sentence in problems[:LINES_SHOWN]:
        note(f"  {file}: {sentence}")
    if len(problems) > LINES_SHOWN:
        note(f"  and {len(problems) - LINES_SHOWN:,} more; --json lists all of them.")


def _tell_unused(unused: Sequence[Mapping[str, Any]]) -> None:
    """Say which lines of a table weren't used, and how to declare what they say."""
    lines = counted(len(unused), "line of the table wasn't used", "lines of the table weren't used")
    note(f"  {lines}: what is declared of a registered work stays as it is.")
    for line in unused[:LINES_SHOWN]:
        note(f"  {line['file']}: work {line['work']} says something else in {', '.join(line['columns'])}.")
    if len(unused) > LINES_SHOWN:
        note(f"  and {counted(len(unused) - LINES_SHOWN, 'line')} more.")
    work = unused[0]["work"]
    note(f"  To declare it anew: exhibit work change {work} --set FIELD=VALUE")
    note(f"  Titles and registrations: exhibit api PATCH works/{work} --field title=TITLE, or the page of the work")


@work_command.command(
    "list", epilog=examples("exhibit work list", "exhibit work list --in Harbours --sort title --json")
)
@owner_option
@click.option(
    "--sort", type=click.Choice(("newest", "oldest", "title", "author")), default="oldest", help="Their order."
)
@finds
@json_option
def list_works(
    *, named: str | None, match: str, only: str | None, within: str | None, sort: str, as_json: bool
) -> None:
    """List the registered works, with a word for each remark on one; `exhibit work show` has the sentences."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import works as schemas
    from registry.cases import work_search as searching

    works = searching.in_order(found_works(owner, match, only, within), sort)
    rows = schemas.with_pictures(works).prefetch_related("remarks")
    found = schemas.ListedWork.from_rows(rows)
    columns = ("work", "title", "file", "registered", "remarks")
    nothing = "There is no work yet. Register some: exhibit work add PATHS"
    listed("works", found, columns, lambda work: _line(desk, work), nothing=nothing, as_json=as_json)


def _line(desk: Desk, one: "schemas.ListedWork") -> list[object]:
    masked = sorted({mask.kind for picture in one.pictures for mask in picture.masked})
    doubts = [remark.kind for remark in one.remarks if not remark.answered_at]
    remarks = [*one.flags, *masked, *(["earlier registration"] if one.conflicts else []), *doubts]
    return [one.number, short(one.title), short(one.file), moment(one.registered_at, desk.zone), ", ".join(remarks)]


@work_command.command("show", epilog=examples("exhibit work show 12"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@json_option
def show_work(*, number: int, named: str | None, as_json: bool) -> None:
    """Show work NUMBER with its pictures and cases, and how far the search of what was seen before is."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import works as schemas
    from desk.texts import ownership as ownership_words, past
    from indexer.compare import wording
    from registry import scoped

    row = scoped.work(owner, number)
    one = schemas.FullWork.from_row(row)
    only_json(one, asked=as_json)
    held_back = wording.held_back_in_words(row.low_information) if row.low_information else ""
    fields(
        ("work", str(row.number)),
        *told(one, "title", "author", "file", "holder", "credit", "rights", "created", "first publication"),
        ("registrations", ownership_words.plain("registrations", row.registrations) if row.registrations else ""),
        ("registered", moment(row.registered_at, desk.zone)),
        ("remark", held_back),
        ("held back", one.held and f"{one.held.why} Look at its page, then: exhibit api POST works/{one.number}/held"),
        *(("metadata", problem.sentence) for problem in one.metadata_problems),
        *(("remark", sentence) for sentence in _masked(one)),
        *(("remark", sentence) for sentence in _warned(one, schemas.open_remarks(row))),
        *(("picture", _picture(picture)) for picture in one.pictures),
        *(("belongs to", f"work {other.work}, {other.title}: {other.sentence}") for other in one.relations),
        *(("case", f"{case.number}: {case.party}, {case.decision}") for case in one.cases),
        *(("search of the past", past.search_in_words(search)) for search in one.search),
        *(("seen before", seen["sentence"] or "Is asked for again.") for seen in one.seen_before),
    )


def _cut(work: "schemas.Work") -> list[str]:
    said = "The file breaks off or is damaged: copies are looked for by what there is of it."
    return [said for picture in work.pictures if picture.incomplete]


def _masked(work: "schemas.Work") -> list[str]:
    return [mask.sentence for picture in work.pictures for mask in picture.masked]


def _warned(work: "schemas.Work", remarks: "Sequence[schemas.Remark]") -> list[str]:
    return [conflict.sentence for conflict in work.conflicts] + [remark.sentence for remark in remarks]


def _picture(picture: "schemas.Picture") -> str:
    held = "" if picture.held else ", stated, not held here"
    cut = ", breaks off or is damaged" if picture.incomplete else ""
    return f"{picture.format} {picture.width}×{picture.height}, {size(picture.bytes)}, {picture.digest}{held}{cut}"


@work_command.command(
    "certificate",
    epilog=examples("exhibit work certificate 12 --out records", "exhibit work certificate 12 13 --out ."),
)
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@out_option
@json_option
def write_deposits(*, numbers: tuple[int, ...], named: str | None, out: Path, as_json: bool) -> None:
    """Write the deposit records of the works NUMBERS into a folder: a PDF, and a ZIP that `exhibit verify` checks.

    A record states what was declared, the digests of the pictures and what witnesses their time. It creates no right.
    It is made once for what is declared now, and again when that has changed.
    """
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from desk.texts import ownership as ownership_words
    from registry import scoped
    from registry.works import ownership

    rows = [scoped.work(owner, number) for number in dict.fromkeys(numbers)]
    warned = {row.number: ownership_words.warnings(ownership.warnings_of(row)) for row in rows}
    for number, said in warned.items():
        for remark in said:
            note(f"Work {number}: {remark}")
    files = [name for row in tracked(rows, "Writing deposit records") for name in _deposit_files(desk, row, out)]
    shown = [{"work": number, "said": said} for number, said in warned.items()]
    tell({"files": files, "warnings": shown}, *files, as_json=as_json)


def _deposit_files(desk: Desk, row: "models.Work", folder: Path) -> Iterator[str]:
    from registry.bundles import deposits

    deposit = deposits.make_deposit(desk.services, row, by=person())
    taken("DEPOSIT", row.owner, number=deposit.number, work=row.number)
    path = folder / f"{deposits.deposit_name(deposit)}.zip"
    with written_whole(path) as file:
        deposits.assemble_deposit(desk.services, deposit, file)
    yield str(path)
    for name, data in deposits.record_files(desk.services, deposit).items():
        with written_whole(folder / name) as file:
            file.write(data)
        yield str(folder / name)


@work_command.command(
    "export",
    epilog=examples(
        "exhibit work export 12 --out publish --licence-url https://studio.example/licences",
        "exhibit work export 12 13 --out publish --no-training --sign",
        'exhibit work export 12 --out for-heron --mark-for "Heron Magazine"',
    ),
)
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@out_option
@click.option("--licence-url", "licensor", default="", metavar="URL", help="Where a licence is to be had.")
@click.option("--no-training", "no_mining", is_flag=True, help="Data mining and training of models aren't allowed.")
@click.option("--sign", "signed", is_flag=True, help="Credentials (C2PA) by the owner's key; needs the part c2pa.")
@click.option(
    "--mark-for", "recipient", default="", metavar="NAME", help="Mark the copies invisibly as those for NAME."
)
def export_works(*, numbers: tuple[int, ...], named: str | None, out: Path, **wanted: Untyped) -> None:
    """Write copies of the works NUMBERS for publishing into a folder, which say whose they are.

    Title, author, credit, rights and holder as declared go into the file (IPTC and PLUS, as XMP), into JPEG and PNG; no
    pixel is changed. With --no-training a file tdmrep.json for your site is written, too (TDMRep). With --mark-for each
    is encoded anew with a mark that nobody sees; `exhibit identify` finds it, and the log keeps for whom it was made.
    """
    desk = open_desk()
    owner = desk.owner(named)
    made_folder(out)
    from registry import scoped
    from registry.works import exporting

    rows = [scoped.work(owner, number) for number in dict.fromkeys(numbers)]
    files: dict[str, bytes] = {}
    for row in tracked(rows, "Exporting"):
        files |= exporting.exported(desk.services, row, exporting.Wanted(**wanted), by=person())
    if wanted["no_mining"]:
        files[exporting.TDMREP] = exporting.tdm_reservation(list(files))
    for name, data in files.items():
        with written_whole(out / name) as file:
            file.write(data)
        say(str(out / name))


@work_command.command("publish", epilog=examples("exhibit work publish 12 13", "exhibit work publish 12 --withdraw"))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@click.option("--withdraw", is_flag=True, help="Take them out of the feed; others keep what they have.")
def publish_works(*, numbers: tuple[int, ...], named: str | None, withdraw: bool) -> None:
    """Put the PDQ hashes of the works NUMBERS into the feed that everybody may fetch, in ThreatExchange's format.

    A hash gives away the coarse shape of a picture, for good: whoever has it can test pictures against it.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.alliance import pdq_feed

    for row in [scoped.work(owner, number) for number in numbers]:
        if withdraw:
            pdq_feed.withdraw(row, by=person())
        else:
            pdq_feed.publish(desk.services, row, by=person())
    say(f"{'Withdrawn' if withdraw else 'In the feed'}: {', '.join(map(str, numbers))}.")


@work_command.command("remove", epilog=examples("exhibit work remove 12 13"))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
def remove_works(*, numbers: tuple[int, ...], named: str | None) -> None:
    """Stop looking for copies of the works NUMBERS. Their cases and their evidence stay."""
    owner = open_desk().owner(named)
    from registry import scoped
    from registry.works import registration

    for row in [scoped.work(owner, number) for number in numbers]:
        registration.remove_work(row, by=person())
    say(f"Removed: {', '.join(map(str, numbers))}.")


@work_command.command(
    "change",
    epilog=examples(
        'exhibit work change 12 13 --set author="Ann Lee" --reason "All of that day are hers."',
        "exhibit work change --match harbour --put Harbours",
        "exhibit work change --all --in Harbours --take Harbours",
    ),
)
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1))
@owner_option
@finds
@click.option("--all", "everything", is_flag=True, help="All works, or all that the other options find.")
@click.option("--set", "assigned", metavar="FIELD=VALUE", help=f"Declare this: {', '.join(AT_ONCE)}.")
@click.option("--put", metavar="NAME", help="Put them into this collection, which is made where there is none.")
@click.option("--take", metavar="NAME", help="Take them out of this collection.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the history of each.")
@json_option
def change_works(*, numbers: tuple[int, ...], named: str | None, as_json: bool, **asked: Untyped) -> None:
    """Change the works NUMBERS at once, or all that --match, --only and --in find; `exhibit work undo` takes it back.

    Each work gets its line of history, and where something is declared its entry of the log, as when it is changed by
    hand.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry.works import bulk, collections

    given = [(collections.PUT, asked["put"]), (collections.TAKE, asked["take"]), _assigned(asked["assigned"])]
    wanted = [(what, value) for what, value in given if value is not None]
    if len(wanted) != 1:
        raise WrongUseError("Say one thing that is to change.", hint="Give --set FIELD=VALUE, --put or --take.")
    finding = {name: asked[name] for name in ("match", "only", "within")}
    if (any(finding.values()) or asked["everything"]) == bool(numbers):
        raise WrongUseError("Say which works.", hint="Name their numbers, or find them with --match, --only or --in.")
    chosen = bulk.numbered(owner, numbers) if numbers else found_works(owner, **finding)
    ((what, value),) = wanted
    made = bulk.edit_many(desk.services, owner, chosen, what, value, by=person(), reason=asked["reason"])
    _tell_change(desk, made, as_json=as_json)


@work_command.command("undo", epilog=examples("exhibit work undo 3"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@json_option
def undo_change(*, number: int, named: str | None, as_json: bool) -> None:
    """Undo a change of many works by its NUMBER; what somebody has changed since stays as it is."""
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.works import bulk

    _tell_change(desk, bulk.undo(desk.services, scoped.bulk_edit(owner, number), by=person()), as_json=as_json)


def _assigned(text: str | None) -> tuple[str, str | None]:
    """A field and what it is to say; raises ``WrongUseError`` for what isn't one."""
    if text is None:
        return "", None
    name, mark, value = text.partition("=")
    if not mark or name not in AT_ONCE:
        raise WrongUseError(f"{text!r} sets nothing.", hint=f"Write FIELD=VALUE with one of {', '.join(AT_ONCE)}.")
    return {"rights": "rights_statement"}.get(name, name), value


def _tell_change(desk: Desk, edit: "models.BulkEdit", *, as_json: bool) -> None:
    from desk.schemas import owners as schemas
    from registry import scoped
    from registry.works import jobs

    while edit.state == "todo":  # a worker may have taken it: then it goes on without us
        jobs.bulk(desk.services, [edit.pk])
        edit.refresh_from_db(fields=["state"])
    one = schemas.BulkEdit.from_row(scoped.bulk_edit(edit.owner, edit.number))
    only_json(one, asked=as_json)
    say(f"Change {one.number}: {counted(one.changed, 'work')} changed of {one.works:,}. {one.sentence}.")
    if one.state == "doing":
        say("A worker goes on with it.")
