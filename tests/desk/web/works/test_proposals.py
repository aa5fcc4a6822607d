"""Test that checked proposals of works are registered with one click, invisibly to strangers."""

import re

import pytest
from django.test import Client

from desk.texts.numbers import counted
from exhibit.digests import Digest
from registry.models import Membership, Owner, Role, Work
from tests.assets.pages import message_levels, select
from tests.assets.rows import photograph
from tests.assets.source import flat
from tests.desk.web.works.test_uploads import ann, studio
from tests.registry.matches.test_proposals import seen, waiting
from tests.registry.works.test_ownership import signed
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]

LIST, DECIDE = "/o/studio/works/proposed/", "/o/studio/works/proposed/decide"


def shown(client: Client, address: str = LIST) -> str:
    return flat(client.get(address).content.decode())


@pytest.mark.long
def test_what_is_ticked_becomes_works_that_say_where_their_file_was_seen(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    assert "/o/studio/watches/new?own=yes" in shown(ann)
    mine, logo = signed(1, Artist="Bo Chan", Copyright="(c) <Bo>"), photograph(2)
    seen(inline, studio, mine, logo)
    page = shown(ann)
    assert counted(2, "works proposed") in shown(ann, "/o/studio/works/")
    assert "Bo Chan" in page
    assert "(c) &lt;Bo&gt;" in page
    assert len(select(page, '[data-testid="no-author"]')) == 1
    assert not re.search(r'name="picture" value="[0-9a-f]+" checked', page)  # these are small
    assert len(re.findall(r'name="picture" value="[0-9a-f]+" checked', shown(ann, f"{LIST}?tick=all"))) == 2
    for wrong in ([], ["x"], [Digest.of(b"").hex]):
        assert message_levels(ann.post(DECIDE, {"picture": wrong}, follow=True)) == ["error"]
    answer = ann.post(DECIDE, {"picture": [Digest.of(mine).hex], "do": "register"})
    assert answer.headers["Location"] == "/o/studio/works/uploads/1/"
    inline.run_until_idle()
    work = shown(ann, f"/o/studio/works/{Work.objects.get().number}/")
    assert "http://studio.example/page-0" in work
    ann.post(DECIDE, {"picture": [Digest.of(logo).hex], "do": "dismiss"})
    assert not waiting(studio)
    Membership.objects.update(role=Role.VIEWER)
    assert ann.post(DECIDE, {}).status_code == 403
    assert ann.get(LIST).status_code == 200
