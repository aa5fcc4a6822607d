"""Bundles from which files were left out at sealing: captured files, and the images themselves."""

from dataclasses import replace
from datetime import UTC, datetime

from evidence.facts.case import AbsenceCode, OmittedFileFacts
from tests.assets.bundles import Scene, reseal

SINCE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
KINDS = ("exchange", "page", "captured-image", "network", "work-picture", "sighting-picture")


def leave_out(scene: Scene, *roles: str, reason: AbsenceCode = AbsenceCode.REPORTED) -> Scene:
    """Seal the case again without the files of these roles, and list them in the facts."""
    removed_files = [file for file in scene.sealed_case.manifest.files if file.role in roles]
    rows = tuple(OmittedFileFacts(file.path, file.role, file.sha256, reason, SINCE) for file in removed_files)
    facts = replace(scene.facts, left_out=rows)
    removed_pictures = {"work-picture", "sighting-picture"} & set(roles)
    if removed_pictures:  # without the image there is no drawing
        matches = (replace(match, overlay=None, side_by_side=None) for match in facts.matches)
        facts = replace(facts, matches=tuple(replace(match, difference=None, points=None) for match in matches))
    return reseal(scene, facts)
