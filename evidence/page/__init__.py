"""``verify.html``: the verifier as one page, for a laptop without Python and without a network.

The page is joined from readable parts by :func:`page` when it is asked for (``python -m evidence page``,
``exhibit verify --html``, ``make verify-page``). It is handed out apart from bundles.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.resources import files

from evidence.schemas import schemas
from evidence.standalone import KNOWN_TOOLS
from evidence.verdict.grades import ALWAYS, BY_NAME, GRADES
from evidence.verdict.trust import Trust, load_trust
from exhibit.types import Json

VERSION = 5
"""Of what the page checks; counts up when a check changes."""
PARTS = (
    "bytes", "container", "ed25519", "log", "blocks", "ledgers", "der", "chains", "stamps", "pictures", "contents",
    "proofs", "renewals", "signers", "inflate", "captures", "order", "stated_pictures", "case", "verdict", "show",
)  # fmt: skip
_FOLDER = files(__package__)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What stands in the template's places."""

    style: str
    script: str
    data: dict[str, str]


def page(trust: Trust | None = None) -> bytes:
    """The page.

    Args:
        trust: the list that it has built in; the one shipped with this program when absent. Whoever uses the page can
            choose another.
    """
    pinned = load_trust() if trust is None else trust
    pieces = _Pieces(
        style=_read("style.css"),
        script="(() => {\n'use strict';\n" + "\n".join(_read(f"parts/{name}.js") for name in PARTS) + "\n})();\n",
        data={
            "grades": _embedded(
                {"always": sorted(ALWAYS), "named": [*BY_NAME], "grades": {n: asdict(row) for n, row in GRADES.items()}}
            ),
            "schemas": _embedded(schemas()),
            "tools": _embedded({name: sorted(known) for name, known in KNOWN_TOOLS.items()}),
            "trust": _embedded(json.loads(pinned.to_json())),
        },
    )
    return _filled(_read("template.html"), pieces).encode()


def _filled(template: str, pieces: _Pieces) -> str:
    places = {
        "script-hash": _source(pieces.script),
        "style-hash": _source(pieces.style),
        "version": str(VERSION),
        "style": pieces.style,
        "script": pieces.script,
        **pieces.data,
    }
    parts = template.split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        filled += [places[name], rest]
    return "".join(filled)


def _embedded(value: Json) -> str:
    """JSON that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _source(text: str) -> str:
    """The hash by which a content security policy lets exactly this text run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")
