"""Independent copies in a web archive: if an owner enables it, pages of confirmed cases are saved there.

Uses the Internet Archive's Save Page Now API (SPN2). The archive's answer is sealed as its own statement; Exhibit does
not examine the saved page. A request publishes the page in the archive and discloses its URL, so it is sent only for
pages whose case a person has confirmed, and only for pages on the public internet.
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
from exhibit.config.secrets import WEB_ARCHIVE_KEYS, secret_path
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import host_of, origin_of, port_of
from exhibit.network.guard import Guard
from exhibit.network.http import read_limited
from exhibit.ports import Captured, CapturedFile
from exhibit.sentences import Sentence, following
from registry.alliance.cocaptures import MISSING_REASONS
from registry.alliance.signed_calls import session_for
from registry.cases.models import Case
from registry.crawls.models import Sighting
from registry.services.services import Services

SECONDS = 55.0
"""Maximum time to wait for the archive, in seconds."""
PAUSE = 5.0
"""Interval between status requests, in seconds."""
MAX_RESPONSE = 4 << 20
"""Maximum size of an answer, in bytes; it lists every resource that the page loaded."""
NOT_SAVED = Sentence("it could not save the page")
_REFUSALS = frozenset({401, 403, 429})
_WORD = re.compile(r"[A-Za-z0-9_:.-]{1,100}")
_MISSING_BY_REASON = {"archive": "refused", "too-many-bytes": "nonsense"}
_SAFE = "%/:=&?~#+!$,;'@()*[]"


def is_enabled_for(services: Services, case: Case) -> bool:
    """Return True if the archive should save the case's pages.

    The operator must have configured an archive, the owner must have enabled it, and a person must have confirmed the
    case.
    """
    confirmed = case.decision == Case.Decision.CONFIRMED and not (case.waits or case.demonstration)
    return bool(services.config.web_archive_url) and case.owner.web_archive and confirmed


def start_saving(services: Services, case: Case, sighting: Sighting) -> Callable[[Captured], Captured] | None:
    """Start saving a sighting's page; return ``None`` if the archive is not to be used.

    The returned function adds the archive's answer to a capture made meanwhile, after :data:`SECONDS` at most.
    """
    page, until = sighting.page_url, time.monotonic() + SECONDS
    if not is_enabled_for(services, case) or sighting.private_to_id is not None or not _is_public(services, page):
        return None
    results = [WebArchive(services.config.web_archive_url, "", "too-slow", "")]
    thread = threading.Thread(target=_save, args=(services, page, results, until), daemon=True)
    thread.start()

    def join(captured: Captured) -> Captured:
        thread.join(max(0.0, until - time.monotonic()))
        result = results[-1]
        try:
            expect_web_archive(result)
        except FormatError:
            result = replace(result, missing="nonsense", address="")
        file = CapturedFile("web-archive", "web-archive.json", "application/json", result.to_json())
        return replace(
            captured, sentence=following(captured.sentence, _describe_result(result)), files=(*captured.files, file)
        )

    return join


def _is_public(services: Services, page: str) -> bool:
    """Return True if a page is on the public internet; pages in the operator's own networks are not disclosed."""
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    try:
        guard.check_url(page)
        return bool(guard.resolve(host_of(page), port_of(page)))
    except ExhibitError:
        return False


def _save(services: Services, page: str, results: list[WebArchive], until: float) -> None:
    """Request the capture and its status until it has finished, appending each result to ``results``.

    Uses no database.
    """
    form = {"url": page, "capture_all": "1", "skip_first_archive": "1"}
    try:
        status = _send_request(services, until, "POST", "/save", form)
        while status.get("status", "pending") == "pending":
            results.append(replace(results[0], job=_require_word(status.get("job_id", results[-1].job))))
            if time.monotonic() + PAUSE > until:
                return  # nobody waits any longer, so the result remains "too-slow"
            time.sleep(PAUSE)
            status = _send_request(services, until, "GET", f"/save/status/{results[-1].job}")
        if status["status"] == "success":
            address = f"{results[0].archive}/web/{status['timestamp']}/{quote(status['original_url'], safe=_SAFE)}"
            results.append(replace(results[-1], missing="", address=address))
        else:
            results.append(replace(results[-1], missing=_require_word(status["status_ext"])))
    except (ExhibitError, OSError, LookupError, TypeError, ValueError) as error:  # includes exceptions of `requests`
        default = "nonsense" if isinstance(error, (FormatError, LookupError, TypeError)) else "no-answer"
        results.append(replace(results[-1], missing=_MISSING_BY_REASON.get(getattr(error, "reason", ""), default)))


def _send_request(services: Services, until: float, method: str, path: str, form: Any = None) -> dict[str, Any]:  # noqa: ANN401
    archive, seconds = services.config.web_archive_url, max(0.1, until - time.monotonic())
    file = secret_path(services.config, WEB_ARCHIVE_KEYS)
    keys = os.environ.get("WEB_ARCHIVE_KEYS") or (file.read_text("utf-8") if file.exists() else "")
    headers = {"Accept": "application/json"} | ({"Authorization": f"LOW {keys.strip()}"} if keys else {})
    with session_for(services, archive, seconds) as session:
        response = session.request(method, archive + path, data=form, headers=headers, allow_redirects=False)
        if response.status_code in _REFUSALS:
            raise RefusedError("The archive refuses.", reason="archive")
        response.raise_for_status()
        content = parse_json(read_limited(response, MAX_RESPONSE, seconds), what="the answer", limit=MAX_RESPONSE)
    if not isinstance(content, dict):
        raise FormatError("The answer isn't an object.")
    return content


def _require_word(value: object) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise FormatError("The answer lacks a word.")
    return value


def _describe_result(result: WebArchive) -> Sentence:
    archive, why = origin_of(result.archive).partition("//")[2], MISSING_REASONS.get(result.missing, NOT_SAVED)
    if result.missing:
        return Sentence(
            "The web archive %(archive)s was asked to save the page, but %(why)s.", archive=archive, why=why
        )
    address = result.address
    return Sentence(
        "The web archive %(archive)s reports that it saved the page: %(address)s", archive=archive, address=address
    )
