"""Test that documents record their tools, so that a reader can tell if they can be reproduced."""

import re

from evidence.documents.made_with import LIBRARIES, made_with


def test_zone_versions_and_one_digest_of_sources_and_fonts_are_named() -> None:
    software = made_with("Asia/Shanghai")
    assert software == made_with("Asia/Shanghai") != made_with("UTC")
    assert software.time_zone == "Asia/Shanghai"
    versions = dict(software.versions)
    assert set(versions) == {*LIBRARIES, "jpeg"}
    assert all(re.match(r"\d+", version) for version in versions.values())
