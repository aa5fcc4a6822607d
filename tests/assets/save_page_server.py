"""A web archive with the part of Save Page Now (SPN2) that Exhibit uses, and records of it in bundles."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from exhibit.entries import encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.resealing import Facts, Lie
from tests.assets.site import Answer, ReceivedRequest, Site

JOB = "spn2-4cfbd83b9f"
KEYS = "access1:secret1"
"""Keys that the archive accepts."""


def json_response(value: Mapping[str, Any], status: int = 200) -> Answer:
    """Return a JSON response."""
    return Answer(json.dumps(value).encode(), "application/json", status=status)


def serve_save_requests(
    site: Site, *statuses: Mapping[str, Any] | Answer, job: str = JOB
) -> list[dict[str, list[str]]]:
    """Make a site accept requests to save pages, with these statuses in order; returns the submitted forms."""
    forms, remaining = [], list(statuses)

    def save(request: ReceivedRequest) -> Answer:
        if request.headers.get("authorization") != f"LOW {KEYS}":
            return json_response({"message": "You need to be logged in to use Save Page Now."}, 401)
        forms.append(parse_qs(request.body.decode()))
        return json_response({"url": forms[-1]["url"][0], "job_id": job})

    def status(_: ReceivedRequest) -> Answer:
        answer = remaining.pop(0)
        return answer if isinstance(answer, Answer) else json_response({"job_id": job, "resources": [], **answer})

    site.routes["/save"] = save
    site.routes[f"/save/status/{job}"] = status
    return forms


PLACE = "data/sightings/01/capture-1/web-archive.json"
CHECK = "web-archive:01-1"
AT, PAGE = "https://web.archive.org", "https://copies.example/"
SAVED = f"{AT}/web/20261126010203/{PAGE}"


def put_record(data: bytes) -> Lie:
    """Put this record of an archive into the bundle's first capture."""

    def lie(facts: Facts, files: Files) -> None:
        facts["sightings"][0]["captures"][0]["files"].append(PLACE)
        files[PLACE] = data

    return lie


def _put_changed_record(
    archive: str = AT, job: str = JOB, missing: str = "", address: str = SAVED, **other: str
) -> Lie:
    record = {"archive": archive, "job": job, "missing": missing, "address": address, "format": "exhibit-web-archive/1"}
    return put_record(encode_canonical(record | other))


NO_PAGE_MESSAGE = "contains neither an archive URL nor the reason"
RECORDS: dict[str, tuple[Lie, str, str]] = {
    "a saved page": (
        _put_changed_record(), "not checked",
        f"The Internet Archive reported that it saved the page at 2026-11-26 01:02:03 UTC: {SAVED} (not checked).",
    ),
    "by another archive": (
        _put_changed_record("http://127.0.0.1:8", address=f"http://127.0.0.1:8/web/20261126010203/{PAGE}"),
            "not checked",
        "The archive 'http://127.0.0.1:8' reported that",
    ),
    "another page": (
        _put_changed_record(address=f"{SAVED}elsewhere"), "not checked",
        "(not checked). The archived URL is not the URL of the page.",
    ),
    "no answer": (
        _put_changed_record(missing="too-slow", address=""), "not checked",
        "The Internet Archive was asked to save the page; its response is missing: 'too-slow'.",
    ),
    "both": (_put_changed_record(missing="too-slow"), "failed", NO_PAGE_MESSAGE),
    "neither": (_put_changed_record(address=""), "failed", NO_PAGE_MESSAGE),
    "an address elsewhere": (_put_changed_record(address=SAVED.replace(AT, "https://archive.example")),
    "failed", NO_PAGE_MESSAGE),
    "an address that begins alike": (_put_changed_record(address=SAVED.replace(AT, f"{AT}.example")),
    "failed", NO_PAGE_MESSAGE),
    "no time": (_put_changed_record(address=f"{AT}/web/2026/{PAGE}"), "failed", NO_PAGE_MESSAGE),
    "no page": (_put_changed_record(address=f"{AT}/web/20261126010203/javascript:alert(1)"), "failed", NO_PAGE_MESSAGE),
    "an address of two lines": (_put_changed_record(address=f"{SAVED}\nVerified."), "failed", NO_PAGE_MESSAGE),
    "an archive of two lines": (_put_changed_record(f"{AT}\n", address=SAVED.replace(AT, f"{AT}\n")),
    "failed", NO_PAGE_MESSAGE),
    "another format": (_put_changed_record(format="exhibit-web-archive/2"), "failed", ""),
    "a field of its own": (_put_changed_record(checked="yes"), "failed", ""),
    "a file of junk": (put_record(b"junk"), "failed", ""),
    "a file in another form": (put_record(b'{"missing": "x"}'), "failed", ""),
    "a long file": (_put_changed_record(missing="x" * 65_536, address=""), "failed", ""),
}  # fmt: skip
"""Records of a web archive in a bundle, the state of their check, and a part of its message."""
