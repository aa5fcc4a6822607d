import json
import re
from pathlib import Path

import jsonschema
import pytest

from evidence.formats.codec import to_plain
from evidence.schemas import FOLDER, build_schemas
from evidence.verdict.trust import DEFAULT
from tests import ASSETS
from tests.assets.bundles import make_scene
from tests.assets.tampering import read_files
from tools.reference import bundle_fields

VECTOR = ASSETS / "vectors" / "bundle.zip"
FILES = {
    "manifest": "data/manifest.json",
    "facts": "data/facts.json",
    "calibration": "data/calibrations/01.json",
    "slice": "data/sightings/01/slice.json",
    "registration": "data/work/registration.json",
    "entry": "proofs/log/entry.json",
    "inclusion": "proofs/log/inclusion.json",
    "consistency": "proofs/log/consistency.json",
    "anchors": "proofs/anchors/index.json",
}


def shipped(name: str) -> dict[str, object]:
    schema: dict[str, object] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return schema


@pytest.mark.parametrize("name", sorted(build_schemas()))
def test_the_shipped_schema_is_the_one_that_the_code_gives(name: str) -> None:
    assert shipped(name) == build_schemas()[name], "run python -m evidence.schemas"
    jsonschema.Draft202012Validator.check_schema(shipped(name))


def test_no_schema_is_shipped_that_the_code_does_not_give() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(build_schemas())


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_files_of_a_bundle_are_valid_by_their_schemas(name: str) -> None:
    plain = json.loads(read_files(VECTOR)[FILES[name]])
    validator = jsonschema.Draft202012Validator(shipped(name))
    assert list(validator.iter_errors(plain)) == []
    item = plain[0] if isinstance(plain, list) else plain
    changed = {**item, "surprise": 1}
    assert list(validator.iter_errors([changed] if isinstance(plain, list) else changed)) != []


def test_the_shipped_trust_list_is_valid_by_its_schema() -> None:
    validator = jsonschema.Draft202012Validator(shipped("trust"))
    assert list(validator.iter_errors(json.loads(DEFAULT.read_text("utf-8")))) == []


@pytest.mark.long
def test_sealed_files_are_valid_by_their_schemas_and_changed_ones_are_not(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    documents = {"facts": to_plain(scene.facts), "manifest": to_plain(scene.sealed_case.manifest)}
    for name, plain in documents.items():
        validator = jsonschema.Draft202012Validator(shipped(name))
        assert list(validator.iter_errors(plain)) == []
        assert list(validator.iter_errors({**plain, "surprise": 1})) != []
        assert list(validator.iter_errors({**plain, "format": "another"})) != []


@pytest.mark.long
def test_the_page_of_fields_describes_each() -> None:
    text = bundle_fields.page()
    for name, schema in build_schemas().items():
        for definition in schema["$defs"].values():
            for field in definition["properties"]:
                assert re.search(rf"^\| `{field}` \| [^|]+ \| [^|]*\w[^|]*\|$", text, re.MULTILINE), (name, field)
