"""Test that documents record the versions of the tools that rendered them."""

import re

from evidence.documents.made_with import LIBRARIES, describe_environment


def test_software_versions_and_time_zone_are_recorded() -> None:
    software = describe_environment("Asia/Shanghai")
    assert software == describe_environment("Asia/Shanghai") != describe_environment("UTC")
    assert software.time_zone == "Asia/Shanghai"
    versions = dict(software.versions)
    assert set(versions) == {*LIBRARIES, "jpeg"}
    assert all(re.match(r"\d+", version) for version in versions.values())
