"""`exhibit work add`."""

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
    pictures_in,
    read_picture,
)
from desk.cli.common.frame import Desk, examples, finish, no_room, open_desk, person
from desk.cli.common.options import FILE, THERE, json_option, owner_option
from desk.cli.common.show import counted, note, say, tell, tracked
from desk.cli.common.tables import (
    columns_of,
    left_out_by,
    note_unread,
    python_name,
    reading_table,
    table_options,
)
from exhibit.errors import ExitCode, RefusedError, WrongUseError
from exhibit.types import DeclaredWork

if TYPE_CHECKING:
    from desk.schemas import works as schemas
    from registry import models
    from registry.works import registration

STATED_SUFFIX = ".json"
LINES_SHOWN = 20
"""Lines of a list that the terminal shows."""
DECLARED = "Table of declarations (CSV or XLSX), one row per file."
STATED = "Use the files' metadata (EXIF, IPTC, XMP) where the table declares nothing."
work_command = click.Group("work", help="Manage registered works, whose copies Exhibit searches for.")


@work_command.command(
    "add",
    epilog=examples(
        "exhibit work add photo.jpg another.png",
        "exhibit work add ~/Pictures/portfolio --table works.csv",
        "exhibit work add portfolio --owner studio-example --json",
        notes=(
            "List works:    exhibit api GET works",
            "Change a work: exhibit api PATCH works/N --field title=TITLE",
            "Change many:   exhibit api --list works/changes",
            "Remove a work: exhibit api DELETE works/N",
        ),
    ),
)
@click.argument("paths", nargs=-1, required=True, type=THERE)
@owner_option
@click.option("--table", "csv_file", metavar="FILE", type=FILE, help=DECLARED)
@table_options
@click.option("--use-metadata", "metadata", is_flag=True, help=STATED)
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
    """Register picture files, and all pictures in folders, as works.

    A .json file written by `exhibit fingerprint` registers works without their pictures. Matches by fingerprints alone
    require a review.

    If files cannot be registered, the command lists them with the reason, registers the others, and exits with 4. A
    picture that is already registered keeps its work and declaration.

    Columns of the table: file (required), title, author, holder, credit, created, first_publication, rights,
    registrations (office|number|date, separated by ;). Common headings in English, German, French and Chinese are
    recognised.
    """
    files, skipped_files = pictures_in(paths), left_out_of(paths)
    if not files:
        skipped_text = f" {left_out_in_words(skipped_files)}" if skipped_files else ""
        raise WrongUseError(f"No pictures found.{skipped_text}", hint="Enter picture files, or folders with pictures.")
    desk = open_desk()
    from registry.models import ColumnMapping
    from registry.works import registration, work_tables

    if hint := no_room(desk.config):
        raise RefusedError("The disk is full.", reason="disk", hint=hint)
    of = desk.owner(named)
    columns = columns_of(of, ColumnMapping.Kind.WORKS, named_columns)
    table: work_tables.WorksTable | None = None
    if csv_file is not None:
        with reading_table(), columns.remember_after(by=person()):
            table = work_tables.parse_works_table(
                csv_file.name, work_tables.read_table_bytes(csv_file), columns,
                is_ignored=left_out_by(unused), encoding=python_name(encoding), skips_invalid=skip_rows,
            )  # fmt: skip
    declarations: Mapping[str, DeclaredWork] = table or {}
    registered: list[tuple[str, registration.RegistrationResult]] = []
    failed: list[dict[str, Any]] = []
    for name, result in _registered(desk, of, files, declarations, metadata=metadata):
        if isinstance(result, RefusedError):
            failed.append({"file": name, "reason": result.reason, "sentence": str(result)})
        else:
            registered.append((name, result))
    works = _shapes(registered)
    names = [
        *(file.name for file in files),
        *(name for name, _ in registered),
        *(failure["file"] for failure in failed),
    ]
    without_file = work_tables.list_missing_files(declarations, names)
    answer = {"works": works, "failed": failed, "rows_without_file": without_file}
    answer |= {"rows_unused": _unused(registered, declarations), **left_out_as_json(skipped_files)}
    skipped = () if table is None else table.interpretation.skipped
    answer["skipped_rows"] = [{"row": line, "problem": problem} for line, problem in skipped]
    answer["unread_sheets"] = [] if table is None else list(table.interpretation.unread_sheets)
    if table is not None:
        note_unread(table.interpretation)
    tell(answer, lambda: _tell(answer, skipped_files), as_json=as_json)
    if failed:
        finish(ExitCode.INCOMPLETE)


def _registered(
    desk: Desk,
    of: "models.Owner",
    files: Sequence[Given],
    declarations: "Mapping[str, DeclaredWork]",
    *,
    metadata: bool,
) -> Iterator[tuple[str, "registration.RegistrationResult | RefusedError"]]:
    """Register one file after the other; yields the name of each with its work or why there is none."""
    from indexer.search import fingerprint_file as stated_prints
    from registry.works import fingerprint_registration, prefetch, registration

    stating = [file for file in files if file.path.suffix.lower() == STATED_SUFFIX]
    for file in stating:
        try:
            prints = stated_prints.parse_fingerprint_file(read_picture(file.path, stated_prints.MAX_FILE))
        except RefusedError as error:
            yield file.name, error
        else:
            yield from fingerprint_registration.register_all(
                desk.services, of, tracked(prints, "Registering"), declarations
            )
    files = [file for file in files if file not in stating]
    with prefetch.measure_ahead(desk.config, [file.path for file in files]) as wait:
        for file in tracked(files, "Registering"):
            wait()
            try:
                data = read_picture(file.path, desk.services.limits.max_bytes)
                new = _new_work(file, declarations, metadata=metadata)
                yield file.name, registration.register_work(desk.services, of, data, new)
            except RefusedError as error:
                yield file.name, error


