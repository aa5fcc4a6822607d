"""The manifest embedded in a picture (C2PA): its signer, its statements, and whether the signature is valid.

Its content is the word of its signer. Nothing is fetched: neither external manifests nor revocation data. Pictures are
untrusted, so a child process reads them within limits (``manifest_helper``). This needs the optional part ``c2pa``;
without it nothing is checked.
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
MAX_MANIFEST = 1 << 20  # bytes of a manifest, written as JSON, that are kept
MAX_TEXT = 300
MAX_PROBLEMS = 20
UNTRUSTED = "signingCredential.untrusted"
"""Code for a signer that is on no list, which applies to everybody because no list is pinned here."""
SECONDS = 20.0
"""Processor time for one picture."""
MEMORY = 1 << 30
"""Bytes of memory for one picture."""

helper = Helper("evidence.facts.manifest_helper")


def read_provenance(data: bytes, picture_format: str) -> tuple[ProvenanceFacts, bytes] | None:
    """Return the facts of the manifest inside a picture (without a file), and the manifest as JSON.

    The JSON is empty if none was read. The result is ``None`` if the picture was not examined: without the optional
    part, or for a format (Pillow's name) without manifests.
    """
    media_type = MEDIA_TYPES.get(picture_format)
    if media_type is None or len(data) > MAX_BYTES or find_spec("c2pa") is None:
        return None
    request = {"media_type": media_type, "max_bytes": 8 * MAX_MANIFEST}  # it is stored in a shorter form
    try:
        reply, store = helper.ask(request, data, seconds=SECONDS, memory=MEMORY)
    except HelperDiedError:
        return ProvenanceFacts("unreadable"), b""
    if reply["problem"]:
        return ProvenanceFacts(reply["problem"]), b""
    return read_manifest(store.tobytes())


def read_manifest(text: str | bytes) -> tuple[ProvenanceFacts, bytes]:
    """Return the facts of a manifest that was read from a picture as JSON, and that JSON as it is stored."""
    try:
        plain = json.loads(text)
        manifest = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return ProvenanceFacts("unreadable"), b""
    if not isinstance(plain, dict) or len(manifest) > MAX_MANIFEST:
        return ProvenanceFacts("unreadable"), b""
    active = _mapping(_mapping(plain.get("manifests")).get(str(plain.get("active_manifest"))))
    signature = _mapping(active.get("signature_info"))
    failed = [_text(_mapping(status).get("code")) for status in _list(plain.get("validation_status"))]
    problems = tuple(dict.fromkeys(code for code in failed if code and code != UNTRUSTED))[:MAX_PROBLEMS]
    holds = plain.get("validation_state") in {"Valid", "Trusted"} and not problems
    names = (_text(signature.get("issuer")), _text(signature.get("common_name")))
    facts = ProvenanceFacts(
        standing="valid" if holds else "invalid",
        signer=", ".join(name for name in dict.fromkeys(names) if name),
        signed_at=_text(signature.get("time")),
        generator=_describe_generator(active),
        title=_text(active.get("title")),
        problems=problems,
        actions=_list_actions(active),
    )
    return facts, manifest


def extract_authors(manifest: bytes) -> tuple[str, ...]:
    """Return authors, creators and credits in a manifest's assertions, by schema.org, IPTC and Dublin Core names."""
    try:
        plain = _mapping(json.loads(manifest or b"{}"))
    except (ValueError, RecursionError):
        return ()
    active = _mapping(_mapping(plain.get("manifests")).get(str(plain.get("active_manifest"))))
    authors: list[str] = []
    for assertion in _list(active.get("assertions")):
        assertion_data = _mapping(_mapping(assertion).get("data"))
        authors += [_text(_mapping(author).get("name")) for author in _list(assertion_data.get("author"))]
        for name in ("dc:creator", "photoshop:Credit", "plus:ImageCreator"):
            value = assertion_data.get(name)
            authors += [_text(entry) for entry in (value if isinstance(value, list) else [value])]
    return tuple(dict.fromkeys(name for name in authors if name))[:MAX_PROBLEMS]


def _list_actions(active: Mapping[str, Any]) -> tuple[str, ...]:
    """Return C2PA's names of the actions, each with the last part of its digital source type, if stated."""
    actions: list[str] = []
    for assertion in _list(active.get("assertions")):
        assertion_map = _mapping(assertion)
        if not _text(assertion_map.get("label")).startswith("c2pa.actions"):
            continue
        for action in map(_mapping, _list(_mapping(assertion_map.get("data")).get("actions"))[:MAX_PROBLEMS]):
            source = _text(action.get("digitalSourceType")).rpartition("/")[2]
            actions.append(_text(action.get("action")) + (f" ({source})" if source else ""))
    return tuple(dict.fromkeys(filter(None, actions)))[:MAX_PROBLEMS]


def _describe_generator(active: Mapping[str, Any]) -> str:
    for generator in _list(active.get("claim_generator_info")):
        info = _mapping(generator)
        return " ".join(part for part in (_text(info.get("name")), _text(info.get("version"))) if part)
    return _text(active.get("claim_generator"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.replace("\0", "")[:MAX_TEXT] if isinstance(value, str) else ""
