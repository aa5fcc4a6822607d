"""A web archive that speaks Save Page Now (SPN2), as far as it is used: a site of this machine."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.assets.site import Answer, Seen, Site

JOB = "spn2-4cfbd83b9f"
KEYS = "access1:secret1"
"""The keys that it knows."""


def told(about: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(about).encode(), "application/json", status=status)


def saving(site: Site, *statuses: Mapping[str, Any] | Answer, job: str = JOB) -> list[dict[str, list[str]]]:
    """Let a site take requests to save pages, and answer so, one status after the other; returns the forms that came."""
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
