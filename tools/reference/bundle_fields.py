"""Reference page of a bundle's fields: all fields of all formats, from the code that reads them.

Descriptions come from docstrings and from comments beside fields. A field without one gets ``?``, which fails the
tests.
"""

import dataclasses
import inspect
import re
import typing
from typing import Any

from evidence.anchors.evm.proofs import EvmPending, EvmProof
from evidence.bundle.bag import AnchorRecord, ConsistencyProof, Withheld
from evidence.bundle.manifest import Manifest
from evidence.facts.case import CaseFacts
from evidence.facts.cocapture import Cocapture, WebArchive
from evidence.facts.elsewhere import ArchiveAnswers
from evidence.facts.network import NetworkRecord
from evidence.facts.passkey import Assertion
from evidence.log.proofs import LogProof, RenewalRecord, SliceProof
from evidence.schemas import schemas
from evidence.verdict.trust import Trust
from evidence.verify.checks.odds import WeighingFile
from evidence.verify.checks.probability import CalibrationFile
from evidence.verify.checks.proofs import EntryFile, InclusionFile

NAME = "bundle-fields.md"
INTRODUCTION = """\
# The fields of a bundle's JSON

Made by `make reference` from the code that reads the formats. The rules for all JSON are in [The
bundle](bundle-format.md#json). *May be absent*: left out where it says nothing. A digest, a hash, a key or
a salt is 64 lower-case hexadecimal digits; a time is written as [Times](bundle-format.md#times) says.
"""
WHOLE: dict[str, tuple[str, type]] = {
    "manifest": ("data/manifest.json", Manifest),
    "facts": ("data/facts.json", CaseFacts),
    "network": ("data/sightings/NN/capture-N/network.json, not canonical", NetworkRecord),
    "cocapture": ("data/sightings/NN/capture-N/cocapture.json", Cocapture),
    "web-archive": ("data/sightings/NN/capture-N/web-archive.json", WebArchive),
    "archive-answers": ("data/sightings/NN/archive-answers-N.json", ArchiveAnswers),
    "assertion": ("data/decision.json", Assertion),
    "slice": ("data/sightings/NN/slice.json", SliceProof),
    "registration": ("data/work/registration.json", LogProof),
    "calibration": ("data/calibrations/NN.json", CalibrationFile),
    "weighing": ("data/weighings/NN.json", WeighingFile),
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


def kinds_below(kind: type) -> dict[str, type]:
    """Return a dataclass and all dataclasses nested in it, by name."""
    kinds: dict[str, type] = {}

    def look(one: Any) -> None:  # noqa: ANN401 - annotations are of any kind
        if dataclasses.is_dataclass(one) and isinstance(one, type) and one.__name__ not in kinds:
            kinds[one.__name__] = one
            for hint in typing.get_type_hints(one).values():
                look(hint)
        for argument in typing.get_args(one):
            look(argument)

    look(kind)
    return kinds


def described(kind: type) -> dict[str, str]:
    """Return the description of each field, from the docstring or a comment beside it."""
    text = inspect.getdoc(kind) or ""
    _, _, attributes = text.partition("Attributes:\n")
    fields = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    beside = re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(kind), re.MULTILINE)
    return {name: re.sub(r"\s+", " ", words) for name, words in fields} | {name: f"{words}." for name, words in beside}


def shape(schema: dict[str, Any]) -> str:
    """Describe the type of a field."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].lstrip("_")
    if "anyOf" in schema:
        return f"{shape(schema['anyOf'][0])} or null"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return f"array of {len(schema['prefixItems'])}: {', '.join(map(shape, schema['prefixItems']))}"
    if schema.get("type") == "array":
        return f"array of: {shape(schema['items'])}"
    patterns = {"^([0-9a-f]{2})*$": "bytes in hexadecimal", "^[0-9a-f]{64}$": "digest"}
    pattern = schema.get("pattern", "")
    return patterns.get(pattern, "time" if pattern else str(schema["type"]))


def page() -> str:
    """Return the text of the page."""
    lines, described_kinds = [INTRODUCTION], set[str]()
    for name, (path, kind) in WHOLE.items():
        schema = schemas()[name]
        lines.append(f"\n## {path}\n\nSchema: `evidence/schemas/{name}.json`; {kind.__name__}\n")
        kinds = kinds_below(kind)
        for inside in [kind.__name__, *sorted(set(schema["$defs"]) - {kind.__name__})]:
            if inside in described_kinds or inside not in kinds:
                continue
            described_kinds.add(inside)
            whole, words = schema["$defs"][inside], described(kinds[inside])
            summary = re.sub(r"\s+", " ", (inspect.getdoc(kinds[inside]) or "").partition("\n\n")[0])
            lines.append(f"### {inside.lstrip('_')}\n\n{summary}\n\n| field | kind | what |\n|---|---|---|")
            for field, inner in whole["properties"].items():
                absent = "" if field in whole["required"] else " *May be absent.*"
                what = words.get(field, "?").replace(":data:", "")
                lines.append(f"| `{field}` | {shape(inner)} | {what}{absent} |")
            lines.append("")
    return re.sub(r":\w+:`~?([\w.]+\.)?(\w+)`", r"`\2`", "\n".join(lines)).rstrip() + "\n"
