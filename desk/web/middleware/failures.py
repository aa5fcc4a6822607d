"""Error pages for machine failures, which name the failed part, and time limits so that no page hangs."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from http import HTTPStatus
from typing import Any

import psycopg
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from psycopg import errors

from desk.texts.sentences import in_words
from exhibit.machine import DATABASE_SILENT, machine_fault
from exhibit.types import Untyped

SECONDS_FOR_STATEMENT = 15.0
"""Maximum seconds for a database response. Only a frozen database takes longer."""
RETRY_SECONDS = "10"


def failed(request: HttpRequest) -> HttpResponse:
    """Return the response to a failed request: 503 with the reason for a machine fault, otherwise 500."""
    error = sys.exc_info()[1]
    fault = "" if error is None else machine_fault(error)
    status = HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {"Retry-After": RETRY_SECONDS} if fault else {}
    page = render_to_string("web/failed.html", {"fault": in_words(fault)})
    return HttpResponse(page, status=status, headers=headers)


def limit_statements() -> None:
    """Limit how long this process waits for a database response, in case the database is frozen."""
    connection_created.connect(_limit, dispatch_uid="desk.web.middleware.failures")


def _limit(*, connection: Untyped, **_: object) -> None:
    raw: psycopg.Connection[Any] = connection.connection
    raw.wait = partial(_wait_with_timeout, raw, raw.wait)  # type: ignore[method-assign]  # psycopg has no setting for it


def _wait_with_timeout(
    raw: "psycopg.Connection[Any]", usual: Callable[..., Any], generator: Untyped, interval: float = 0.1
) -> Untyped:
    try:
        return usual(generator, interval=interval, timeout=SECONDS_FOR_STATEMENT)
    except errors._WaitTimeout as error:  # noqa: SLF001 - the only name it has
        raw.pgconn.finish()
        raise psycopg.OperationalError(DATABASE_SILENT) from error


def run_checks(seconds: float, **questions: Callable[[], object]) -> dict[str, bool]:
    """Run several checks in parallel; those not finished in time count as failed."""
    pool = ThreadPoolExecutor(len(questions))
    futures = {name: pool.submit(question) for name, question in questions.items()}
    done, _ = wait(futures.values(), seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return {
        name: future in done and future.exception() is None and bool(future.result())
        for name, future in futures.items()
    }