def _shapes(registered: "Sequence[tuple[str, registration.RegistrationResult]]") -> "list[schemas.AddedWork]":
    """The works as they are now: a mark is found only when several works with it are registered."""
    from desk.schemas import works as schemas
    from registry import models

    rows = schemas.with_pictures(models.Work.objects.all()).in_bulk([result.work.pk for _, result in registered])
    return [
        schemas.AddedWork.from_row(row, ownership_warnings=schemas.open_warnings(row), file=name, is_new=result.new)
        for name, result in registered
        for row in (rows[result.work.pk],)
    ]


def _new_work(file: Given, declarations: "Mapping[str, DeclaredWork]", *, metadata: bool) -> "registration.NewWork":
    from registry.works import registration, work_tables

    line = work_tables.find_declaration(declarations, file.name)
    return registration.NewWork(line or DeclaredWork(), work_tables.normalise_name(file.name), metadata)


def _unused(
    registered: "Sequence[tuple[str, registration.RegistrationResult]]", declarations: "Mapping[str, DeclaredWork]"
) -> list[dict[str, Any]]:
    """Lines that say something else than a work that was registered already, and in which columns."""
    from registry.works import work_tables

    known_works = [(name, result.work) for name, result in registered if not result.new]
    lines = [
        (name, work, line)
        for name, work in known_works
        if (line := work_tables.find_declaration(declarations, name)) is not None
    ]
    unused = [(name, work.number, work_tables.list_differences(line, work.declared)) for name, work, line in lines]
    return [{"file": name, "work": number, "columns": columns} for name, number, columns in unused if columns]


def _tell(answer: Mapping[str, Any], skipped: Sequence[LeftOut]) -> None:
    from indexer.compare import wording

    works: Sequence[schemas.AddedWork] = answer["works"]
    new = sum(work.is_new for work in works)
    old = len(works) - new
    known_text = f"; {old:,} already registered" if old else ""
    say(f"{counted(new, 'work')} registered{known_text}.")
    for work in works:
        if work.flags:
            say(f"  {work.file} {wording.describe_restrictions(work.flags)}.")
        for sentence in (*_cut(work), *_masked(work), *_warned(work, work.ownership_warnings)):
            say(f"  {work.file}: {sentence}")
    if any(work.ownership_warnings for work in works):
        say("  Review these ownership warnings on the work's page before you rely on the work.")
    _tell_metadata_problems(works)
    for other in answer["failed"]:
        note(f"  {other['file']}: not registered ({other['reason']}). {other['sentence']}")
    without_file: Sequence[str] = answer["rows_without_file"]
    for file in without_file[:LINES_SHOWN]:
        note(f"  {file}: in the table, but not among the files.")
    if len(without_file) > LINES_SHOWN:
        note(f"  and {counted(len(without_file) - LINES_SHOWN, 'more row')} without a file.")
    if answer["rows_unused"]:
        _tell_unused(answer["rows_unused"])
    if skipped:
        note(f"  {left_out_in_words(skipped)}")


def _tell_metadata_problems(works: "Sequence[schemas.AddedWork]") -> None:
    """Print problems with the metadata of works' files."""
    problems = [(work.file, problem.sentence) for work in works for problem in work.metadata_problems]
    if problems:
        note(f"  The metadata of {counted(sum(bool(work.metadata_problems) for work in works), 'file')} has problems.")
    for file, sentence in problems[:LINES_SHOWN]:
        note(f"  {file}: {sentence}")
    if len(problems) > LINES_SHOWN:
        note(f"  and {len(problems) - LINES_SHOWN:,} more. To list all, add --json.")


def _tell_unused(unused: Sequence[Mapping[str, Any]]) -> None:
    """Say which lines of a table weren't used, and how to declare what they say."""
    lines = counted(len(unused), "row", "rows")
    note(f"  {lines} not used: declarations of registered works are not changed.")
    for line in unused[:LINES_SHOWN]:
        note(f"  {line['file']}: work {line['work']} differs in {', '.join(line['columns'])}.")
    if len(unused) > LINES_SHOWN:
        note(f"  and {counted(len(unused) - LINES_SHOWN, 'more row')}.")
    work = unused[0]["work"]
    note(f"  Change a declaration: exhibit api PATCH works/{work} --field title=TITLE, or on the work's page")


def _cut(work: "schemas.Work") -> list[str]:
    message = "The file is truncated or damaged: Exhibit searches with the readable part."
    return [message for picture in work.pictures if picture.incomplete]


def _masked(work: "schemas.Work") -> list[str]:
    return [mask.sentence for picture in work.pictures for mask in picture.masks]


def _warned(work: "schemas.Work", remarks: "Sequence[schemas.OwnershipWarning]") -> list[str]:
    return [conflict.sentence for conflict in work.earlier_registrations] + [remark.sentence for remark in remarks]
