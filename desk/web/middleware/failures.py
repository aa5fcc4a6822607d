"""Error pages that name the failed component, and time limits that keep pages from hanging."""

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
from exhibit.machine import DATABASE_NOT_RESPONDING, describe_machine_fault
from exhibit.types import Untyped

STATEMENT_TIMEOUT_SECONDS = 15.0
"""Maximum seconds for a database response. Only an unresponsive database takes longer."""
RETRY_SECONDS = "10"


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response to a failed request: 503 with the cause if a component is unavailable, otherwise 500."""
    error = sys.exc_info()[1]
    fault = "" if error is None else describe_machine_fault(error)
    status = HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {"Retry-After": RETRY_SECONDS} if fault else {}
    page = render_to_string("web/failed.html", {"fault": in_words(fault)})
    return HttpResponse(page, status=status, headers=headers)


def limit_statements() -> None:
    """Limit the time for which this process waits for a database response, in case the database is frozen."""
    connection_created.connect(_limit_connection, dispatch_uid="desk.web.middleware.failures")


def _limit_connection(*, connection: Untyped, **_: object) -> None:
    psycopg_connection: psycopg.Connection[Any] = connection.connection
    psycopg_connection.wait = partial(_wait_with_timeout, psycopg_connection, psycopg_connection.wait)  # type: ignore[method-assign]  # psycopg has no setting for it


def _wait_with_timeout(
    psycopg_connection: "psycopg.Connection[Any]",
    default_wait: Callable[..., Any],
    generator: Untyped,
    interval: float = 0.1,
) -> Untyped:
    try:
        return default_wait(generator, interval=interval, timeout=STATEMENT_TIMEOUT_SECONDS)
    except errors._WaitTimeout as error:  # noqa: SLF001 - the only name it has
        psycopg_connection.pgconn.finish()
        raise psycopg.OperationalError(DATABASE_NOT_RESPONDING) from error


def run_checks(seconds: float, **checks: Callable[[], object]) -> dict[str, bool]:
    """Run several checks in parallel. Checks that take longer than ``seconds`` count as failed."""
    pool = ThreadPoolExecutor(len(checks))
    futures = {name: pool.submit(check) for name, check in checks.items()}
    done, _ = wait(futures.values(), seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return {
        name: future in done and future.exception() is None and bool(future.result())
        for name, future in futures.items()
    }
