"""Test the list of works: sorting, counts, selection, bulk changes, collections, and 100,000 works."""

import logging
import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from desk.texts.numbers import counted
from exhibit.clock import now
from registry import scoped
from registry.cases import work_search as searching
from registry.models import BulkEdit, Case, Owner, OwnershipRemark, Picture, Work, WorkPicture
from registry.works.collections import get_or_create_collection
from tests.assets.pages import message_levels, select
from tests.assets.rows import owner, photograph, register
from tests.assets.site_browser import PHONE, Site, chromium, site
from tests.desk.web.works.test_uploads import ann, build_url, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "chromium", "site", "studio"]

log = logging.getLogger(__name__)


def add_works(template: Work, count: int) -> None:
    """Create works like an existing one, with their own images but without bytes, inside the database."""
    varied = {
        "number": "n",
        "title": "substr('ABCDEFGH', n * 7 % 8 + 1, 1) || ' harbour ' || n",
        "author": "CASE WHEN n % 10 = 0 THEN '' ELSE 'Author ' || n * 13 % 97 END",
        "low_information": "CASE WHEN n % 200 = 0 THEN '[\"plain\"]' ELSE '[]' END::jsonb",
        "digest": "sha256(n::text::bytea)",
        "work_id": f"(SELECT id FROM registry_work WHERE number = n AND owner_id = {template.owner_id})",  # noqa: S608 - ours
        "picture_id": "(SELECT id FROM registry_picture WHERE digest = sha256(n::text::bytea))",
    }
    with connection.cursor() as cursor:
        for model, pk in (
            (Work, template.pk),
            (Picture, template.pictures.get().pk),
            (WorkPicture, template.work_pictures.get().pk),
        ):
            fields = [f.column or "" for f in model._meta.concrete_fields if not f.primary_key and not f.generated]
            columns = ", ".join(fields)
            values = ", ".join(varied.get(f, f) for f in fields)
            table = model._meta.db_table
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {values} "  # noqa: S608 - ours
                f"FROM {table}, generate_series(2, {count}) AS n WHERE {table}.id = {pk}"
            )
            cursor.execute(f"ANALYZE {table}")


MANY, MAX_MILLISECONDS = 100_000, 1_000
"""The goal is 200 ms on an idle machine; a busy one has five times as long."""


@pytest.mark.long
def test_work_list_stays_fast_with_a_hundred_thousand_works(
    transactional_db: None, ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    add_works(register(inline.services, studio, photograph(1), "A harbour").work, MANY)
    works = list(Work.objects.filter(owner=studio).order_by("number"))
    OwnershipRemark.objects.bulk_create(
        OwnershipRemark(work=work, kind="term", details={"countries": ["EU"]}, noted_at=now()) for work in works[:300]
    )
    cases = (
        Case(owner=studio, number=n, work=works[n * 5], party=f"shop-{n}.example", opened_at=now())
        for n in range(5_000)
    )
    Case.objects.bulk_create(cases, batch_size=500)
    link = get_or_create_collection(studio, "Harbours", by="Ann").works.through
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {link._meta.db_table} (collection_id, work_id) "  # noqa: S608 - ours
            "SELECT %s, id FROM registry_work WHERE number %% 2 = 0",
            [studio.collections.get().pk],
        )
        cursor.execute("VACUUM ANALYZE")
    searches = [
        {}, {"after": "50000"}, {"before": "50000"}, {"sort": "title"}, {"sort": "title", "after": "50000"},
        {"sort": "author", "before": "50000"}, {"only": "doubtful"}, {"only": "unsafe"}, {"only": "seen"},
        {"only": "authorless"}, {"collection": "1"}, {"collection": "1", "sort": "author", "after": "3001"},
        {"q": "harbour 77777"}, {"q": "nothing like it"}, {"q": "harbour", "sort": "title"},
    ]  # fmt: skip
    slow = []
    for query in searches:
        with CaptureQueriesContext(connection) as queries:
            assert ann.get(build_url("works"), query).status_code == 200
        count = len(queries)  # the next request clears them
        assert 0 < count <= 25, query
        durations = []
        for _ in range(5):
            start = time.perf_counter()
            ann.get(build_url("works"), query)
            durations.append((time.perf_counter() - start) * 1000)
        log.info("%-60s %3d queries %6.0f ms", query, count, min(durations))
        slow.append(min(durations))
    assert max(slow) <= MAX_MILLISECONDS


