import json
import re
from pathlib import Path

import jsonschema
import pytest

from evidence.formats.codec import to_plain
from evidence.schemas import FOLDER, build_schemas
from evidence.verdict.trust import DEFAULT_PATH
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


def load_shipped_schema(name: str) -> dict[str, object]:
    schema: dict[str, object] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return schema


@pytest.mark.parametrize("name", sorted(build_schemas()))
def test_shipped_schema_matches_code(name: str) -> None:
    assert load_shipped_schema(name) == build_schemas()[name], "run python -m evidence.schemas"
    jsonschema.Draft202012Validator.check_schema(load_shipped_schema(name))


def test_every_shipped_schema_is_generated() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(build_schemas())


@pytest.mark.parametrize("name", sorted(FILES))
def test_bundle_files_match_their_schemas(name: str) -> None:
    plain = json.loads(read_files(VECTOR)[FILES[name]])
    validator = jsonschema.Draft202012Validator(load_shipped_schema(name))
    assert list(validator.iter_errors(plain)) == []
    item = plain[0] if isinstance(plain, list) else plain
    changed = {**item, "surprise": 1}
    assert list(validator.iter_errors([changed] if isinstance(plain, list) else changed)) != []


def test_shipped_trust_list_matches_its_schema() -> None:
    validator = jsonschema.Draft202012Validator(load_shipped_schema("trust"))
    assert list(validator.iter_errors(json.loads(DEFAULT_PATH.read_text("utf-8")))) == []


@pytest.mark.long
def test_sealed_files_match_schemas_and_extra_fields_fail(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    documents = {"facts": to_plain(scene.facts), "manifest": to_plain(scene.sealed_case.manifest)}
    for name, plain in documents.items():
        validator = jsonschema.Draft202012Validator(load_shipped_schema(name))
        assert list(validator.iter_errors(plain)) == []
        assert list(validator.iter_errors({**plain, "surprise": 1})) != []
        assert list(validator.iter_errors({**plain, "format": "another"})) != []


@pytest.mark.long
def test_reference_page_describes_every_field() -> None:
    text = bundle_fields.page()
    for name, schema in build_schemas().items():
        for definition in schema["$defs"].values():
            for field in definition["properties"]:
                assert re.search(rf"^\| `{field}` \| [^|]+ \| [^|]*\w[^|]*\|$", text, re.MULTILINE), (name, field)
