"""The C2PA manifest embedded in a picture: its signer, its statements, and the validity of the signature.

The content consists of statements by the signer. Neither external manifests nor revocation data are fetched. Pictures
are untrusted, so a sandboxed helper process reads them within limits (``manifest_helper``). This needs the optional
component ``c2pa``; without it nothing is checked.
"""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from evidence.facts.case import ProvenanceFacts
from exhibit.helper import Helper, HelperDiedError

MEDIA_TYPES = {name: f"image/{name.lower()}" for name in ("AVIF", "GIF", "JPEG", "PNG", "TIFF", "WEBP")}
MEDIA_TYPES["MPO"] = "image/jpeg"
MAX_BYTES = 64 << 20
MAX_MANIFEST_BYTES = 1 << 20  # limit in bytes of a manifest in JSON
MAX_TEXT_CHARS = 300
MAX_PROBLEMS = 20
UNTRUSTED_CODE = "signingCredential.untrusted"
"""Code for a signer that is not on a trust list. It is ignored, because no trust list is configured."""
MAX_SECONDS = 20.0
"""Maximum processor time in seconds for one picture."""
MAX_MEMORY = 1 << 30
"""Maximum memory in bytes for one picture."""

helper = Helper("evidence.facts.manifest_helper")


def read_provenance(data: bytes, picture_format: str) -> tuple[ProvenanceFacts, bytes] | None:
    """Read the manifest in a picture; returns its facts, with an empty ``file``, and the manifest as JSON.

    The JSON is empty if no manifest was read. The result is ``None`` if the picture was not examined: the optional
    component is missing, the picture is too large, or its format (Pillow's name) cannot contain manifests.
    """
    media_type = MEDIA_TYPES.get(picture_format)
    if media_type is None or len(data) > MAX_BYTES or find_spec("c2pa") is None:
        return None
    request = {"media_type": media_type, "max_bytes": 8 * MAX_MANIFEST_BYTES}  # the stored form is shorter
    try:
        reply, store = helper.send_request(request, data, seconds=MAX_SECONDS, memory=MAX_MEMORY)
    except HelperDiedError:
        return ProvenanceFacts("unreadable"), b""
    if reply["problem"]:
        return ProvenanceFacts(reply["problem"]), b""
    return read_manifest(store.tobytes())


def read_manifest(text: str | bytes) -> tuple[ProvenanceFacts, bytes]:
    """Return the facts of a manifest store in JSON, and that JSON in the form in which it is stored."""
    try:
        plain = json.loads(text)
        manifest = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return ProvenanceFacts("unreadable"), b""
    if not isinstance(plain, dict) or len(manifest) > MAX_MANIFEST_BYTES:
        return ProvenanceFacts("unreadable"), b""
    active = _to_mapping(_to_mapping(plain.get("manifests")).get(str(plain.get("active_manifest"))))
    signature = _to_mapping(active.get("signature_info"))
    codes = [_to_text(_to_mapping(status).get("code")) for status in _to_list(plain.get("validation_status"))]
    problems = tuple(dict.fromkeys(code for code in codes if code and code != UNTRUSTED_CODE))[:MAX_PROBLEMS]
    is_valid = plain.get("validation_state") in {"Valid", "Trusted"} and not problems
    names = (_to_text(signature.get("issuer")), _to_text(signature.get("common_name")))
    facts = ProvenanceFacts(
        standing="valid" if is_valid else "invalid",
        signer=", ".join(name for name in dict.fromkeys(names) if name),
        signed_at=_to_text(signature.get("time")),
        generator=_describe_generator(active),
        title=_to_text(active.get("title")),
        problems=problems,
        actions=_list_actions(active),
    )
    return facts, manifest


def extract_authors(manifest: bytes) -> tuple[str, ...]:
    """Return the authors, creators and credits in a manifest's assertions (schema.org, IPTC and Dublin Core)."""
    try:
        plain = _to_mapping(json.loads(manifest or b"{}"))
    except (ValueError, RecursionError):
        return ()
    active = _to_mapping(_to_mapping(plain.get("manifests")).get(str(plain.get("active_manifest"))))
    authors: list[str] = []
    for assertion in _to_list(active.get("assertions")):
        assertion_data = _to_mapping(_to_mapping(assertion).get("data"))
        authors += [_to_text(_to_mapping(author).get("name")) for author in _to_list(assertion_data.get("author"))]
        for name in ("dc:creator", "photoshop:Credit", "plus:ImageCreator"):
            value = assertion_data.get(name)
            authors += [_to_text(entry) for entry in (value if isinstance(value, list) else [value])]
    return tuple(dict.fromkeys(name for name in authors if name))[:MAX_PROBLEMS]


def _list_actions(active: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the C2PA names of the actions, each with the last part of its digital source type, if stated."""
    actions: list[str] = []
    for assertion in _to_list(active.get("assertions")):
        assertion_map = _to_mapping(assertion)
        if not _to_text(assertion_map.get("label")).startswith("c2pa.actions"):
            continue
        for action in map(_to_mapping, _to_list(_to_mapping(assertion_map.get("data")).get("actions"))[:MAX_PROBLEMS]):
            source = _to_text(action.get("digitalSourceType")).rpartition("/")[2]
            actions.append(_to_text(action.get("action")) + (f" ({source})" if source else ""))
    return tuple(dict.fromkeys(filter(None, actions)))[:MAX_PROBLEMS]


def _describe_generator(active: Mapping[str, Any]) -> str:
    for generator in _to_list(active.get("claim_generator_info")):
        info = _to_mapping(generator)
        return " ".join(part for part in (_to_text(info.get("name")), _to_text(info.get("version"))) if part)
    return _to_text(active.get("claim_generator"))


def _to_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _to_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _to_text(value: object) -> str:
    return value.replace("\0", "")[:MAX_TEXT_CHARS] if isinstance(value, str) else ""
