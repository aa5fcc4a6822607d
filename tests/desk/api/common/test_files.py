"""Test that a download by a program is logged before the file is sent."""

import pytest

from exhibit.digests import Digest
from registry.models import LogSubmission, Report
from tests.assets.api_programs import ROOT, Program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene

__all__ = ["decider", "scene", "scene_of_programs"]


@pytest.mark.long
def test_file_downloads_are_logged(scene_of_programs: Scene, decider: Program) -> None:
    submissions = LogSubmission.objects.filter(type="access")
    before = submissions.count()
    response = decider.client.get(ROOT + "/reports/1/files/a.csv")
    assert response.getvalue() == b"a"
    assert submissions.count() == before + 1
    details = submissions.latest("pk").opening.details
    assert details is not None
    assert details["by"] == "alice@example.org (token program)"
    assert Digest.from_hex(Report.objects.get().files[0]["digest"]) == Digest.from_bytes(b"a")
