"""Test that a web archive's statements are compared with its stored responses, and attributed to the archive."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.facts.archive_responses import Capture, is_capture_of
from evidence.verdict.result import State
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.entries import encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.bundles import make_scene
from tests.assets.complete_case import ANSWERS_FILE, whole_case
from tests.assets.resealing import seal_lie
from tests.assets.tampering import read_files, write_zip

CHECK = "elsewhere:01-1"
Record = dict[str, Any]


@pytest.fixture(scope="module")
def bundle_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    scene = whole_case(make_scene(tmp_path_factory.mktemp("whole")))
    return read_files(scene.write(scene.folder / "whole.zip"))


def verify_after_edit(whole: Files, folder: Path, lie: Callable[[Any, Record], None]) -> tuple[State, str]:
    def edit(facts: Any, files: Files) -> None:  # noqa: ANN401 - JSON
        record = json.loads(files[ANSWERS_FILE])
        lie(facts["sightings"][0], record)
        files[ANSWERS_FILE] = encode_canonical(record)

    verdict = Verifier(load_trust()).verify(write_zip(folder / "b.zip", seal_lie(whole, edit)))
    checks = {item.name: item for item in verdict.checks}
    check = checks.get(CHECK) or checks["elsewhere"]
    return check.state, check.sentence


def date_captures_earlier(_sighting: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["body"] = record["answers"][1]["body"].replace("2019", "2009")


def empty_response(_sighting: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["body"] = ""


def change_url(_sighting: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    record["answers"][1]["address"] = "https://copies.example/another.jpg"


def use_captures_of_another_url(sighting: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    answer = record["answers"][1]
    answer["body"] = answer["body"].replace(answer["address"], other_url := "https://copies.example/another.jpg")
    for copy in sighting["elsewhere"]:
        copy["where"] = copy["where"].replace(answer["address"], other_url)


def change_bytes(_sighting: Any, record: Record) -> None:  # noqa: ANN401 - JSON
    about = {"address": "https://web.archive.org/web/20190303101500id_/", "at": record["answers"][0]["at"]}
    about["address"] += record["answers"][1]["address"]
    record["copies"] = [{**about, "digest": "ab" * 32, "size": 7}]


def drop_file(sighting: Any, _record: Record) -> None:  # noqa: ANN401 - JSON
    sighting["elsewhere"][0]["file"] = ""


def test_archive_captures_are_attributed_to_archive(bundle_files: Files, tmp_path: Path) -> None:
    state, sentence = verify_after_edit(bundle_files, tmp_path, lambda *_: None)
    assert state is State.PASSED
    assert "Internet Archive: 1 capture" in sentence


@pytest.mark.parametrize(
    "lie", [date_captures_earlier, empty_response, change_url, use_captures_of_another_url, change_bytes, drop_file]
)
def test_contradicting_archive_responses_are_detected(
    bundle_files: Files, tmp_path: Path, lie: Callable[[Any, Record], None]
) -> None:
    assert verify_after_edit(bundle_files, tmp_path, lie)[0] is State.FAILED


@pytest.mark.parametrize(
    ("listed", "is_same"),
    [
        ("http://www.copies.example:80/Shop/", True),
        ("https://copies.example/shop?", True),
        ("https://copies.example//a/../shop#top", True),
        ("http://copies.example/%73hop;jsessionid=0123456789abcdef0123456789abcdef", True),
        ("https://copies.example/shop?a=1", False),
        ("https://copies.example:8443/shop", False),
        ("https://shop.copies.example/shop", False),
        ("https://copies.example/", False),
        ("http://[", False),
    ],
)
def test_equivalent_urls_are_matched_as_archives_do(listed: str, is_same: bool) -> None:  # noqa: FBT001
    assert is_capture_of(Capture("20190303101500", listed, "", ""), "https://copies.example/shop") is is_same


FIRST, OTHER = "0123456789abcdef" * 2, "FEDCBA9876543210" * 2
STEP, OTHER_STEP = "(S(0123456789abcdefghijklmn))", "(A(abcdefghijklmn0123456789)F(0123456789abcdefghijklmn))"


@pytest.mark.parametrize(
    ("listed", "requested", "is_same"),
    [
        (f"?osCsid={FIRST}", f"?oscsid={OTHER}", True),
        (f"?a=1&b=2&osCsid={FIRST}", f"?osCsid={OTHER}&a=1&b=2", False),  # "osc" is inserted before the rest
        (f"?a=1&mysid={FIRST}&b=2", f"?a=1&mysid={OTHER}&B=2", True),
        (f"?mysid={FIRST}", f"?yoursid={FIRST}", False),
        (f"?jsessionid={FIRST}&a=1", f"?a=1&PHPSESSID={OTHER}", True),
        (f"?sid={FIRST}0", f"?sid={FIRST}1", False),
        (f"?sid={FIRST}&sid={FIRST}", f"?sid={FIRST}&sid={OTHER}", True),
        (f"?sid={FIRST}&sid={FIRST}", f"?sid={OTHER}&sid={FIRST}", False),
        ("?ASPSESSIONIDabcdefgh=abcdefghijklmnopqrstuvwx&a=1", "?a=1", True),
        ("?a=1&cfid=1&cftoken=2", "?CFID=3&CFTOKEN=4&a=1", True),
        ("?cfid=1", "?cfid=2", False),
        ("?cftoken=1&cfid=1", "?cftoken=1&cfid=2", False),
        (f"{STEP}/cart.aspx?a=1", f"{OTHER_STEP}/cart.aspx?a=1", True),
        (f"{STEP}/cart.aspx", "Cart.ASPX/", True),
        (f"{STEP}/cart.html", f"{OTHER_STEP}/cart.html", False),
        ("?b=2&a=1", "?A=1&b=2", True),
        ("?a=1", "?a=2", False),
    ],
)
def test_session_ids_are_ignored_as_archives_do(listed: str, requested: str, is_same: bool) -> None:  # noqa: FBT001
    capture = Capture("20190303101500", f"http://www.copies.example/{listed}", "", "")
    assert is_capture_of(capture, f"https://copies.example/{requested}") is is_same
