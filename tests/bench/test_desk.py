"""What developers seed is a site whose pages open, and what measures them says which is slow."""

import pytest
from django.test import Client

from bench.desk import Page, answers, pages, percentile
from bench.seed import PERSON, seed
from bench.seeded_rows import Sizes
from exhibit.clock import now
from registry.models import Case, CaseSighting, User, Work
from tests.assets.site_browser import use_house
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_every_main_page_opens_with_seeded_rows_and_asks_few_questions(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_house(monkeypatch, inline.services)
    seed(inline.services, Sizes(works=120, sightings=400, cases=110))
    assert (Work.objects.count(), CaseSighting.objects.count()) == (120, 220)
    client = Client()
    client.force_login(User.objects.get(email=PERSON))
    found = {page.name: page for page in pages(client, 1)}
    assert {"cases", "case", "works", "work", "watches", "watch", "crawl", "licences", "operator"} <= set(found)
    assert {"bundles", "package", "notice", "upload", "cases sort=reach&group=work", "works only=seen"} <= set(found)
    found |= {page.name: page for page in answers(client, 1)}
    assert {"/api/v1/owners/{owner}/works", "/api/v1/owners/{owner}/cases/{number}"} <= set(found)
    # within the transaction of a test savepoints count, too, and the numbers of spaces are asked again
    assert {name: max(page.queries) for name, page in found.items() if max(page.queries) > 30} == {}
    assert Case.objects.filter(waits=True).count() == 66
    assert not Case.objects.filter(shown=None).exists()
    assert Work.objects.create(owner=Work.objects.earliest("pk").owner, number=121, registered_at=now()).pk == 121
    with pytest.raises(SystemExit, match="rows already"):
        seed(inline.services, Sizes(1, 2, 1))


def test_a_page_is_slow_by_its_95th_percentile() -> None:
    assert percentile([*range(1, 101)]) == 95
    assert percentile([*range(1, 21)]) == 19
    assert not Page("a", [10] * 19 + [190], [25] * 20, [1]).is_slow
    assert Page("a", [10] * 18 + [201] * 2, [1] * 20, [1]).is_slow
    assert Page("a", [10] * 20, [26] * 20, [1]).is_slow
