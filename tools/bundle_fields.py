"""Write docs/bundle-fields.md: every field of every format of a bundle, from the code that reads it.

python -m tools.bundle_fields
"""

import dataclasses
import inspect
import re
import sys
import typing
from pathlib import Path
from typing import Any

from evidence.anchors.evm_proofs import EvmPending, EvmProof
from evidence.bundle import AnchorRecord, ConsistencyProof, Withheld
from evidence.checks.probability import CalibrationFile
from evidence.checks.proofs import EntryFile, InclusionFile
from evidence.facts import CaseFacts
from evidence.logproofs import LogProof, SliceProof
from evidence.manifest import Manifest
from evidence.network import NetworkRecord
from evidence.renewals import RenewalRecord
from evidence.schemas import schemas
from evidence.trust import Trust

PAGE = Path(__file__).parents[1] / "docs" / "bundle-fields.md"
WHOLE: dict[str, tuple[str, type]] = {
    "manifest": ("data/manifest.json", Manifest),
    "facts": ("data/facts.json", CaseFacts),
    "network": ("data/sightings/NN/capture-N/network.json, not canonical", NetworkRecord),
    "slice": ("data/sightings/NN/slice.json", SliceProof),
    "registration": ("data/work/registration.json", LogProof),
    "calibration": ("data/calibrations/NN.json", CalibrationFile),
    "entry": ("proofs/log/entry.json", EntryFile),
    "inclusion": ("proofs/log/inclusion.json", InclusionFile),
    "consistency": ("proofs/log/consistency.json, an array", ConsistencyProof),
    "renewals": ("proofs/log/renewals.json, an array", RenewalRecord),
    "anchors": ("proofs/anchors/index.json, an array", AnchorRecord),
    "withheld": ("proofs/withheld.json", Withheld),
    "evm": ("proofs/anchors/evm-*.json", EvmProof),
    "evm-pending": ("proofs/anchors/evm-*.json, before the chain has spoken", EvmPending),
    "trust": ("the trust list", Trust),
}
SAID: dict[str, dict[str, str]] = {
    "NetworkRecord": {
        "outcome": "what came of the visit, in a word",
        "started": "when it began, by the machine's clock",
        "finished": "when it ended",
        "user_agent": "what the visitor called itself",
        "page_names_image": "whether the page as served names the image's address; null when no page came",
        "method": "`plain` or `browser`",
        "exchanges": "requests that were answered, in their order",
        "failures": "requests that weren't",
        "clock": "how far this machine's clock was from the servers'",
        "proxy": "whether a proxy stood between",
        "hosts_file": "the machine's own table of names",
        "name_servers": "which the machine asks for names",
        "certificate_authorities": "whose certificates counted",
        "software": "names and versions of what made the visit",
        "rendered": "what a browser made of the page",
        "resources": "everything that the page asked for",
        "not_loaded": "what it asked for and wasn't given",
        "certificates": "each certificate that a server showed, once",
    },
    "NetworkExchange": {
        "url": "the address that was asked",
        "status": "of HTTP",
        "sent": "when the request left",
        "answered": "when the answer was there",
        "bytes": "of the answer's body as it came",
        "host": "whose name was looked up",
        "dns_answers": "what the name servers answered",
        "peer": "who answered",
        "tls": "how the connection was secured; null for http",
    },
    "NetworkResource": {
        "url": "the address that was asked",
        "kind": "what the page wanted it for",
        "final_url": "where it came from after redirects",
        "status": "of HTTP; 0 when nothing came",
        "bytes": "of the body",
        "sha256": "of the body; null when none came",
        "failure": "why nothing came, or empty",
        "dns_answers": "what the name servers answered",
        "peer": "address of who answered",
        "tls": "the version of TLS; null for http",
        "certificates": "digests of those that were shown",
    },
    "NetworkCertificate": {
        "sha256": "of its bytes",
        "der": "its bytes (DER) in base64",
        "subject": "what it says of whom it is (RFC 4514)",
        "issuer": "what it says of who issued it",
        "not_before": "since when it counts, as it says",
        "not_after": "until when",
        "unreadable": "true when it can't be read",
    },
    "_Peer": {"address": "the IP address", "port": "the port"},
    "_Tls": {"version": "of TLS", "cipher": "the suite", "chain": "certificates that the server showed"},
    "_Failure": {"url": "the address that was asked", "at": "where it ended", "reason": "why, in words"},
    "_Sample": {
        "url": "whose `Date` was read",
        "offset": "seconds by which that clock was ahead",
        "uncertainty": "seconds, half the time the answer took and half a second",
    },
    "_Clock": {
        "method": "how it was measured, in words",
        "samples": "one for each answer with a `Date`",
        "offset": "of the most certain sample, seconds; null without any",
        "uncertainty": "its uncertainty, seconds",
    },
    "_Proxy": {"used": "whether one was used", "environment_variables": "names of those that would have set one"},
    "_HostsFile": {
        "path": "where it lies",
        "sha256": "of it; null when it can't be read",
        "names_visited_hosts": "hosts of this visit that it names",
    },
    "_Authorities": {"name": "the list's name", "sha256": "of the list"},
    "_Place": {
        "how": "how the page shows the image there",
        "x": "pixels from the left of the page",
        "y": "pixels from its top",
        "width": "pixels",
        "height": "pixels",
    },
    "_Rendered": {
        "address": "of the page in the end",
        "title": "the page's title",
        "window": "width and height of the window, pixels",
        "height": "of the whole page, pixels",
        "screenshot_is_cut": "whether the page is longer than its picture",
        "image_places": "where the image was on the page",
        "boxed_screenshot_from": "pixels from the page's top where the picture with lines begins",
        "asks_for": "what stood before the page, such as a login, as far as it was recognised",
        "nothing_shown": "why the image isn't to be seen, or empty",
        "not_made": "files that aren't there, each with the reason",
    },
    "_NotLoaded": {"url": "the address", "kind": "what the page wanted it for", "reason": "why it wasn't loaded"},
    "ModelFacts": {
        "name": "what it is called",
        "version": "its version",
        "digest": "its SHA-256, where it is one file",
    },
    "AttachmentFacts": {
        "title": "what it is",
        "role": "its place in the chain of title",
        "digest": "its SHA-256",
        "file": "where it lies in the bundle",
    },
    "OfficialRegistration": {
        "office": "the office",
        "number": "its number there",
        "date": "the day, as declared; empty when none was",
    },
    "CalibrationFile": {
        "name": "what it is called",
        "made": "the day on which it was made",
        "pipeline": "the version of the comparison whose figures it is for",
        "data": "what it was measured on",
        "photographs": "photographs that show no registered picture and were searched for",
        "prior": "the share of copies that is supposed",
        "figures": "names of the figures, see Calibrations",
        "weights": "a weight for each figure",
        "intercept": "what is added to the sum",
        "knots": "score and probability, rising",
        "bounds": "how often each decision failed",
        "network": "the network that searched; without it `descriptor@1`",
        "format": "the name of this format",
    },
    "CalibrationBounds": {"certain": "for what is decided as certain", "review": "for what a person looks at"},
    "EntryFile": {
        "sequence": "the entry's number in the log, from 0",
        "type": "what it witnesses; here `seal`",
        "time": "when the log wrote it down",
        "commitment": "SHA-256 of the salt and the canonical opening",
        "salt": "32 random bytes",
        "opening": "`key`, `manifest` and `signature`",
    },
    "InclusionFile": {
        "index": "the entry's number, from 0",
        "size": "leaves of the checkpoint",
        "path": "hashes from the leaf up (RFC 9162, 2.1.3)",
    },
    "Withheld": {"files": "sealed files that this copy doesn't hold", "reason": "why, in words"},
    "TrustedLog": {
        "vkey": "name, key id and public key (C2SP signed-note)",
        "development": "true when it was started for trials",
        "label": "the words that results then show",
    },
}
"""What docstrings of one line don't say."""
HEAD = """# The fields of a bundle's JSON

Made from the code that reads the formats (`python -m tools.bundle_fields`); a test compares. The rules for all JSON are
in [The bundle](bundle-format.md#json). *May be absent*: left out where it says nothing. A digest, a hash, a key or a
salt is 64 lower-case hexadecimal digits; a time is written as [Times](bundle-format.md#times) says.
"""


