"""`exhibit work add`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.context import (
    CommandContext,
    describe_full_disk,
    exit_with,
    format_examples,
    get_actor_name,
    open_command_context,
)
from desk.cli.common.files import (
    InputFile,
    SkippedFile,
    describe_skipped_files,
    find_pictures,
    find_skipped_files,
    read_picture,
    skipped_to_json,
)
from desk.cli.common.options import EXISTING_FILE, EXISTING_PATH, json_option, owner_option
from desk.cli.common.output import echo_note, echo_result, echo_text, format_count, track_progress
from desk.cli.common.tables import (
    echo_unread_parts,
    explain_table_errors,
    get_codec_name,
    make_column_filter,
    parse_column_options,
    table_options,
)
from exhibit.errors import ExitCode, InvalidRequestError, RefusedError
from exhibit.types import DeclaredWork

if TYPE_CHECKING:
    from desk.schemas import works as schemas
    from registry import models
    from registry.works import registration

FINGERPRINT_SUFFIX = ".json"
MAX_ROWS = 20
"""Maximum number of lines of a list in the terminal."""
TABLE_HELP = "Table of declarations (CSV or XLSX), one row per file."
METADATA_HELP = "Use the files' metadata (EXIF, IPTC, XMP) where the table contains no value."
work_command = click.Group("work", help="Manage registered works. Exhibit searches for copies of these works.")


@work_command.command(
    "add",
    epilog=format_examples(
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
@click.argument("paths", nargs=-1, required=True, type=EXISTING_PATH)
@owner_option
@click.option("--table", "table_file", metavar="FILE", type=EXISTING_FILE, help=TABLE_HELP)
@table_options
@click.option("--use-metadata", is_flag=True, help=METADATA_HELP)
@json_option
def add_works(
    *,
    paths: tuple[Path, ...],
    owner_name: str | None,
    table_file: Path | None,
    encoding: str | None,
    column_assignments: tuple[str, ...],
    ignored_headings: tuple[str, ...],
    skip_rows: bool,
    use_metadata: bool,
    as_json: bool,
) -> None:
    """Register picture files, and all pictures in folders, as works.

    A .json file written by `exhibit fingerprint` registers works without their pictures. Matches that are
    based on fingerprints alone must be reviewed.

    If files cannot be registered, the command lists them with the reason, registers the others, and exits with 4. A
    picture that is already registered keeps its work and declaration.

    Columns of the table: file (required), title, author, holder, credit, created, first_publication, rights,
    registrations (office|number|date, separated by ;). Common headings in English, German, French and Chinese are
    recognised.
    """
    files, skipped_files = find_pictures(paths), find_skipped_files(paths)
    if not files:
        skipped_text = f" {describe_skipped_files(skipped_files)}" if skipped_files else ""
        raise InvalidRequestError(
            f"No pictures found.{skipped_text}", hint="Specify picture files, or folders with pictures."
        )
    context = open_command_context()
    from registry.models import ColumnMapping
    from registry.works import registration, work_tables

    if hint := describe_full_disk(context.config):
        raise RefusedError("The disk is full.", reason="disk", hint=hint)
    owner = context.get_owner(owner_name)
    columns = parse_column_options(owner, ColumnMapping.Kind.WORKS, column_assignments)
    table: work_tables.WorksTable | None = None
    if table_file is not None:
        with explain_table_errors(), columns.remember_after(by=get_actor_name()):
            table = work_tables.parse_works_table(
                table_file.name, work_tables.read_table_bytes(table_file), columns,
                is_ignored=make_column_filter(ignored_headings), encoding=get_codec_name(encoding),
                skips_invalid=skip_rows,
            )  # fmt: skip
    declarations: Mapping[str, DeclaredWork] = table or {}
    registrations: list[tuple[str, registration.RegistrationResult]] = []
    failures: list[dict[str, Any]] = []
    for name, result in _register_files(context, owner, files, declarations, use_metadata=use_metadata):
        if isinstance(result, RefusedError):
            failures.append({"file": name, "reason": result.reason, "sentence": str(result)})
        else:
            registrations.append((name, result))
    works = _build_added_works(registrations)
    names = [
        *(file.name for file in files),
        *(name for name, _ in registrations),
        *(failure["file"] for failure in failures),
    ]
    without_file = work_tables.list_missing_files(declarations, names)
    summary = {"works": works, "failed": failures, "rows_without_file": without_file}
    summary |= {"rows_unused": _list_unused_rows(registrations, declarations), **skipped_to_json(skipped_files)}
    skipped_rows = () if table is None else table.interpretation.skipped
    summary["skipped_rows"] = [{"row": line, "problem": problem} for line, problem in skipped_rows]
    summary["unread_sheets"] = [] if table is None else list(table.interpretation.unread_sheets)
    if table is not None:
        echo_unread_parts(table.interpretation)
    echo_result(summary, lambda: _echo_summary(summary, skipped_files), as_json=as_json)
    if failures:
        exit_with(ExitCode.INCOMPLETE)


def _register_files(
    context: CommandContext,
    owner: "models.Owner",
    files: Sequence[InputFile],
    declarations: "Mapping[str, DeclaredWork]",
    *,
    use_metadata: bool,
) -> Iterator[tuple[str, "registration.RegistrationResult | RefusedError"]]:
    """Register files one by one, and yield the name of each with its result or the error."""
    from indexer.search import fingerprint_file
    from registry.works import fingerprint_registration, prefetch, registration

    fingerprint_files = [file for file in files if file.path.suffix.lower() == FINGERPRINT_SUFFIX]
    for file in fingerprint_files:
        try:
            fingerprints = fingerprint_file.parse_fingerprint_file(
                read_picture(file.path, fingerprint_file.MAX_FILE_BYTES)
            )
        except RefusedError as error:
            yield file.name, error
        else:
            yield from fingerprint_registration.register_stated_pictures(
                context.services, owner, track_progress(fingerprints, "Registering"), declarations
            )
    files = [file for file in files if file not in fingerprint_files]
    with prefetch.prefetch_features(context.config, [file.path for file in files]) as wait_for_measurement:
        for file in track_progress(files, "Registering"):
            wait_for_measurement()
            try:
                data = read_picture(file.path, context.services.limits.max_bytes)
                new_work = _build_new_work(file, declarations, use_metadata=use_metadata)
                yield file.name, registration.register_work(context.services, owner, data, new_work)
            except RefusedError as error:
                yield file.name, error


def _build_added_works(
    registrations: "Sequence[tuple[str, registration.RegistrationResult]]",
) -> "list[schemas.AddedWork]":
    """Build the responses for registered works after all files are registered.

    The works are loaded again, because a common mark (such as a watermark) is detected only after several works that
    contain it are registered.
    """
    from desk.schemas import works as schemas
    from registry import models

    rows = schemas.prefetch_pictures(models.Work.objects.all()).in_bulk([result.work.pk for _, result in registrations])
    return [
        schemas.AddedWork.from_row(
            row, ownership_warnings=schemas.list_open_warnings(row), file=name, is_new=result.is_new
        )
        for name, result in registrations
        for row in (rows[result.work.pk],)
    ]


def _build_new_work(
    file: InputFile, declarations: "Mapping[str, DeclaredWork]", *, use_metadata: bool
) -> "registration.NewWork":
    from registry.works import registration, work_tables

    declaration = work_tables.find_declaration(declarations, file.name)
    return registration.NewWork(declaration or DeclaredWork(), work_tables.normalise_name(file.name), use_metadata)


def _list_unused_rows(
    registrations: "Sequence[tuple[str, registration.RegistrationResult]]", declarations: "Mapping[str, DeclaredWork]"
) -> list[dict[str, Any]]:
    """List table rows that differ from works that were registered earlier, with the differing columns."""
    from registry.works import work_tables

    known_works = [(name, result.work) for name, result in registrations if not result.is_new]
    declared_works = [
        (name, work, declaration)
        for name, work in known_works
        if (declaration := work_tables.find_declaration(declarations, name)) is not None
    ]
    differences = [
        (name, work.number, work_tables.list_differences(declaration, work.declared_work))
        for name, work, declaration in declared_works
    ]
    return [{"file": name, "work": number, "columns": columns} for name, number, columns in differences if columns]


def _echo_summary(summary: Mapping[str, Any], skipped: Sequence[SkippedFile]) -> None:
    from indexer.compare import wording

    works: Sequence[schemas.AddedWork] = summary["works"]
    new_count = sum(work.is_new for work in works)
    known_count = len(works) - new_count
    known_text = f"; {known_count:,} already registered" if known_count else ""
    echo_text(f"{format_count(new_count, 'work')} registered{known_text}.")
    for work in works:
        if work.flags:
            echo_text(f"  {work.file} {wording.describe_restrictions(work.flags)}.")
        for sentence in (
            *_list_truncation_notes(work),
            *_list_mask_notes(work),
            *_list_warnings(work, work.ownership_warnings),
        ):
            echo_text(f"  {work.file}: {sentence}")
    if any(work.ownership_warnings for work in works):
        echo_text("  Review these ownership warnings on the work's page before you rely on the work.")
    _echo_metadata_problems(works)
    for failure in summary["failed"]:
        echo_note(f"  {failure['file']}: not registered ({failure['reason']}). {failure['sentence']}")
    without_file: Sequence[str] = summary["rows_without_file"]
    for file in without_file[:MAX_ROWS]:
        echo_note(f"  {file}: listed in the table, but not among the files.")
    if len(without_file) > MAX_ROWS:
        echo_note(f"  and {format_count(len(without_file) - MAX_ROWS, 'more row')} without a file.")
    if summary["rows_unused"]:
        _echo_unused_rows(summary["rows_unused"])
    if skipped:
        echo_note(f"  {describe_skipped_files(skipped)}")


def _echo_metadata_problems(works: "Sequence[schemas.AddedWork]") -> None:
    """Print problems with the metadata of works' files."""
    problems = [(work.file, problem.sentence) for work in works for problem in work.metadata_problems]
    if problems:
        echo_note(
            "  The metadata of "
            f"{format_count(sum(bool(work.metadata_problems) for work in works), 'file')} has problems."
        )
    for file, sentence in problems[:MAX_ROWS]:
        echo_note(f"  {file}: {sentence}")
    if len(problems) > MAX_ROWS:
        echo_note(f"  and {len(problems) - MAX_ROWS:,} more. To list all, add --json.")


