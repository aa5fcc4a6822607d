"""What a reader sees in a bundle and no check examines, named once."""

from collections.abc import Iterator

from evidence.checks.inspection import Inspection
from evidence.checks.remade import is_sheet
from evidence.facts import CaseFacts
from evidence.manifest import FACTS_PATH
from evidence.sealing import named_files
from evidence.verdict import Check, not_checked

SHOWN = {
    "screenshot": "what screenshots show",
    "screenshot-boxed": "what screenshots show",
    "page-pdf": "the rendered page in other forms",
    "mhtml": "the rendered page in other forms",
    "dom": "the rendered page in other forms",
    "c2pa": "what c2pa.json states",
    "title-document": "the documents of the chain of title",
}
"""Roles of files that are sealed and looked at, and whose contents nothing here is held against."""
DECLARED = "what the owner declares of the work and of itself"
STATED = (
    "what captures say in sentences and of names in certificates, clocks and software",
    "hash distances, counts of details, displacements and decisions of matches",
    "words around pictures, parties, licences, decisions and the list of witnesses",
)


def check_rest(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """``rest``: which files and which facts are sealed, and aren't examined by any check."""
    stand_ins = {file.stand_in for file in inspection.manifest.files}
    known = {FACTS_PATH, *(path for path, _ in named_files(facts))}
    named: dict[str, None] = {}
    others = []
    for file in inspection.manifest.files:
        if file.path in stand_ins:
            named["the reduced pictures"] = None
        elif file.path not in known and not is_sheet(file.path):
            others.append(file.path)
        elif file.role in SHOWN:
            named[SHOWN[file.role]] = None
    unknown = [", ".join(others[:3]) + (", …" if len(others) > 3 else "")] if others else []
    told = [*unknown, *named, DECLARED, *(STATED if facts.sightings else ())]
    yield not_checked("rest", f"Sealed, and examined by no check: {'; '.join(told)}.")
