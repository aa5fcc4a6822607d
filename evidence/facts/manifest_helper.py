"""``python -m evidence.facts.manifest_helper``: the helper that reads C2PA manifests (``facts.provenance``)."""

import io
from collections.abc import Mapping
from typing import Any

import c2pa

from exhibit.helper import Answer, serve

_OFFLINE = c2pa.Context(c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}))


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Return the manifest store of a picture as JSON, or the problem: ``none`` or ``unreadable``."""
    try:
        with c2pa.Reader(question["media_type"], io.BytesIO(data), context=_OFFLINE) as reader:
            store = reader.json().encode()
    except c2pa.C2paError as error:
        return {"problem": "none" if "ManifestNotFound" in type(error).__name__ else "unreadable"}, b""
    return ({"problem": ""}, store) if len(store) <= question["max_bytes"] else ({"problem": "unreadable"}, b"")


if __name__ == "__main__":
    serve(answer)
