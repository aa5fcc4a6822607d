"""What facts say that an archive states is held against its kept answers; of its word nothing is made more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.verdict.result import State
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.entries import canonical
from tests.assets.bundles import make_scene
from tests.assets.changes import Files
from tests.assets.resealing import sealed_lie
from tests.assets.tampering import files_of, packed
from tests.assets.whole_case import ANSWERS_FILE, whole_case

CHECK = "elsewhere:01-1"
Record = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    scene = whole_case(make_scene(tmp_path_factory.mktemp("whole")))
    return files_of(scene.write(scene.folder / "whole.zip"))


def checked(whole: Files, folder: Path, lie: Callable[[Any, Record], None]) -> tuple[State, str]:
    def told(facts: Any, files: Files) -> None:  # noqa: ANN401 - JSON
        record = json.loads(files[ANSWERS_FILE])
        lie(facts["sightings"][0], record)
        files[ANSWERS_FILE] = canonical(record)

    verdict = Verifier(load_trust()).verify(packed(folder / "b.zip", sealed_lie(whole, told)))
    found = {one.name: one for one in verdict.checks}
    check = found.get(CHECK) or found["elsewhere"]
    return check.state, check.sentence


def earlier(_seen: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["body"] = record["answers"][1]["body"].replace("2019", "2009")


def none(_seen: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["body"] = ""


def another_address(_seen: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["address"] = "https://copies.example/another.jpg"


def other_bytes(_seen: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    about = {"address": "https://web.archive.org/web/20190303101500id_/", "at": record["answers"][0]["at"]}
    about["address"] += record["answers"][1]["address"]
    record["copies"] = [{**about, "digest": "ab" * 32, "size": 7}]


def without_file(seen: Any, _record: Record) -> None:  # noqa: ANN401 - JSON
    seen["elsewhere"][0]["file"] = ""


def test_what_the_answers_state_is_whose_word_it_is(whole: Files, tmp_path: Path) -> None:
    state, sentence = checked(whole, tmp_path, lambda *_: None)
    assert state is State.PASSED
    assert sentence.endswith("kept here as the answer of Internet Archive: 1 capture. Nobody asked it again.")


@pytest.mark.parametrize("lie", [earlier, none, another_address, other_bytes, without_file])
def test_answers_that_say_otherwise_are_found_out(
    whole: Files, tmp_path: Path, lie: Callable[[Any, Record], None]
) -> None:
    assert checked(whole, tmp_path, lie)[0] is State.FAILED