def test_works_are_sorted_and_paginated_in_both_directions(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    add_works(register(inline.services, studio, photograph(1), "a harbour").work, 30)
    register(inline.services, owner("agency"), photograph(2), "Not theirs")
    for sort in searching.WorkOrder:
        all_works = searching.list_works_page(searching.search_works(studio), sort, None, None, 100)
        assert (len(all_works.works), all_works.before, all_works.after) == (30, None, None)
        numbers, after = [], None
        while True:
            part = searching.list_works_page(searching.search_works(studio), sort, None, after, 7)
            numbers += [work.number for work in part.works]
            if part.after is None:
                break
            after = part.after
        assert numbers == [work.number for work in all_works.works], sort
        previous_page = searching.list_works_page(searching.search_works(studio), sort, part.before, None, 7)
        assert [work.number for work in previous_page.works] == numbers[21:28]
        assert (previous_page.before, previous_page.after) == (numbers[21], numbers[27])
        first = searching.list_works_page(searching.search_works(studio), sort, numbers[7], None, 7)
        assert ([work.number for work in first.works], first.before) == (numbers[:7], None)
    titles = [
        work.title.lower()
        for work in searching.list_works_page(searching.search_works(studio), "title", None, None, 100).works
    ]
    assert titles == sorted(titles)
    page = ann.get(build_url("works"), {"sort": "title"}).content.decode()
    assert page.index("a harbour") < page.index("H harbour 9")


def test_empty_work_list_offers_one_action(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    empty = ann.get(build_url("works")).content.decode()
    assert empty.count('class="button') == 1
    for left_out in ('type="search"', 'class="filters"', 'class="count"', build_url("derived")):
        assert left_out not in empty
    register(inline.services, studio, photograph(1))
    page = ann.get(build_url("works")).content.decode()
    assert 'type="search"' in page
    assert build_url("derived") in page


def test_counts_per_filter_match_the_filtered_lists(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    add_works(work, 20)
    OwnershipRemark.objects.create(work=work, kind="term", details={"countries": ["EU"]}, noted_at=now())
    Case.objects.create(owner=studio, number=1, work=work, party="shop.example", opened_at=now())
    register(inline.services, owner("agency"), photograph(2))
    counts = searching.count_by_filter(studio)
    assert (counts[""], counts["doubtful"], counts["seen"], counts["authorless"]) == (20, 1, 1, 3)
    for filter_name, count in counts.items():
        assert searching.search_works(studio, work_filter=filter_name).count() == count
    assert "European Union" in ann.get(build_url("works")).content.decode()


@pytest.mark.long
def test_all_filtered_works_are_changed_and_undone_together(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1), "A harbour").work
    add_works(work, 60)
    register(inline.services, owner("agency"), photograph(2), "A harbour")
    form = {
        "all": "1",
        "q": "harbour",
        "only": "authorless",
        "what": "credit",
        "value": "Photo: Lee",
        "reason": "Asked by the agency.",
    }
    page = ann.post(build_url("edit-works"), form, follow=True).content.decode()
    works = Work.objects.filter(credit="Photo: Lee")
    assert set(works) == set(scoped.list_owner_works(studio).filter(author=""))
    assert works.count() == 7
    assert counted(works.count(), "works changed") in page
    assert build_url("undo-bulk-edit", 1) in page
    assert "Credit line: – → Photo: Lee" in ann.get(build_url("work", works[0].number)).content.decode()
    page = ann.post(build_url("undo-bulk-edit", 1), follow=True).content.decode()
    assert "Undone: Credit line: “Photo: Lee”" in page
    assert not works.all().exists()
    assert build_url("undo-bulk-edit", 2) not in ann.get(build_url("bulk-edits")).content.decode()
    assert message_levels(ann.post(build_url("undo-bulk-edit", 1), follow=True)) == ["error"]


def test_works_of_other_owners_are_not_changed(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    agency = owner("agency")
    register(inline.services, agency, photograph(2))
    other_collection = get_or_create_collection(agency, "Theirs", by="Bo")
    other_collection.works.set(scoped.list_owner_works(agency))
    ann.post(build_url("edit-works"), {"work": ["1", "2", "x"], "what": "author", "value": "Ann Lee"})
    assert list(Work.objects.order_by("pk").values_list("author", flat=True)) == ["Ann Lee", ""]
    ann.post(build_url("edit-works"), {"work": "1", "what": "take", "value": "Theirs"})
    assert other_collection.works.count() == 1
    assert select(ann.get(build_url("works"), {"collection": other_collection.number}), "p.empty")
    assert ann.post(build_url("change-collection", other_collection.number), {"do": "remove"}).status_code == 404
    assert message_levels(ann.post(build_url("edit-works"), {"what": "author"}, follow=True)) == ["error"]
    assert BulkEdit.objects.count() == 1


@pytest.mark.long
def test_collection_is_created_shown_renamed_and_removed(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    for number in range(3):
        register(inline.services, studio, photograph(number), f"W{number}")
    ann.post(build_url("edit-works"), {"work": ["1", "3"], "what": "put", "value": "Harbours"})
    page = ann.get(build_url("works"), {"collection": "1"}).content.decode()
    assert ("1. W0" in page, "2. W1" in page, "3. W2" in page) == (True, False, True)
    get_or_create_collection(studio, "Towers", by="Ann")
    response = ann.post(build_url("change-collection", 1), {"do": "rename", "name": "Towers"}, follow=True)
    assert message_levels(response) == ["error"]
    ann.post(build_url("change-collection", 1), {"do": "rename", "name": "Ports"})
    assert ">Ports<" in ann.get(build_url("work", 1)).content.decode()
    ann.post(build_url("change-collection", 1), {"do": "remove"})
    assert list(studio.collections.values_list("name", flat=True)) == ["Towers"]
    assert scoped.list_owner_works(studio).count() == 3


@pytest.mark.long
def test_works_are_selected_changed_and_undone_in_a_browser(site: Site, studio: Owner) -> None:
    for number in range(4):
        register(site.services, studio, photograph(number), f"W{number}")
    ann = site.member(studio, size=PHONE)
    page = ann.open(build_url("works"))
    change = page.locator("#bulk > button")
    expect(change).to_be_hidden()
    page.locator("input[name=work][value='4']").check()
    page.locator("input[name=work][value='2']").click(modifiers=["Shift"])
    expect(page.locator("input[name=work]:checked")).to_have_count(3)
    ann.check()
    page.locator("select[name=what]").select_option("author")
    page.locator("[name=value]").fill("Ann Lee")
    change.click()
    expect(page.get_by_text(counted(3, "works changed"))).to_be_visible()
    assert list(scoped.list_owner_works(studio).values_list("author", flat=True)) == [
        "",
        "Ann Lee",
        "Ann Lee",
        "Ann Lee",
    ]
    ann.check()
    ann.buttons_to("undo-bulk-edit", "studio", 1).click()
    expect(page.locator("#change-2")).to_be_visible()
    assert not Work.objects.exclude(author="").exists()
    ann.links_to("bulk-edits", "studio").click()
    ann.check()
