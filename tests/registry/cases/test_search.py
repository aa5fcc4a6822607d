"""Test that cases are found by party, title, number, and parts of the URLs where a work was seen."""

import pytest

from exhibit.clock import now
from registry.cases import queue
from registry.cases.queue import State, Wanted
from registry.cases.search import url_parts
from registry.models import Case, CaseSighting, Owner, Sighting
from tests.assets.rows import found_studio
from workers.tasks.sync_runner import SyncRunner

PAGE = "https://shop.example/Prints/caf%C3%A9?id=31"
IMAGE = "https://cdn.example/img/Harbour-9.jpg"


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    made = found_studio(inline)
    Sighting.objects.update(page_url=PAGE, image_url=IMAGE)
    case = made.cases.get()
    Case.objects.create(owner=made, work=case.work, number=312, party="other.example", opened_at=now())
    return made


def find(of: Owner, words: str) -> list[int]:
    found = queue.chosen(of, Wanted(state=State.ALL, words=words))
    return sorted(found.values_list("number", flat=True))


@pytest.mark.parametrize(
    "words",
    [
        PAGE, IMAGE, f"  {PAGE}#top", PAGE.replace("https", "HTTP"), "shop.example/prints", "/prints/", "id=31",
        "harbour-9.JPG", "/prints/café", "cdn.example/img", "img/Harbour",
    ],
)  # fmt: skip
def test_a_part_of_the_url_of_a_page_or_an_image_finds_the_case(studio: Owner, words: str) -> None:
    assert find(studio, words) == [1]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("312", [312]), ("#312", [312]), ("# 312", [312]), ("31", []), ("#2", []), ("999999999999", []), ("#", []),
        ("other.example", [312]), ("nowhere.example/prints", []), ("%", []), ("prints café", []), ("1", [1]),
    ],
)  # fmt: skip
def test_a_number_finds_its_case_alone_and_other_words_find_nothing(
    studio: Owner, words: str, numbers: list[int]
) -> None:
    studio.works.update(title="Harbour at dawn")
    assert find(studio, words) == numbers


def test_a_case_of_another_owner_is_not_found_by_its_url(studio: Owner) -> None:
    other = Owner.objects.create(slug="other", name="Other")
    assert find(other, "shop.example/prints") == find(other, "#1") == []


def test_a_host_in_letters_is_found_in_its_ascii_form(studio: Owner) -> None:
    Sighting.objects.update(page_url="https://xn--bcher-kva.example/a")
    assert find(studio, "bücher.example/a") == [1]
    assert url_parts("https://bücher.example/a") == ["xn--bcher-kva.example/a"]


def test_a_case_with_several_sightings_is_listed_once(studio: Owner) -> None:
    row = CaseSighting.objects.get()
    seen = row.sighting
    seen.pk, seen.page_key, seen.page_url = None, b"another", f"{PAGE}&page=2"
    seen.save()
    CaseSighting.objects.create(case=row.case, match=row.match, sighting=seen)
    assert find(studio, "shop.example/prints") == [1]
