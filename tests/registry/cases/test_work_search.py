"""Test the search among an owner's works."""

import pytest

from exhibit.clock import now
from registry.cases import work_search
from registry.matches.match import match_pictures
from registry.models import Owner, OwnershipRemark
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    made = owner("studio")
    for number, (title, author) in enumerate((("Two parrots", "Ann"), ("Harbour 12", ""), ("Gone", "Ann")), 1):
        made.works.create(number=number, title=title, author=author, registered_at=now())
    made.works.filter(number=3).update(removed_at=now())
    made.works.filter(number=2).update(low_information=["flat"])
    return made


@pytest.mark.parametrize(
    ("words", "only", "found"),
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
def test_works_are_found_by_words_numbers_and_what_is_asked_for(
    studio: Owner, words: str, only: str, found: list[int]
) -> None:
    OwnershipRemark.objects.create(work=studio.works.get(number=1), kind="credit", noted_at=now())
    assert [one.number for one in work_search.search(studio, words, only)] == found
    assert not work_search.search(owner("agency"), words, only).exists()


def test_works_say_how_many_cases_they_have_and_when_they_were_seen(inline: SyncRunner) -> None:
    made = owner("studio")
    for seed in (1, 2):
        register(inline.services, made, photograph(seed))
    planned, epoch = claimed_slice(made)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))] * 2))
    first = made.works.get(number=1)
    assert work_search.case_counts(made.works.all()) == {first.pk: 1}
    assert list(work_search.search(made, only="seen")) == [first]
    seen = vars(work_search.seen_in(made.cases.all()).get())
    assert seen["first_seen"] <= seen["last_seen"]