def _echo_unused_rows(unused_rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table rows that were not used, and the command to change a declaration."""
    row_count = format_count(len(unused_rows), "row", "rows")
    echo_note(f"  {row_count} not used: declarations of registered works are not changed.")
    for row in unused_rows[:MAX_ROWS]:
        echo_note(f"  {row['file']}: work {row['work']} differs in {', '.join(row['columns'])}.")
    if len(unused_rows) > MAX_ROWS:
        echo_note(f"  and {format_count(len(unused_rows) - MAX_ROWS, 'more row')}.")
    work = unused_rows[0]["work"]
    echo_note(f"  Change a declaration: exhibit api PATCH works/{work} --field title=TITLE, or on the work's page")


def _list_truncation_notes(work: "schemas.Work") -> list[str]:
    message = "The file is truncated or damaged. Exhibit uses only its readable part."
    return [message for picture in work.pictures if picture.incomplete]


def _list_mask_notes(work: "schemas.Work") -> list[str]:
    return [mask.sentence for picture in work.pictures for mask in picture.masks]


def _list_warnings(work: "schemas.Work", remarks: "Sequence[schemas.OwnershipWarning]") -> list[str]:
    return [conflict.sentence for conflict in work.earlier_registrations] + [remark.sentence for remark in remarks]
