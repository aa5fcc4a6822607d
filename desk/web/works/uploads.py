"""Uploads of works: many files in several requests, and the result for each file."""

import json
from collections.abc import Iterator, Mapping
from itertools import count, zip_longest
from typing import Any, TypeVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.access_classes import MAX_REQUEST_BYTES
from desk.texts import metadata_problems, uploads as upload_texts
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.columns import (
    build_table_questions,
    describe_mapping,
    read_columns,
    read_table,
    read_table_answers,
)
from desk.web.common.pages import decider_form, decider_post, get_page, member_page, render_page
from desk.web.works.listing import WorkCard, build_cards, prefetch_cards
from exhibit.errors import ExhibitError, InvalidRequestError, RefusedError
from exhibit.files.delimited import format_csv
from exhibit.types import DeclaredWork
from indexer.search.fingerprint_file import MAX_FILE_BYTES, MAX_WORKS, parse_fingerprint_file
from registry import scoped
from registry.cases import work_search
from registry.models import ColumnMapping, Owner, Upload, UploadFile, UploadLine
from registry.works import uploads as registry_uploads
from registry.works.column_mappings import Columns
from registry.works.fingerprint_registration import register_stated_pictures
from registry.works.ownership import PROBLEMS
from registry.works.work_tables import WorksTable, list_missing_files, parse_works_table
from workers import wiring

T = TypeVar("T")
MAX_SKIPPED_FILES = 1_000
"""Maximum number of skipped files that one request may report."""

MAX_SHOWN_LINES = 100
MAX_EXAMINED_LINES = 1_000  # Limit for one page. The results as CSV contain all rows.
MAX_NEW_WORKS = 24
"""Maximum number of new works shown on an upload's page."""
JSON = "application/json"


