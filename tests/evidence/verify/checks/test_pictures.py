"""Test that images have the format and size in the facts, and that deviations are reported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence.facts.case import CaseFacts
from evidence.verdict.result import Check
from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene, reseal


def get_pictures_check(bundle: Path, scene: Scene) -> Check:
    [check] = [item for item in Verifier(scene.trust).verify(bundle).checks if item.name == "pictures"]
    return check


def change_picture(facts: CaseFacts, **changes: Any) -> CaseFacts:  # noqa: ANN401 - fields of a picture
    [picture] = facts.work.pictures
    return replace(facts, work=replace(facts.work, pictures=(replace(picture, **changes),)))


@pytest.mark.parametrize("changes", [{"format": "PNG"}, {"width": 161}, {"width": 120, "height": 160}])
def test_picture_with_wrong_format_or_size_is_reported(scene: Scene, tmp_path: Path, changes: dict[str, Any]) -> None:
    lie = reseal(scene, change_picture(scene.facts, **changes))
    check = get_pictures_check(lie.write(tmp_path / "lie.zip"), scene)
    assert str(check.state) == "failed"
    assert check.sentence.startswith("data/work/01.jpg is a JPEG of 160×120")


def test_pictures_with_correct_format_and_size_pass(scene: Scene, bundle: Path) -> None:
    check = get_pictures_check(bundle, scene)
    assert (str(check.state), check.sentence[:10]) == ("passed", "2 pictures")
