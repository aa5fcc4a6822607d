"""Uploads of works: many files in several requests, and the result for each."""

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

from desk.access_classes import MAX_REQUEST
from desk.texts import metadata_problems, uploads as upload_words
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.columns import answers_in, columns_in, describe_mapping, questions, table_in
from desk.web.common.pages import decider_form, decider_post, member_page, page_of, show
from desk.web.works.listing import Card, cards_of, with_cards
from exhibit.errors import ExhibitError, RefusedError, WrongUseError
from exhibit.files.delimited import csv_text
from exhibit.types import DeclaredWork
from indexer.search.fingerprint_file import MAX_FILE, MAX_WORKS, parse_fingerprint_file
from registry import scoped
from registry.cases import work_search as searching
from registry.models import ColumnMapping, Owner, Upload, UploadFile, UploadLine
from registry.works import uploads as uploading
from registry.works.column_mappings import Columns
from registry.works.fingerprint_registration import register_all
from registry.works.ownership import PROBLEMS
from registry.works.work_tables import WorksTable, list_missing_files, parse_works_table
from workers import wiring

T = TypeVar("T")
MAX_LEFT_OUT = 1_000
"""Maximum number of skipped files that a request may report."""

LINES_SHOWN = 100
LINES_EXAMINED = 1_000  # Limit for one page. The results as CSV contain all rows.
NEW_WORKS_SHOWN = 24
"""Maximum number of new works shown on an upload's page."""
JSON = "application/json"


