"""Test that checked proposals of works are registered with one click, invisibly to non-members."""

import re

import pytest
from django.test import Client

from desk.texts.numbers import counted
from exhibit.digests import Digest
from registry.models import Membership, Owner, Role, Work
from tests.assets.pages import message_levels, select
from tests.assets.rows import photograph
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, studio
from tests.registry.matches.test_proposals import add_seen_pictures, list_pending_digests
from tests.registry.works.test_ownership import make_signed_picture
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]

LIST, DECIDE = "/o/studio/works/proposed/", "/o/studio/works/proposed/decide"


def read_page(client: Client, address: str = LIST) -> str:
    return collapse_whitespace(client.get(address).content.decode())


@pytest.mark.long
def test_selected_proposals_become_works_with_their_source(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    assert "/o/studio/watches/new?own=yes" in read_page(ann)
    signed_picture, logo = make_signed_picture(1, Artist="Bo Chan", Copyright="(c) <Bo>"), photograph(2)
    add_seen_pictures(inline, studio, signed_picture, logo)
    page = read_page(ann)
    assert counted(2, "works proposed") in read_page(ann, "/o/studio/works/")
    assert "Bo Chan" in page
    assert "(c) &lt;Bo&gt;" in page
    assert len(select(page, '[data-testid="no-author"]')) == 1
    assert not re.search(r'name="picture" value="[0-9a-f]+" checked', page)  # these are small
    assert len(re.findall(r'name="picture" value="[0-9a-f]+" checked', read_page(ann, f"{LIST}?tick=all"))) == 2
    for value in ([], ["x"], [Digest.from_bytes(b"").hex]):
        assert message_levels(ann.post(DECIDE, {"picture": value}, follow=True)) == ["error"]
    response = ann.post(DECIDE, {"picture": [Digest.from_bytes(signed_picture).hex], "do": "register"})
    assert response.headers["Location"] == "/o/studio/works/uploads/1/"
    inline.run_until_idle()
    work = read_page(ann, f"/o/studio/works/{Work.objects.get().number}/")
    assert "http://studio.example/page-0" in work
    ann.post(DECIDE, {"picture": [Digest.from_bytes(logo).hex], "do": "dismiss"})
    assert not list_pending_digests(studio)
    Membership.objects.update(role=Role.VIEWER)
    assert ann.post(DECIDE, {}).status_code == 403
    assert ann.get(LIST).status_code == 200
