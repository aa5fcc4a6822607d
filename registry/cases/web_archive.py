"""Independent copies in a web archive: if an owner enables it, pages of confirmed cases are saved there.

Uses the Internet Archive's Save Page Now API (SPN2). The archive's response is sealed as the archive's statement;
Exhibit does not examine the saved page. A request publishes the page in the archive and discloses its URL, so it is
sent only if a member has confirmed the case, and only for pages on the public internet.
"""

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from evidence.facts.cocapture import WebArchive
from evidence.formats.codec import FormatError, parse_json
from evidence.verify.checks.cocaptures import expect_web_archive
from exhibit.config.secrets import WEB_ARCHIVE_KEYS, get_secret_path
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import get_url_host, get_url_origin, get_url_port
from exhibit.network.guard import Guard
from exhibit.network.http import read_limited
from exhibit.ports import CapturedFile, CaptureResult
from exhibit.sentences import Sentence, concatenate_sentences
from registry.alliance.cocaptures import MISSING_REASONS
from registry.alliance.signed_calls import open_session
from registry.cases.models import Case
from registry.crawls.models import Sighting
from registry.services.services import Services

SAVE_TIMEOUT_SECONDS = 55.0
"""Maximum time to wait for the archive, in seconds."""
POLL_SECONDS = 5.0
"""Interval between status requests, in seconds."""
MAX_RESPONSE = 4 << 20
"""Maximum size of a response, in bytes. Responses list every resource that the page loaded."""
NOT_SAVED = Sentence("it could not save the page")
_REFUSALS = frozenset({401, 403, 429})
_TOKEN = re.compile(r"[A-Za-z0-9_:.-]{1,100}")
_MISSING_BY_REASON = {"archive": "refused", "too-many-bytes": "nonsense"}
_SAFE_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


def is_enabled_for(services: Services, case: Case) -> bool:
    """Return True if the archive should save the case's pages.

    The operator must have configured an archive, the owner must have enabled it, and a member must have confirmed the
    case.
    """
    is_confirmed = case.decision == Case.Decision.CONFIRMED and not (case.is_pending or case.demonstration)
    return bool(services.config.web_archive_url) and case.owner.web_archive and is_confirmed


def start_saving(services: Services, case: Case, sighting: Sighting) -> Callable[[CaptureResult], CaptureResult] | None:
    """Start saving a sighting's page in a thread; return ``None`` if the page must not be saved.

    The returned function waits for the archive's response, for :data:`SAVE_TIMEOUT_SECONDS` at most, and adds it to a
    capture.
    """
    page, deadline = sighting.page_url, time.monotonic() + SAVE_TIMEOUT_SECONDS
    if not is_enabled_for(services, case) or sighting.private_to_id is not None or not _is_public(services, page):
        return None
    results = [WebArchive(services.config.web_archive_url, "", "too-slow", "")]
    thread = threading.Thread(target=_save_page, args=(services, page, results, deadline), daemon=True)
    thread.start()

    def add_archive_result(capture_result: CaptureResult) -> CaptureResult:
        thread.join(max(0.0, deadline - time.monotonic()))
        result = results[-1]
        try:
            expect_web_archive(result)
        except FormatError:
            result = replace(result, missing="nonsense", address="")
        file = CapturedFile("web-archive", "web-archive.json", "application/json", result.to_json())
        return replace(
            capture_result,
            sentence=concatenate_sentences(capture_result.sentence, _describe_result(result)),
            files=(*capture_result.files, file),
        )

    return add_archive_result


def _is_public(services: Services, page: str) -> bool:
    """Return True if a page is on the public internet; pages in the operator's own networks are not disclosed."""
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    try:
        guard.check_url(page)
        return bool(guard.resolve(get_url_host(page), get_url_port(page)))
    except ExhibitError:
        return False


def _save_page(services: Services, page: str, results: list[WebArchive], deadline: float) -> None:
    """Request a capture and poll its status until it has finished, appending each result to ``results``.

    Uses no database.
    """
    form = {"url": page, "capture_all": "1", "skip_first_archive": "1"}
    try:
        job_status = _send_request(services, deadline, "POST", "/save", form)
        while job_status.get("status", "pending") == "pending":
            results.append(replace(results[0], job=_parse_token(job_status.get("job_id", results[-1].job))))
            if time.monotonic() + POLL_SECONDS > deadline:
                return  # the time limit is reached, so the result stays "too-slow"
            time.sleep(POLL_SECONDS)
            job_status = _send_request(services, deadline, "GET", f"/save/status/{results[-1].job}")
        if job_status["status"] == "success":
            original_url = quote(job_status["original_url"], safe=_SAFE_CHARACTERS)
            address = f"{results[0].archive}/web/{job_status['timestamp']}/{original_url}"
            results.append(replace(results[-1], missing="", address=address))
        else:
            results.append(replace(results[-1], missing=_parse_token(job_status["status_ext"])))
    except (ExhibitError, OSError, LookupError, TypeError, ValueError) as error:  # includes exceptions of `requests`
        default = "nonsense" if isinstance(error, (FormatError, LookupError, TypeError)) else "no-answer"
        results.append(replace(results[-1], missing=_MISSING_BY_REASON.get(getattr(error, "reason", ""), default)))


def _send_request(services: Services, deadline: float, method: str, path: str, form: Any = None) -> dict[str, Any]:  # noqa: ANN401
    archive, timeout = services.config.web_archive_url, max(0.1, deadline - time.monotonic())
    file = get_secret_path(services.config, WEB_ARCHIVE_KEYS)
    keys = os.environ.get("WEB_ARCHIVE_KEYS") or (file.read_text("utf-8") if file.exists() else "")
    headers = {"Accept": "application/json"} | ({"Authorization": f"LOW {keys.strip()}"} if keys else {})
    with open_session(services, archive, timeout) as session:
        response = session.request(method, archive + path, data=form, headers=headers, allow_redirects=False)
        if response.status_code in _REFUSALS:
            raise RefusedError("The archive rejected the request.", reason="archive")
        response.raise_for_status()
        content = parse_json(read_limited(response, MAX_RESPONSE, timeout), label="the response", limit=MAX_RESPONSE)
    if not isinstance(content, dict):
        raise FormatError("The response is not a JSON object.")
    return content


def _parse_token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise FormatError("The response lacks a required value.")
    return value


def _describe_result(result: WebArchive) -> Sentence:
    archive, reason = get_url_origin(result.archive).partition("//")[2], MISSING_REASONS.get(result.missing, NOT_SAVED)
    if result.missing:
        return Sentence(
            "The web archive %(archive)s was asked to save the page, but %(why)s.", archive=archive, why=reason
        )
    archive_url = result.address
    return Sentence(
        "The web archive %(archive)s reports that it saved the page: %(address)s", archive=archive, address=archive_url
    )
