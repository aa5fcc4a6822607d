"""A web archive with the part of Save Page Now (SPN2) that Exhibit uses, and records of it in bundles."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from exhibit.entries import canonical
from tests.assets.changes import Files
from tests.assets.resealing import Facts, Lie
from tests.assets.site import Answer, Seen, Site

JOB = "spn2-4cfbd83b9f"
KEYS = "access1:secret1"
"""Keys that the archive accepts."""


def told(about: Mapping[str, Any], status: int = 200) -> Answer:
    """Return a JSON response."""
    return Answer(json.dumps(about).encode(), "application/json", status=status)


def saving(site: Site, *statuses: Mapping[str, Any] | Answer, job: str = JOB) -> list[dict[str, list[str]]]:
    """Make a site accept requests to save pages, with these statuses in order; returns the submitted forms."""
    forms, left = [], list(statuses)

    def save(seen: Seen) -> Answer:
        if seen.headers.get("authorization") != f"LOW {KEYS}":
            return told({"message": "You need to be logged in to use Save Page Now."}, 401)
        forms.append(parse_qs(seen.body.decode()))
        return told({"url": forms[-1]["url"][0], "job_id": job})

    def status(_: Seen) -> Answer:
        answer = left.pop(0)
        return answer if isinstance(answer, Answer) else told({"job_id": job, "resources": [], **answer})

    site.routes["/save"] = save
    site.routes[f"/save/status/{job}"] = status
    return forms


PLACE = "data/sightings/01/capture-1/web-archive.json"
CHECK = "web-archive:01-1"
AT, PAGE = "https://web.archive.org", "https://copies.example/"
SAVED = f"{AT}/web/20261126010203/{PAGE}"


def kept(data: bytes) -> Lie:
    """Put this record of an archive into the bundle's first capture."""

    def lie(facts: Facts, files: Files) -> None:
        facts["sightings"][0]["captures"][0]["files"].append(PLACE)
        files[PLACE] = data

    return lie


def _kept(archive: str = AT, job: str = JOB, missing: str = "", address: str = SAVED, **other: str) -> Lie:
    about = {"archive": archive, "job": job, "missing": missing, "address": address, "format": "exhibit-web-archive/1"}
    return kept(canonical(about | other))


NOT_ITS = "It names neither a page of this archive"
TOLD: dict[str, tuple[Lie, str, str]] = {
    "a saved page": (
        _kept(), "not checked",
        f"The Internet Archive reported that it saved the page at 2026-11-26 01:02:03 UTC: {SAVED} (not checked).",
    ),
    "by another archive": (
        _kept("http://127.0.0.1:8", address=f"http://127.0.0.1:8/web/20261126010203/{PAGE}"), "not checked",
        "The archive 'http://127.0.0.1:8' reported that",
    ),
    "another page": (
        _kept(address=f"{SAVED}elsewhere"), "not checked", "(not checked). It is not the URL of the page."
    ),
    "no answer": (
        _kept(missing="too-slow", address=""), "not checked",
        "The Internet Archive was asked to save the page; its response is missing: 'too-slow'.",
    ),
    "both": (_kept(missing="too-slow"), "failed", NOT_ITS),
    "neither": (_kept(address=""), "failed", NOT_ITS),
    "an address elsewhere": (_kept(address=SAVED.replace(AT, "https://archive.example")), "failed", NOT_ITS),
    "an address that begins alike": (_kept(address=SAVED.replace(AT, f"{AT}.example")), "failed", NOT_ITS),
    "no time": (_kept(address=f"{AT}/web/2026/{PAGE}"), "failed", NOT_ITS),
    "no page": (_kept(address=f"{AT}/web/20261126010203/javascript:alert(1)"), "failed", NOT_ITS),
    "an address of two lines": (_kept(address=f"{SAVED}\nVerified."), "failed", NOT_ITS),
    "an archive of two lines": (_kept(f"{AT}\n", address=SAVED.replace(AT, f"{AT}\n")), "failed", NOT_ITS),
    "another format": (_kept(format="exhibit-web-archive/2"), "failed", ""),
    "a field of its own": (_kept(checked="yes"), "failed", ""),
    "a file of junk": (kept(b"junk"), "failed", ""),
    "a file in another form": (kept(b'{"missing": "x"}'), "failed", ""),
    "a long file": (_kept(missing="x" * 65_536, address=""), "failed", ""),
}  # fmt: skip
"""Records of a web archive in a bundle, the state of their check, and a part of its message."""
