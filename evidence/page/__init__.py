"""``verify.html``: the verifier as one page, for a laptop without Python and without a network.

The page is joined from readable parts by :func:`page`; ``python -m evidence.page`` writes it anew into
``evidence/standalone/verify.html``, and a test says whether that is current. It is handed out apart from bundles.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from evidence.anchors.evm_proofs import FORMAT as EVM_FORMAT
from evidence.anchors.evm_proofs import PENDING_FORMAT, EvmPending, EvmProof
from evidence.bundle import AnchorRecord, ConsistencyProof, Withheld
from evidence.checks.probability import CalibrationFile
from evidence.checks.proofs import EntryFile, InclusionFile
from evidence.facts import FACTS_FORMATS, CaseFacts
from evidence.manifest import MANIFEST_FORMAT, Manifest
from evidence.renewals import RenewalRecord
from evidence.schemas import array_schema_of, schema_of
from evidence.standalone import KNOWN_TOOLS
from evidence.trust import TRUST_FORMAT, Trust, load_trust
from exhibit.calibration import CALIBRATION_FORMAT

WRITTEN = Path(__file__).parents[1] / "standalone" / "verify.html"
VERSION = 3
"""Of what the page checks; counts up when a check changes."""
PARTS = (
    "bytes", "container", "ed25519", "log", "blocks", "ledgers", "stamps", "pictures", "contents", "proofs",
    "renewals", "signers", "case", "verdict", "show",
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
            "schemas": _embedded(_schemas()),
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


def _schemas() -> dict[str, Any]:
    return {
        "manifest": schema_of(Manifest, (MANIFEST_FORMAT,)),
        "facts": schema_of(CaseFacts, FACTS_FORMATS),
        "trust": schema_of(Trust, (TRUST_FORMAT,)),
        "withheld": schema_of(Withheld),
        "entry": schema_of(EntryFile),
        "inclusion": schema_of(InclusionFile),
        "consistency": array_schema_of(ConsistencyProof),
        "evm": schema_of(EvmProof, (EVM_FORMAT,)),
        "evm-pending": schema_of(EvmPending, (PENDING_FORMAT,)),
        "calibration": schema_of(CalibrationFile, (CALIBRATION_FORMAT,)),
        "anchors": array_schema_of(AnchorRecord),
        "renewals": array_schema_of(RenewalRecord),
    }


def _embedded(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _source(text: str) -> str:
    """The hash by which a content security policy lets exactly this text run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")