@decider_form()
def add(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Show the form, or start an upload; without a script, the files are included."""
    if request.method != "POST":
        return show(request, owner, "web/add-works.html", _limits())
    files = request.FILES.getlist("files")
    author, rights = clean_text(request.POST.get("author", ""))[:300], clean_text(request.POST.get("rights", ""))
    declaration = uploading.Declaration(author, rights, reads_metadata="reads_metadata" in request.POST)
    table_given, columns = table_in(request, "table"), columns_in(request, owner, ColumnMapping.Kind.WORKS)
    announced = parse_number(request.POST.get("announced")) or len(files)
    try:
        by = request.user.get_username()
        table = _parse_table(request, table_given, columns)
        upload = uploading.start_upload(owner, declaration, by=by, table=table, announced=announced)
        if files:
            uploading.receive_files(wiring.services(), upload, _uploaded_files(request))
            uploading.close_upload(upload)
    except ExhibitError as error:
        values = questions(error, table_given, request) if isinstance(error, WrongUseError) else {}
        if values:
            return _ask_about_table(request, owner, error, values)
        return _error_response(request, error, reverse("add-works", args=[owner.slug]))
    _show_table_messages(request, table, columns)
    return _continue_upload(request, upload)


def _parse_table(request: HttpRequest, table_file: tuple[str, bytes] | None, columns: Columns) -> WorksTable | None:
    """Parse the form's table with the given answers, and remember the chosen columns."""
    if table_file is None:
        return None
    answers = answers_in(request, table_file)
    with columns.remember_after(by=request.user.get_username()):
        return parse_works_table(*table_file, columns, encoding=answers.encoding, skips_invalid=answers.skips)


def _show_table_messages(request: HttpRequest, table: WorksTable | None, columns: Columns) -> None:
    """Show whose column choice was used for a table, and which rows and sheets were not read."""
    if words := describe_mapping(columns):
        messages.info(request, words)
    if table is not None and (words := upload_words.describe_unread_parts(table.interpretation)):
        messages.warning(request, words)


def _ask_about_table(
    request: HttpRequest, owner: Owner, error: ExhibitError, values: dict[str, Any]
) -> HttpResponseBase:
    """Ask about the table on the same page, where a script still holds the chosen files."""
    if "column" in request.POST or "wrong_rows" in values or "encodings" in values:
        values["problem"] = in_words(error)
    if request.headers.get("Accept") == JSON:
        html = render_to_string("web/table-questions.html", values | {"carried": ""}, request)
        return JsonResponse({"sentence": in_words(error), "columns": html}, status=400)
    return show(request, owner, "web/add-works.html", values | _limits())


@decider_form("web/state-works.html")
def register_fingerprints(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Register works from a file of fingerprints, without images: the form and the result for each."""
    values: dict[str, object] = {"most_bytes": MAX_FILE, "most_works": MAX_WORKS}
    if request.method == "POST":
        try:
            values |= _register_fingerprints(request, owner)
        except ExhibitError as error:
            values["problem"] = in_words(error)
            if isinstance(error, WrongUseError):
                values |= questions(error, table_in(request, "table"), request)
    return values


def _register_fingerprints(request: HttpRequest, owner: Owner) -> dict[str, object]:
    file, table_given = request.FILES.get("file"), table_in(request, "table")
    if file is None:
        raise WrongUseError(_("Choose a file."))
    columns = columns_in(request, owner, ColumnMapping.Kind.WORKS)
    table = _parse_table(request, table_given, columns)
    declarations: Mapping[str, DeclaredWork] = table or {}
    _show_table_messages(request, table, columns)
    results = list(
        register_all(wiring.services(), owner, parse_fingerprint_file(file.read(MAX_FILE + 1)), declarations)
    )
    refused = [(name, in_words(outcome)) for name, outcome in results if isinstance(outcome, RefusedError)]
    new = sum(outcome.new for _name, outcome in results if not isinstance(outcome, RefusedError))
    lines = list_missing_files(declarations, (name for name, _outcome in results))
    counts = {"new": new, "known": len(results) - len(refused) - new, "more": max(len(refused) - LINES_SHOWN, 0)}
    values = {"refused": refused[:LINES_SHOWN], "lines": lines[:LINES_SHOWN], "line_count": len(lines)}
    return {"told": True, **counts, **values}


@member_page("web/uploads.html")
def uploads(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the uploads, newest first."""
    page = page_of(request, scoped.uploads(owner))
    far = uploading.compute_progress(page.object_list)
    return {"page": page, "rows": [(row, far[row.pk]) for row in page]}


@member_page("web/upload.html")
def upload(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show an upload: progress, problems, and a way to send missing files."""
    row = scoped.upload(owner, number)
    problems = page_of(request, uploading.list_refused(row))
    lines = uploading.list_lines_without_files(row)
    return {
        "upload": row,
        "progress": uploading.compute_progress([row])[row.pk],
        "page": problems,
        "problems": [
            (problem, upload_words.describe_problem(problem), upload_words.describe_fix(problem))
            for problem in problems
        ],
        "brought": _new_cards(row),
        "related": searching.search_works(owner, only=searching.Only.RELATED, upload=number).count(),
        "given_up": row.files.filter(state="failed").exists(),
        "lines": lines.values_list("file", flat=True)[:LINES_SHOWN] if row.closed_at else (),
        "line_count": lines.count() if row.closed_at else 0,
        "not_taken": _differing_files(row),
        "metadata_problems": [
            (file, metadata_problems.describe_problems(file.work.metadata[PROBLEMS]))
            for file in uploading.list_with_metadata_problems(row)[:LINES_SHOWN]
            if file.work is not None
        ],
        "metadata_problem_count": uploading.count_metadata_problems([row])[row.pk],
        "metadata_hint": metadata_problems.hint(),
        "several": uploading.list_shared_lines(row)[:LINES_SHOWN],
        **_limits(),
    }


@member_page()
def progress(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show an upload's progress, as a fragment of its page."""
    row = scoped.upload(owner, number)
    far = uploading.compute_progress([row])[row.pk]
    values = {"upload": row, "progress": far, "brought": _new_cards(row)}
    answer = show(request, owner, "web/upload-progress.html", values)
    if far.done and request.headers.get("HX-Request"):
        answer.headers["HX-Refresh"] = "true"  # Reload, because the page now has more to show.
    return answer


def _differing_files(row: Upload) -> list[tuple[UploadFile, str]]:
    """Return files whose table row differs from the registered work, with the differing columns."""
    examined = [
        (file, upload_words.differing_columns(file)) for file in uploading.list_known_with_lines(row)[:LINES_EXAMINED]
    ]
    return [(file, columns) for file, columns in examined if columns][:LINES_SHOWN]


def _new_cards(row: Upload) -> list[Card]:
    rows = searching.search_works(row.owner, upload=row.number).order_by("number")
    return cards_of(with_cards(rows)[:NEW_WORKS_SHOWN])


@decider_post()
def files(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Receive some files of an upload."""
    row = scoped.upload(owner, number)
    try:
        uploading.receive_files(wiring.services(), row, _uploaded_files(request), _skipped_files(request))
    except ExhibitError as error:
        return _error_response(request, error, reverse("upload", args=[owner.slug, number]))
    return _continue_upload(request, row)


@member_page()
def received(request: HttpRequest, owner: Owner, number: int) -> JsonResponse:
    """Return names and sizes of the received files, so that none is sent twice."""
    return JsonResponse(
        {"files": list(uploading.list_received(scoped.upload(owner, number)).values_list("name", "size"))}
    )


@decider_post()
def close(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Mark an upload as complete."""
    row = scoped.upload(owner, number)
    uploading.close_upload(row)
    return _continue_upload(request, row)


@decider_post(back="upload")
def retry_failed(request: HttpRequest, owner: Owner, number: int) -> None:
    """Retry failed files."""
    uploading.retry_failed(wiring.services(), scoped.upload(owner, number))


@member_page()
def results(request: HttpRequest, owner: Owner, number: int) -> StreamingHttpResponse:
    """Send the result for each file as CSV."""
    headers = {"Content-Disposition": f'attachment; filename="{owner.slug}-upload-{number}-results.csv"'}
    lines = _result_lines(scoped.upload(owner, number))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _result_lines(row: Upload) -> Iterator[str]:
    yield "\ufeff"
    yield csv_text([[_("File"), _("Result"), _("Work"), _("Reason"), _("Next step"), _("Metadata problems")]])
    for upload_file in _in_batches(row.files.select_related("work", "line").order_by("name", "pk")):
        values = (
            upload_words.describe_result(upload_file),
            upload_file.work.number if upload_file.work else "",
            upload_words.describe_problem(upload_file),
            upload_words.describe_fix(upload_file),
            " ".join(metadata_problems.describe_problems(upload_file.work.metadata.get(PROBLEMS, ())))
            if upload_file.work
            else "",
        )
        yield csv_text([[upload_file.name, *values]])
    missing = uploading.list_lines_without_files(row) if row.closed_at else UploadLine.objects.none()
    for file in _in_batches(missing.order_by("file", "pk").values_list("file", flat=True)):
        why, what = _("This file was not received."), _("Upload the file, or correct its name in the table.")
        yield csv_text([[file, _("only in the table"), "", why, what, ""]])


def _in_batches(rows: "QuerySet[Any, T]", size: int = 2_000) -> Iterator[T]:
    """Yield all rows in batches, so that a slow client does not keep a database cursor open."""
    for start in count(0, size):
        part = list(rows[start : start + size])
        yield from part
        if len(part) < size:
            return


def _limits() -> dict[str, int]:
    return {
        "most_bytes": wiring.services().limits.max_bytes,
        "most_request": MAX_REQUEST,
        "most_files": uploading.MAX_FILES,
    }


def _uploaded_files(request: HttpRequest) -> list[uploading.SentFile]:
    """Return the uploaded files with their paths in a dropped folder, which are sent separately."""
    uploaded = request.FILES.getlist("files")
    try:
        names = [str(name) for name in json.loads(request.POST.get("names", "[]"))]
    except (ValueError, TypeError, RecursionError):
        names = []
    with_names = zip_longest(uploaded, names if len(names) == len(uploaded) else [])
    return [uploading.SentFile(name or str(file.name), file.size or 0, file.read) for file, name in with_names]


def _skipped_files(request: HttpRequest) -> list[uploading.LeftOut]:
    """Return the files that the browser skipped, with the reasons."""
    try:
        skipped = [
            uploading.LeftOut(str(name), int(size), str(reason))
            for name, size, reason in json.loads(request.POST.get("left_out", "[]"))
        ]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []
    return [file for file in skipped if file.size >= 0 and file.reason in uploading.LEFT_OUT_REASONS][:MAX_LEFT_OUT]


def _continue_upload(request: HttpRequest, row: Upload) -> HttpResponseBase:
    where = [row.owner.slug, row.number]
    if request.headers.get("Accept") != JSON:
        return redirect(reverse("upload", args=where))
    names = {"page": "upload", "files": "upload-files", "received": "upload-received", "close": "close-upload"}
    return JsonResponse({key: reverse(name, args=where) for key, name in names.items()})


def _error_response(request: HttpRequest, error: ExhibitError, back: str) -> HttpResponseBase:
    if request.headers.get("Accept") == JSON:
        status = 507 if isinstance(error, RefusedError) and error.reason == "disk" else 400
        return JsonResponse({"sentence": in_words(error)}, status=status)
    messages.error(request, in_words(error))
    return redirect(back)
