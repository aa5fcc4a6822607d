"""``verify.html``: the verifier as one page, for a laptop without Python and without a network.

The page is joined from readable parts by :func:`page` when it is asked for (``python -m evidence page``,
``exhibit verify --html``, ``make verify-page``). It is handed out apart from bundles.
"""

import base64
import hashlib
import json
import re
from dataclasses import asdict
from importlib.resources import files

from evidence.schemas import schemas
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.grades import ALWAYS, BY_NAME, GRADES
from evidence.verdict.trust import Trust, load_trust
from exhibit.types import Json

VERSION = 11  # of what the page checks; counts up when a check changes
PARTS = (
    "bytes", "container", "ed25519", "log", "blocks", "ledgers", "validators", "der", "chains", "stamps", "decoding",
    "pictures", "contents", "proofs", "signers", "inflate", "captures", "cocaptures", "passkeys", "order",
    "stated_pictures", "case", "verdict", "packages", "show",
)  # fmt: skip
_FOLDER = files(__package__)


def page(trust: Trust | None = None) -> bytes:
    """The page with a trust list built in, by default the one of this program; its user can choose another."""
    pinned = load_trust() if trust is None else trust
    style = _read("style.css")
    script = "(() => {\n'use strict';\n" + "\n".join(_read(f"parts/{name}.js") for name in PARTS) + "\n})();\n"
    grades = {name: asdict(row) for name, row in GRADES.items()}
    places = {
        "style": style,
        "style-hash": _source(style),
        "script": script,
        "script-hash": _source(script),
        "version": str(VERSION),
        "grades": _embedded({"always": sorted(ALWAYS), "named": [*BY_NAME], "grades": grades}),
        "schemas": _embedded(schemas()),
        "tools": _embedded({name: sorted(known) for name, known in KNOWN_TOOLS.items()}),
        "trust": _embedded(json.loads(pinned.to_json())),
    }
    return re.sub(r"\{\{([a-z-]+)\}\}", lambda place: places[place[1]], _read("template.html")).encode()


def _embedded(value: Json) -> str:
    """JSON that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _source(text: str) -> str:
    """The hash by which a content security policy lets exactly this text run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")
