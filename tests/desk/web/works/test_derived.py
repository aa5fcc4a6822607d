"""Test enabling the search for derived works on the site, and a case about one."""

from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from desk.texts.cases import CERTAINTY_LABELS
from exhibit.types import Decision
from registry.bundles.sentences import ADAPTATION_NOTE
from registry.matches.match import match_pictures
from registry.models import Case, Owner
from tests.assets.line_drawings import draw_scene
from tests.assets.pages import has_test_id
from tests.assets.rows import register
from tests.assets.site_browser import site
from tests.assets.textured import encoded
from tests.desk.web.works.test_uploads import ann, build_url, studio
from tests.registry.matches.test_match import crawl_pictures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]


@pytest.mark.long
def test_member_requests_and_sees_the_derivation_grade_and_map(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, encoded(draw_scene(1)))
    assert build_url("derived") in ann.get(build_url("works")).content.decode()
    ann.post(build_url("derived"))
    match_pictures(inline.services, crawl_pictures(inline, studio, encoded(draw_scene(1, as_outline=True))))
    case = Case.objects.get()
    page = ann.get(build_url("case", case.number)).content.decode()
    assert has_test_id(page, "only-related")
    assert ADAPTATION_NOTE in page.replace("&#x27;", "'")
    assert str(CERTAINTY_LABELS[Decision.CERTAIN]) not in page
    match = case.case_sightings.get().match_id
    response = ann.get(build_url("drawing", case.number, match, "survival.jpg"))
    assert Image.open(BytesIO(response.content)).format == "JPEG"
    listed = {
        query: f'href="{build_url("case", case.number)}"' in ann.get(f"{build_url('cases')}?{query}").content.decode()
        for query in ("sure=related", "sure=review", "state=related", "state=all&sure=related")
    }
    assert listed == {
        "sure=related": False,  # not confirmed
        "sure=review": False,
        "state=related": True,
        "state=all&sure=related": True,
    }


@pytest.mark.long
def test_derived_works_setting_and_map_are_hidden_from_other_owners(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    register(inline.services, studio, encoded(draw_scene(1)))
    match_pictures(inline.services, crawl_pictures(inline, studio, encoded(draw_scene(1), "JPEG")))
    case = Case.objects.get()
    match = case.case_sightings.get().match_id
    assert ann.get(build_url("drawing", case.number, match, "survival.jpg")).status_code == 404  # none was requested
    membership = studio.memberships.get()
    membership.role = "viewer"
    membership.save()
    assert "Show derived works" not in ann.get(build_url("works")).content.decode()
    assert ann.post(build_url("derived")).status_code in (403, 404)
    membership.delete()
    assert ann.post(build_url("derived")).status_code == 404
    studio.refresh_from_db()
    assert not studio.derived
