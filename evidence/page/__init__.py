"""``verify.html``: a page that verifies a bundle in the browser, without network access and without Exhibit.

It verifies the bytes, the owner's signature, the log and its cosignatures, and displays the sealed facts. All other
checks are listed as not checked, with the command that runs them. Its checks are a subset of those in
:mod:`evidence.verify`.

:func:`build_page` assembles the page from readable parts on request (``python -m evidence page``,
``exhibit verify --html``, ``make verify-page``). The page is distributed separately from bundles.
"""

import base64
import hashlib
import json
import re
from importlib.resources import files

from evidence.bundle import bag
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_PATH
from evidence.facts.field_origins import BACKINGS, ORIGIN_LABELS
from evidence.formats import container
from evidence.formats.codec import MAX_JSON_BYTES, MAX_PLAIN_DEPTH
from evidence.keys.ed25519 import SMALL_ORDER, SPKI_PREFIX
from evidence.log.notes import MAX_NOTE
from evidence.log.proofs import RENEWALS_PATH
from evidence.schemas import build_schemas
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.trust import Trust, load_trust
from evidence.verify.checks.anchors import MAX_RECEIPT_BYTES
from exhibit.types import Json

VERSION = 1  # version of the page's checks; increment when a check changes
SCRIPTS = ("bundle", "checks", "show")
FORMATS = ("manifest", "facts", "withheld", "entry", "inclusion", "consistency", "anchors", "trust")
FIELDS = (
    "owner.name", "number", "work.title", "work.author", "party.name", "work.public_page", "decision.decision",
    "sightings[].page_url", "sightings[].first_seen", "sightings[].making.source_type",
)  # fmt: skip
"""Fields of the facts that the page shows."""
CONSTANTS: dict[str, Json] = {
    "MANIFEST": MANIFEST_PATH,
    "FACTS": FACTS_PATH,
    "TAG_MANIFEST": bag.TAG_MANIFEST,
    "SIGNATURE": bag.SIGNATURE_PATH,
    "KEY": [bag.KEY_PATH, bag.KEY_PEM_PATH],
    "COUNTERSIGNATURES": bag.COUNTERSIGNATURES_FOLDER,
    "ANCHORS": bag.ANCHORS_PATH,
    "ENTRY_FILE": bag.ENTRY_PATH,
    "INCLUSION": bag.INCLUSION_PATH,
    "CHECKPOINT": bag.CHECKPOINT_PATH,
    "CONSISTENCY": bag.CONSISTENCY_PATH,
    "WITHHELD": bag.WITHHELD_PATH,
    "RENEWALS": RENEWALS_PATH,
    "ED25519_SPKI": SPKI_PREFIX.hex(),
    "SMALL_ORDER": [str(y) for y in sorted(SMALL_ORDER)],
    "MAX_ENTRIES": container.MAX_ENTRIES,
    "MAX_NAME": container.MAX_NAME_CHARS,
    "MAX_JSON": MAX_JSON_BYTES,
    "MAX_DEPTH": MAX_PLAIN_DEPTH,
    "MAX_NOTE": MAX_NOTE,
    "MAX_RECEIPT": MAX_RECEIPT_BYTES,
}
"""Constants of the format, by their names in the scripts."""
_FOLDER = files(__package__)


def build_page(trust: Trust | None = None) -> bytes:
    """Build the page with an embedded trust list (default: the one in this package); users can load another list."""
    trust_list = load_trust() if trust is None else trust
    all_schemas = build_schemas()
    style = _read_file("style.css")
    script = "(() => {\n'use strict';\n" + "\n".join(_read_file(f"{name}.js") for name in SCRIPTS) + "\n})();\n"
    values = {
        "style": style,
        "style-hash": _compute_csp_hash(style),
        "script": script,
        "script-hash": _compute_csp_hash(script),
        "version": str(VERSION),
        "schemas": _embed_json({name: all_schemas[name] for name in FORMATS}),
        "tools": _embed_json({name: sorted(digests) for name, digests in KNOWN_TOOLS.items()}),
        "constants": _embed_json(CONSTANTS),
        "words": _embed_json({path: ORIGIN_LABELS[BACKINGS[path].origin] for path in FIELDS}),
        "trust": _embed_json(json.loads(trust_list.to_json())),
    }
    return re.sub(r"\{\{([a-z-]+)\}\}", lambda place: values[place[1]], _read_file("template.html")).encode()


def _embed_json(value: Json) -> str:
    """Encode a value as JSON that is safe inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _compute_csp_hash(text: str) -> str:
    """Compute the source hash with which a content security policy allows exactly this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read_file(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")
