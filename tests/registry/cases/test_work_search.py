"""Test the search in an owner's works."""

import pytest

from exhibit.clock import now
from registry.cases import work_search
from registry.matches.match import match_pictures
from registry.models import Owner, OwnershipRemark
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    new_owner = owner("studio")
    for number, (title, author) in enumerate((("Two parrots", "Ann"), ("Harbour 12", ""), ("Gone", "Ann")), 1):
        new_owner.works.create(number=number, title=title, author=author, registered_at=now())
    new_owner.works.filter(number=3).update(removed_at=now())
    new_owner.works.filter(number=2).update(low_information=["flat"])
    return new_owner


@pytest.mark.parametrize(
    ("words", "only", "numbers"),
    [
        ("", "", [2, 1]),
        ("PARROT ann", "", [1]),
        ("parrot harbour", "", []),
        ("12", "", [2]),
        ("2", "", [2]),
        ("99999999999999", "", []),
        ("", "unsafe", [2]),
        ("", "authorless", [2]),
        ("", "doubtful", [1]),
        ("", "seen", []),
    ],
)
def test_works_are_found_by_words_numbers_and_filter(studio: Owner, words: str, only: str, numbers: list[int]) -> None:
    OwnershipRemark.objects.create(work=studio.works.get(number=1), kind="credit", noted_at=now())
    assert [work.number for work in work_search.search_works(studio, words, only)] == numbers
    assert not work_search.search_works(owner("agency"), words, only).exists()


def test_works_report_case_counts_and_sighting_times(inline: SyncRunner) -> None:
    new_owner = owner("studio")
    for seed in (1, 2):
        register(inline.services, new_owner, photograph(seed))
    crawl_slice, epoch = claim_new_slice(new_owner)
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))] * 2)
    )
    first = new_owner.works.get(number=1)
    assert work_search.count_cases_by_work(new_owner.works.all()) == {first.pk: 1}
    assert list(work_search.search_works(new_owner, work_filter="seen")) == [first]
    counts = vars(work_search.annotate_seen_times(new_owner.cases.all()).get())
    assert counts["first_seen"] <= counts["last_seen"]