def kinds_below(kind: type) -> dict[str, type]:
    """A dataclass and all within it, by name."""
    found: dict[str, type] = {}

    def look(one: Any) -> None:  # noqa: ANN401 - annotations are of any kind
        if dataclasses.is_dataclass(one) and isinstance(one, type) and one.__name__ not in found:
            found[one.__name__] = one
            for hint in typing.get_type_hints(one).values():
                look(hint)
        for argument in typing.get_args(one):
            look(argument)

    look(kind)
    return found


def described(kind: type) -> dict[str, str]:
    """What the docstring says of each field."""
    text = inspect.getdoc(kind) or ""
    _, _, attributes = text.partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", words) for name, words in found}


def shape(schema: dict[str, Any]) -> str:
    """A field's kind in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].lstrip("_")
    if "anyOf" in schema:
        return f"{shape(schema['anyOf'][0])} or null"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "prefixItems" in schema:
        return f"array of {len(schema['prefixItems'])}: {', '.join(map(shape, schema['prefixItems']))}"
    if schema.get("type") == "array":
        return f"array of: {shape(schema['items'])}"
    patterns = {"^([0-9a-f]{2})*$": "bytes in hexadecimal", "^[0-9a-f]{64}$": "digest"}
    pattern = schema.get("pattern", "")
    return patterns.get(pattern, "time" if pattern else str(schema["type"]))


def page() -> str:
    """The page's text."""
    lines, told = [HEAD], set[str]()
    for name, (path, kind) in WHOLE.items():
        schema = schemas()[name]
        lines.append(f"\n## {path}\n\nSchema: `evidence/schemas/{name}.json`; {kind.__name__}\n")
        kinds = kinds_below(kind)
        for one in [kind.__name__, *sorted(set(schema["$defs"]) - {kind.__name__})]:
            if one in told or one not in kinds:
                continue
            told.add(one)
            whole, words = schema["$defs"][one], described(kinds[one])
            summary = re.sub(r"\s+", " ", (inspect.getdoc(kinds[one]) or "").partition("\n\n")[0])
            lines.append(f"### {one.lstrip('_')}\n\n{summary}\n\n| field | kind | what |\n|---|---|---|")
            for field, inner in whole["properties"].items():
                absent = "" if field in whole["required"] else " *May be absent.*"
                what = (words.get(field) or SAID[one][field]).replace(":data:", "")
                lines.append(f"| `{field}` | {shape(inner)} | {what}{absent} |")
            lines.append("")
    return re.sub(r":\w+:`~?([\w.]+\.)?(\w+)`", r"`\2`", "\n".join(lines)).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
