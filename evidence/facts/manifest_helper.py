"""``python -m evidence.facts.manifest_helper``: the sandboxed helper process that reads C2PA manifests.

:mod:`evidence.facts.provenance` starts it.
"""

import io
from collections.abc import Mapping
from typing import Any

import c2pa

from exhibit.helper import HelperResult, serve

_OFFLINE_CONTEXT = c2pa.Context(
    c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
)


def handle_request(request: Mapping[str, Any], data: bytes) -> HelperResult:
    """Return the manifest store of a picture as JSON, or the problem ``none`` or ``unreadable``."""
    try:
        with c2pa.Reader(request["media_type"], io.BytesIO(data), context=_OFFLINE_CONTEXT) as reader:
            store = reader.json().encode()
    except c2pa.C2paError as error:
        return {"problem": "none" if "ManifestNotFound" in type(error).__name__ else "unreadable"}, b""
    return ({"problem": ""}, store) if len(store) <= request["max_bytes"] else ({"problem": "unreadable"}, b"")


if __name__ == "__main__":
    serve(handle_request)
