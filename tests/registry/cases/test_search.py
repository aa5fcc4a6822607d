"""Test that cases are found by site, title, number, and parts of the URLs where a work was seen."""

import pytest

from exhibit.clock import now
from registry.cases import queue
from registry.cases.queue import CaseFilter, CaseState
from registry.cases.search import list_url_spellings
from registry.models import Case, CaseSighting, Owner, Sighting
from tests.assets.rows import create_studio
from workers.tasks.sync_runner import SyncRunner

PAGE = "https://shop.example/Prints/caf%C3%A9?id=31"
IMAGE = "https://cdn.example/img/Harbour-9.jpg"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    new_owner = create_studio(inline)
    Sighting.objects.update(page_url=PAGE, image_url=IMAGE)
    case = new_owner.cases.get()
    Case.objects.create(owner=new_owner, work=case.work, number=312, party="other.example", opened_at=now())
    return new_owner


def search_cases(rights_holder: Owner, words: str) -> list[int]:
    cases = queue.filter_cases(rights_holder, CaseFilter(state=CaseState.ALL, words=words))
    return sorted(cases.values_list("number", flat=True))


@pytest.mark.parametrize(
    "words",
    [
        PAGE, IMAGE, f"  {PAGE}#top", PAGE.replace("https", "HTTP"), "shop.example/prints", "/prints/", "id=31",
        "harbour-9.JPG", "/prints/café", "cdn.example/img", "img/Harbour",
    ],
)  # fmt: skip
def test_case_is_found_by_part_of_a_page_or_image_url(studio: Owner, words: str) -> None:
    assert search_cases(studio, words) == [1]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("312", [312]), ("#312", [312]), ("# 312", [312]), ("31", []), ("#2", []), ("999999999999", []), ("#", []),
        ("other.example", [312]), ("nowhere.example/prints", []), ("%", []), ("prints café", []), ("1", [1]),
    ],
)  # fmt: skip
def test_case_is_found_by_its_number_only(studio: Owner, words: str, numbers: list[int]) -> None:
    studio.works.update(title="Harbour at dawn")
    assert search_cases(studio, words) == numbers


def test_case_of_other_owner_is_not_found_by_url(studio: Owner) -> None:
    other = Owner.objects.create(slug="other", name="Other")
    assert search_cases(other, "shop.example/prints") == search_cases(other, "#1") == []


def test_host_in_unicode_is_found_by_its_ascii_form(studio: Owner) -> None:
    Sighting.objects.update(page_url="https://xn--bcher-kva.example/a")
    assert search_cases(studio, "bücher.example/a") == [1]
    assert list_url_spellings("https://bücher.example/a") == ["xn--bcher-kva.example/a"]


def test_case_with_several_sightings_is_listed_once(studio: Owner) -> None:
    row = CaseSighting.objects.get()
    sighting = row.sighting
    sighting.pk, sighting.page_key, sighting.page_url = None, b"another", f"{PAGE}&page=2"
    sighting.save()
    CaseSighting.objects.create(case=row.case, match=row.match, sighting=sighting)
    assert search_cases(studio, "shop.example/prints") == [1]
