"""The broken bundles stored beside the vectors, and the changes for which all verifiers have reported the same."""

import json
from collections.abc import Callable
from typing import Any

from tests.assets.bundle_changes import Files
from tests.assets.corpus import BUNDLE, Case, failing_case
from tests.assets.make_vectors import FOLDER, join_pieces

BROKEN: list[dict[str, Any]] = json.loads((FOLDER / "broken.json").read_text("utf-8"))


def _failed_checks(vector: dict[str, Any]) -> list[str]:
    return [name for name, state in vector["not_passed"].items() if state == "failed"]


def _rebuild_bundle(vector: dict[str, Any]) -> Callable[[Files], bytes]:
    return lambda _: join_pieces(BUNDLE.read_bytes(), vector["pieces"])


CASES: dict[str, Case] = {
    vector["name"]: failing_case(_rebuild_bundle(vector), *_failed_checks(vector)) for vector in BROKEN
}
