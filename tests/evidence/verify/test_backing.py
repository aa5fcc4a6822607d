"""Test that the table covers every field of the facts, and that changes to verifiable fields are detected."""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.facts.case import CaseFacts
from evidence.facts.field_origins import BACKINGS, FieldOrigin
from evidence.verify.verifier import Verifier
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from tests.assets.bundle_changes import Files
from tests.assets.bundles import Scene, make_scene
from tests.assets.complete_case import whole_case
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.corpus.inventing import shift_time
from tests.assets.resealing import Facts
from tests.assets.tampering import read_files, write_zip

pytestmark = pytest.mark.timeout(300)
SCALARS = (str, int, float, bool, bytes, Digest)
OTHER_VALUES = {
    "format": "exhibit-facts/2",
    "language": "zh-Hans",
    "sightings[].visibility": "private",
    "sightings[].elsewhere[].kind": "search-saw",
    "matches[].verification.decision": "review",
    "left_out[].why": "removed",
    "decision.decision": "licensed",
}
"""Another value for fields with few values."""
COMMAND_ONLY_CHECKS = {"words", "drawings"}  # checks that generate drawings and sentences again


def list_leaf_paths(kind: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - a type
    """Yield the paths of all fields without subfields."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        yield from list_leaf_paths(next(argument for argument in arguments if argument is not type(None)), path)
    elif origin is tuple:
        whole = len(arguments) == 2 and arguments[1] is Ellipsis
        yield from list_leaf_paths(arguments[0], f"{path}[]") if whole else [f"{path}[]"]
    elif dataclasses.is_dataclass(kind) and kind is not Digest:
        hints = typing.get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            yield from list_leaf_paths(hints[field.name], f"{path}.{field.name}" if path else field.name)
    else:
        yield path


def change_value(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return another value of the same kind."""
    if isinstance(value, bool | int | float):
        return not value if isinstance(value, bool) else value + (7 if isinstance(value, int) else 40)
    if isinstance(value, list):
        return [change_value(value[0]), *value[1:]]
    if isinstance(value, dict):
        return {**value, min(value): change_value(value[min(value)])} if value else {"more": 1}
    if re.fullmatch(r"[0-9a-f]{64}", value):
        return "ab" * 32
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
        return format_rfc3339(parse_rfc3339(shift_time(-48)(value)))
    return re.sub(r"[01]", lambda digit: str(1 - int(digit[0])), value) if re.fullmatch("[01]+", value) else f"{value}x"


def change_field(facts: Facts, path: str) -> None:
    """Change a field, in the first item of each list."""
    plain: Any = facts
    *way, last = re.findall(r"[^.\[\]]+|\[\]", path)
    for step in way:
        plain = plain[0] if step == "[]" else plain[step]
    place: Any = 0 if last == "[]" else last
    if last == "[]" and not plain:
        plain.append("more")
        return
    value = plain[place] if last == "[]" else plain.get(place, False)  # omitted while it is false
    assert value is not None, f"The whole case says nothing of {path}."
    plain[place] = (
        "seal" if path.endswith(".type") else OTHER_VALUES[path] if path in OTHER_VALUES else change_value(value)
    )


def create_invention(path: str) -> Invention:
    """Change a field of the facts, and its copy in the manifest."""
    visited: Facts = {}

    def lie(facts: Facts, _files: Files, _scene: Scene) -> None:
        change_field(facts, path)
        visited.update(facts)

    def fit(manifest: Facts) -> None:
        manifest["matter"] = {"owner": visited["owner"]["name"], "case": visited["number"], "bundle": visited["bundle"]}
        manifest["software"] = visited["software"]

    return Invention(facts=lie, manifest=fit)


@pytest.fixture(scope="module")
def full_case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Files]:
    scene = whole_case(make_scene(tmp_path_factory.mktemp("whole")))
    return scene, read_files(scene.write(scene.folder / "whole.zip"))


def test_table_of_field_sources_covers_every_field() -> None:
    assert set(BACKINGS) == set(list_leaf_paths(CaseFacts))


@pytest.mark.long
def test_complete_case_fills_every_field_and_passes(full_case: tuple[Scene, Files], tmp_path: Path) -> None:
    scene, files = full_case
    for path in BACKINGS:
        change_field(json.loads(files["data/facts.json"]), path)
    forgery, trust = forge_bundle(scene, files, Invention())
    verdict = Verifier(trust, CONTENT_GENERATORS).verify(write_zip(tmp_path / "b.zip", forgery))
    assert {check.name: check.sentence for check in verdict.failures} == {}


@pytest.mark.parametrize("path", BACKINGS)
def test_changed_field_fails_or_is_attributed_to_its_source(
    full_case: tuple[Scene, Files], tmp_path: Path, path: str
) -> None:
    scene, files = full_case
    backing = BACKINGS[path]
    if backing.origin is not FieldOrigin.CHECKED and not backing.check:
        return
    forgery, trust = forge_bundle(scene, files, create_invention(path))
    makers = CONTENT_GENERATORS if backing.check in COMMAND_ONLY_CHECKS else None
    failed = {check.name for check in Verifier(trust, makers).verify(write_zip(tmp_path / "b.zip", forgery)).failures}
    assert {name.partition(":")[0] for name in failed} & {backing.check, "facts"}, f"{backing.check} doesn't see it"
