import json
from pathlib import Path

import jsonschema
import pytest

from evidence.codec import to_plain
from evidence.schemas import FOLDER, FORMATS, schema_of
from tests.assets.bundles import make_scene


@pytest.mark.parametrize("file", sorted(FORMATS))
def test_the_shipped_schema_is_the_one_that_the_code_gives(file: str) -> None:
    kind, names = FORMATS[file]
    shipped = json.loads((FOLDER / file).read_text("utf-8"))
    assert shipped == schema_of(kind, names), "run python -m evidence.schemas"
    jsonschema.Draft202012Validator.check_schema(shipped)


def test_sealed_files_are_valid_by_their_schemas_and_changed_ones_are_not(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    documents = {"facts.json": to_plain(scene.facts), "manifest.json": to_plain(scene.sealed.manifest)}
    for file, plain in documents.items():
        validator = jsonschema.Draft202012Validator(json.loads((FOLDER / file).read_text("utf-8")))
        assert list(validator.iter_errors(plain)) == []
        assert list(validator.iter_errors({**plain, "surprise": 1})) != []
        assert list(validator.iter_errors({**plain, "format": "another"})) != []
