"""Write the constants of the format into ``verify.py``: ``python -m tools.standalone``.

Every bundle contains ``verify.py``, which cannot import other modules. The modules that define the constants remain
their only source.
"""

import json

from evidence.bundle import bag
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_FORMAT, MANIFEST_PATH
from evidence.facts.case import FACTS_FORMAT, REGISTERED_FIELDS
from evidence.formats import container
from evidence.formats.codec import MAX_JSON_BYTES, MAX_PLAIN_DEPTH
from evidence.keys.ed25519 import SMALL_ORDER, SPKI_PREFIX
from evidence.standalone import FOLDER
from evidence.verify.checks.probability import TOLERANCE
from exhibit.comparison.calibration import CALIBRATION_FORMAT, MAX_DRIFT, UNCALIBRATED_REASONS, UNRELATED_DISTANCE

VERIFY_FILE = FOLDER / "verify.py"
BEGIN_MARKER, END_MARKER = "# Written by `python -m tools.standalone`:\n", "# Written by hand from here on.\n"
CONSTANTS: dict[str, object] = {
    "MANIFEST": MANIFEST_PATH,
    "FACTS": FACTS_PATH,
    "ENTRY": bag.ENTRY_PATH,
    "INCLUSION": bag.INCLUSION_PATH,
    "CHECKPOINT": bag.CHECKPOINT_PATH,
    "ANCHORS": bag.ANCHORS_PATH,
    "WITHHELD": bag.WITHHELD_PATH,
    "SIGNATURE": bag.SIGNATURE_PATH,
    "KEY": bag.KEY_PATH,
    "KEY_PEM": bag.KEY_PEM_PATH,
    "BUNDLE_FORMAT": MANIFEST_FORMAT,
    "FACTS_FORMAT": FACTS_FORMAT,
    "CALIBRATION_FORMAT": CALIBRATION_FORMAT,
    "REGISTERED_FIELDS": REGISTERED_FIELDS,
    "MAX_JSON": MAX_JSON_BYTES,
    "MAX_DEPTH": MAX_PLAIN_DEPTH,
    "MAX_ENTRIES": container.MAX_ENTRIES,
    "MAX_DIRECTORY": container.MAX_DIRECTORY_BYTES,
    "MAX_NAME": container.MAX_NAME_CHARS,
    "FREE_EXPANSION": container.UNCHECKED_EXPANSION_BYTES,
    "MAX_EXPANSION": container.MAX_EXPANSION,
    "SPKI": SPKI_PREFIX.hex(),
    "SMALL_ORDER": tuple(sorted(SMALL_ORDER)),
    "RESTRICTING_REASONS": tuple(sorted(UNCALIBRATED_REASONS)),
    "TOLERANCE": TOLERANCE,
    "UNRELATED": UNRELATED_DISTANCE,
    "FAR_DRIFT": MAX_DRIFT,
}
"""Values of the constants of ``verify.py``, by name."""


def generate_program(text: str) -> str:
    """Return the program with the constants as currently defined."""
    head, rest = text.split(BEGIN_MARKER)
    _, tail = rest.split(END_MARKER)
    lines = "".join(f"{name} = {_format_literal(value)}\n" for name, value in CONSTANTS.items())
    return f"{head}{BEGIN_MARKER}{lines}{END_MARKER}{tail}"


def _format_literal(value: object) -> str:
    if isinstance(value, tuple):
        return "".join(["(\n", *(f"    {json.dumps(item)},\n" for item in value), ")"])
    return json.dumps(value)


if __name__ == "__main__":
    VERIFY_FILE.write_text(generate_program(VERIFY_FILE.read_text("utf-8")), "utf-8")
