"""Test which cases wait for a person: cleared ones stay away, and new sightings since a decision bring them back."""

import io
from datetime import date

import pytest
from PIL import Image

from registry.cases import decisions
from registry.cases.decisions import Choice, Wish, clear, confirm, license_use, reopen
from registry.matches.match import match_pictures
from registry.models import Case, LookAlike, Owner
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def see(inline: SyncRunner, of: Owner, *pictures: bytes, host: str = "shop.example") -> None:
    planned, epoch = claimed_slice(of, f"watch {of.watches.count()}")
    match_pictures(inline.services, bring(inline.services, planned, epoch, pictures, host=host))


def waiting(of: Owner) -> list[str]:
    return sorted(of.cases.filter(waits=True).values_list("party", flat=True))


def half_of(data: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data))
    return jpeg(picture.crop((0, 0, picture.width * 3 // 4, picture.height)))


def test_a_case_knows_what_the_queue_shows_and_sorts_by(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data), data)
    case = Case.objects.get()
    assert (case.waits, case.places) == (True, 2)
    assert case.likelihood >= 0.9
    assert case.shown is not None
    assert case.shown.match.decision == "certain"


@pytest.mark.long
def test_a_cleared_case_waits_again_when_it_gains_another_picture(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, half_of(data))
    clear(Case.objects.get(), by="Ann", reason="")
    see(inline, studio, half_of(data))
    assert waiting(studio) == []
    see(inline, studio, data)
    assert waiting(studio) == ["shop.example"]
    (outcome,) = decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "Ben", "A copy now."))
    assert outcome.done
    assert outcome.case.decision == "confirmed"
    assert waiting(studio) == []


@pytest.mark.long
def test_a_licensed_case_waits_again_when_nothing_covers_what_it_gains(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    licence = studio.licences.create(number=1, licensee="Harbour Prints", valid_until=date(2020, 1, 1))
    license_use(Case.objects.get(), licence, by="Ann", reason="")
    assert waiting(studio) == []
    see(inline, studio, copy_of(data))
    assert waiting(studio) == ["shop.example"]


@pytest.mark.long
def test_a_confirmed_case_asks_nobody_again(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    confirm(inline.services, Case.objects.get(), by="Ann", reason="")
    see(inline, studio, data)
    assert waiting(studio) == []


@pytest.mark.long
def test_a_case_can_be_taken_out_of_the_drawer(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    clear(Case.objects.get(), by="Ann", reason="")
    see(inline, studio, copy_of(data), host="other.example")
    decisions.take_out(Case.objects.get(party="other.example"), by="Ben")
    assert waiting(studio) == ["other.example"]


@pytest.mark.long
def test_a_pair_that_was_cleared_never_asks_again_wherever_it_is_seen(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    see(inline, studio, copy_of(data), host="other.example")
    clear(Case.objects.get(party="shop.example"), by="Ann", reason="Another bridge.")
    assert waiting(studio) == []
    see(inline, studio, copy_of(data), host="third.example")
    assert waiting(studio) == []
    drawer = Case.objects.get(party="third.example")
    assert (drawer.decision, drawer.captures.count()) == ("open", 0)
    learned = drawer.owner.look_alikes.get()
    assert learned.case is not None
    assert (learned.case.party, learned.cleared_by) == ("shop.example", "Ann")


@pytest.mark.long
def test_a_near_same_picture_stays_away_and_another_one_does_not(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, half_of(data))
    clear(Case.objects.get(), by="Ann", reason="")
    see(inline, studio, copy_of(half_of(data)), host="near.example")
    assert waiting(studio) == []
    see(inline, studio, data, host="copy.example")
    assert waiting(studio) == ["copy.example"]


@pytest.mark.long
def test_what_one_owner_learned_is_nothing_to_another(inline: SyncRunner) -> None:
    studio, agency, data = owner("studio"), owner("agency"), photograph(1)
    register(inline.services, studio, data)
    register(inline.services, agency, data)
    see(inline, studio, copy_of(data))
    clear(studio.cases.get(), by="Ann", reason="")
    see(inline, studio, copy_of(data), host="other.example")
    assert (waiting(studio), waiting(agency)) == ([], ["other.example", "shop.example"])


@pytest.mark.long
def test_opening_the_case_again_forgets_what_it_taught(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    see(inline, studio, copy_of(data), host="other.example")
    case = Case.objects.get(party="shop.example")
    clear(case, by="Ann", reason="")
    reopen(case, by="Ben", reason="It is ours.")
    assert not LookAlike.objects.exists()
    assert waiting(studio) == ["other.example", "shop.example"]


@pytest.mark.long
def test_a_use_that_nobody_minds_teaches_nothing(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    clear(Case.objects.get(), by="Ann", reason="A quotation.", copies=True)
    see(inline, studio, copy_of(data), host="other.example")
    assert waiting(studio) == ["other.example"]