@decider_form()
def new_upload(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Show the form, or start an upload. Without scripts, the request includes the files."""
    if request.method != "POST":
        return render_page(request, owner, "web/add-works.html", _get_limits())
    files = request.FILES.getlist("files")
    author, rights = clean_text(request.POST.get("author", ""))[:300], clean_text(request.POST.get("rights", ""))
    declaration = registry_uploads.DeclarationDefaults(author, rights, reads_metadata="reads_metadata" in request.POST)
    table_file, columns = read_table(request, "table"), read_columns(request, owner, ColumnMapping.Kind.WORKS)
    announced_count = parse_number(request.POST.get("announced")) or len(files)
    try:
        by = request.user.get_username()
        table = _parse_table(request, table_file, columns)
        upload = registry_uploads.start_upload(owner, declaration, by=by, table=table, announced=announced_count)
        if files:
            registry_uploads.receive_files(wiring.services(), upload, _read_uploaded_files(request))
            registry_uploads.close_upload(upload)
    except ExhibitError as error:
        values = build_table_questions(error, table_file, request) if isinstance(error, InvalidRequestError) else {}
        if values:
            return _ask_about_table(request, owner, error, values)
        return _build_error_response(request, error, reverse("add-works", args=[owner.slug]))
    _show_table_messages(request, table, columns)
    return _continue_upload(request, upload)


def _parse_table(request: HttpRequest, table_file: tuple[str, bytes] | None, columns: Columns) -> WorksTable | None:
    """Parse the form's table with the member's answers, and remember the chosen columns."""
    if table_file is None:
        return None
    answers = read_table_answers(request, table_file)
    with columns.remember_after(by=request.user.get_username()):
        return parse_works_table(*table_file, columns, encoding=answers.encoding, skips_invalid=answers.skips_invalid)


def _show_table_messages(request: HttpRequest, table: WorksTable | None, columns: Columns) -> None:
    """Show the remembered column mapping that was used for a table, and the rows and sheets that were not read."""
    if message := describe_mapping(columns):
        messages.info(request, message)
    if table is not None and (message := upload_texts.describe_unread_parts(table.interpretation)):
        messages.warning(request, message)


def _ask_about_table(
    request: HttpRequest, owner: Owner, error: ExhibitError, values: dict[str, Any]
) -> HttpResponseBase:
    """Ask about the table on the same page, so that the script keeps the selected files."""
    if "column" in request.POST or "wrong_rows" in values or "encodings" in values:
        values["problem"] = in_words(error)
    if request.headers.get("Accept") == JSON:
        html = render_to_string("web/table-questions.html", values | {"carried": ""}, request)
        return JsonResponse({"sentence": in_words(error), "columns": html}, status=400)
    return render_page(request, owner, "web/add-works.html", values | _get_limits())


@decider_form("web/state-works.html")
def register_fingerprints(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Register works from a file of fingerprints, without pictures. Show the form and the result for each work."""
    values: dict[str, object] = {"most_bytes": MAX_FILE_BYTES, "most_works": MAX_WORKS}
    if request.method == "POST":
        try:
            values |= _register_fingerprints(request, owner)
        except ExhibitError as error:
            values["problem"] = in_words(error)
            if isinstance(error, InvalidRequestError):
                values |= build_table_questions(error, read_table(request, "table"), request)
    return values


def _register_fingerprints(request: HttpRequest, owner: Owner) -> dict[str, object]:
    file, table_file = request.FILES.get("file"), read_table(request, "table")
    if file is None:
        raise InvalidRequestError(_("Choose a file."))
    columns = read_columns(request, owner, ColumnMapping.Kind.WORKS)
    table = _parse_table(request, table_file, columns)
    declarations: Mapping[str, DeclaredWork] = table or {}
    _show_table_messages(request, table, columns)
    results = list(
        register_stated_pictures(
            wiring.services(), owner, parse_fingerprint_file(file.read(MAX_FILE_BYTES + 1)), declarations
        )
    )
    refused_rows = [(name, in_words(outcome)) for name, outcome in results if isinstance(outcome, RefusedError)]
    new_count = sum(outcome.is_new for _name, outcome in results if not isinstance(outcome, RefusedError))
    lines = list_missing_files(declarations, (name for name, _outcome in results))
    counts = {
        "new": new_count,
        "known": len(results) - len(refused_rows) - new_count,
        "more": max(len(refused_rows) - MAX_SHOWN_LINES, 0),
    }
    values = {"refused": refused_rows[:MAX_SHOWN_LINES], "lines": lines[:MAX_SHOWN_LINES], "line_count": len(lines)}
    return {"told": True, **counts, **values}


@member_page("web/uploads.html")
def uploads(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the uploads, newest first."""
    page = get_page(request, scoped.list_uploads(owner))
    progress_by_upload = registry_uploads.compute_progress(page.object_list)
    return {"page": page, "rows": [(row, progress_by_upload[row.pk]) for row in page]}


@member_page("web/upload.html")
def upload(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show an upload: progress, problems, and a way to send missing files."""
    row = scoped.get_upload(owner, number)
    problems = get_page(request, registry_uploads.list_refused_files(row))
    lines = registry_uploads.list_rows_without_files(row)
    return {
        "upload": row,
        "progress": registry_uploads.compute_progress([row])[row.pk],
        "page": problems,
        "problems": [
            (problem, upload_texts.describe_problem(problem), upload_texts.describe_fix(problem))
            for problem in problems
        ],
        "brought": _build_new_cards(row),
        "related": work_search.search_works(
            owner, work_filter=work_search.WorkListFilter.WITH_RELATED_WORKS, upload=number
        ).count(),
        "given_up": row.files.filter(state="failed").exists(),
        "lines": lines.values_list("file", flat=True)[:MAX_SHOWN_LINES] if row.closed_at else (),
        "line_count": lines.count() if row.closed_at else 0,
        "not_taken": _list_differing_files(row),
        "metadata_problems": [
            (file, metadata_problems.describe_problems(file.work.metadata[PROBLEMS]))
            for file in registry_uploads.list_files_with_metadata_problems(row)[:MAX_SHOWN_LINES]
            if file.work is not None
        ],
        "metadata_problem_count": registry_uploads.count_metadata_problems([row])[row.pk],
        "metadata_hint": metadata_problems.describe_fix(),
        "several": registry_uploads.list_shared_rows(row)[:MAX_SHOWN_LINES],
        **_get_limits(),
    }


@member_page()
def progress(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show an upload's progress, as a fragment of its page."""
    row = scoped.get_upload(owner, number)
    upload_progress = registry_uploads.compute_progress([row])[row.pk]
    values = {"upload": row, "progress": upload_progress, "brought": _build_new_cards(row)}
    response = render_page(request, owner, "web/upload-progress.html", values)
    if upload_progress.done and request.headers.get("HX-Request"):
        response.headers["HX-Refresh"] = "true"  # Reload the page to show the results.
    return response


def _list_differing_files(row: Upload) -> list[tuple[UploadFile, str]]:
    """Return files whose table row differs from the registered work, with the differing columns."""
    compared_files = [
        (file, upload_texts.describe_differing_columns(file))
        for file in registry_uploads.list_existing_with_rows(row)[:MAX_EXAMINED_LINES]
    ]
    return [(file, columns) for file, columns in compared_files if columns][:MAX_SHOWN_LINES]


def _build_new_cards(row: Upload) -> list[WorkCard]:
    rows = work_search.search_works(row.owner, upload=row.number).order_by("number")
    return build_cards(prefetch_cards(rows)[:MAX_NEW_WORKS])


@decider_post()
def receive_files(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Receive files of an upload."""
    row = scoped.get_upload(owner, number)
    try:
        registry_uploads.receive_files(
            wiring.services(), row, _read_uploaded_files(request), _read_skipped_files(request)
        )
    except ExhibitError as error:
        return _build_error_response(request, error, reverse("upload", args=[owner.slug, number]))
    return _continue_upload(request, row)


@member_page()
def received_files(request: HttpRequest, owner: Owner, number: int) -> JsonResponse:
    """Return the names and sizes of the received files, so that the browser does not send them again."""
    return JsonResponse(
        {
            "files": list(
                registry_uploads.list_received_files(scoped.get_upload(owner, number)).values_list("name", "size")
            )
        }
    )


@decider_post()
def close_upload(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Mark an upload as complete."""
    row = scoped.get_upload(owner, number)
    registry_uploads.close_upload(row)
    return _continue_upload(request, row)


@decider_post(back="upload")
def retry_failed(request: HttpRequest, owner: Owner, number: int) -> None:
    """Retry failed files."""
    registry_uploads.retry_failed(wiring.services(), scoped.get_upload(owner, number))


@member_page()
def export_results(request: HttpRequest, owner: Owner, number: int) -> StreamingHttpResponse:
    """Send the result for each file as CSV."""
    headers = {"Content-Disposition": f'attachment; filename="{owner.slug}-upload-{number}-results.csv"'}
    lines = _iter_result_lines(scoped.get_upload(owner, number))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _iter_result_lines(row: Upload) -> Iterator[str]:
    yield "\ufeff"
    yield format_csv([[_("File"), _("Result"), _("Work"), _("Reason"), _("Next step"), _("Metadata problems")]])
    for upload_file in _iter_in_batches(row.files.select_related("work", "line").order_by("name", "pk")):
        values = (
            upload_texts.describe_result(upload_file),
            upload_file.work.number if upload_file.work else "",
            upload_texts.describe_problem(upload_file),
            upload_texts.describe_fix(upload_file),
            " ".join(metadata_problems.describe_problems(upload_file.work.metadata.get(PROBLEMS, ())))
            if upload_file.work
            else "",
        )
        yield format_csv([[upload_file.name, *values]])
    missing = registry_uploads.list_rows_without_files(row) if row.closed_at else UploadLine.objects.none()
    for file in _iter_in_batches(missing.order_by("file", "pk").values_list("file", flat=True)):
        reason, next_step = _("This file was not received."), _("Upload the file, or correct its name in the table.")
        yield format_csv([[file, _("only in the table"), "", reason, next_step, ""]])


def _iter_in_batches(rows: "QuerySet[Any, T]", size: int = 2_000) -> Iterator[T]:
    """Yield all rows, reading them in batches so that a slow client does not keep a database cursor open."""
    for start in count(0, size):
        batch = list(rows[start : start + size])
        yield from batch
        if len(batch) < size:
            return


def _get_limits() -> dict[str, int]:
    return {
        "most_bytes": wiring.services().limits.max_bytes,
        "most_request": MAX_REQUEST_BYTES,
        "most_files": registry_uploads.MAX_FILES,
    }


def _read_uploaded_files(request: HttpRequest) -> list[registry_uploads.SentFile]:
    """Return the uploaded files, named by their paths in the dropped folder. The form sends the paths separately."""
    files_sent = request.FILES.getlist("files")
    try:
        names = [str(name) for name in json.loads(request.POST.get("names", "[]"))]
    except (ValueError, TypeError, RecursionError):
        names = []
    named_files = zip_longest(files_sent, names if len(names) == len(files_sent) else [])
    return [registry_uploads.SentFile(name or str(file.name), file.size or 0, file.read) for file, name in named_files]


def _read_skipped_files(request: HttpRequest) -> list[registry_uploads.OmittedFile]:
    """Return the files that the browser skipped, with the reasons."""
    try:
        skipped_files = [
            registry_uploads.OmittedFile(str(name), int(size), str(reason))
            for name, size, reason in json.loads(request.POST.get("left_out", "[]"))
        ]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []
    return [file for file in skipped_files if file.size >= 0 and file.reason in registry_uploads.OMISSION_REASONS][
        :MAX_SKIPPED_FILES
    ]


def _continue_upload(request: HttpRequest, row: Upload) -> HttpResponseBase:
    url_args = [row.owner.slug, row.number]
    if request.headers.get("Accept") != JSON:
        return redirect(reverse("upload", args=url_args))
    names = {"page": "upload", "files": "upload-files", "received": "upload-received", "close": "close-upload"}
    return JsonResponse({key: reverse(name, args=url_args) for key, name in names.items()})


def _build_error_response(request: HttpRequest, error: ExhibitError, back: str) -> HttpResponseBase:
    if request.headers.get("Accept") == JSON:
        status = 507 if isinstance(error, RefusedError) and error.reason == "disk" else 400
        return JsonResponse({"sentence": in_words(error)}, status=status)
    messages.error(request, in_words(error))
    return redirect(back)
