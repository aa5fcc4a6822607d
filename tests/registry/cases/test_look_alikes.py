"""What was cleared as no copy stays away, wherever it is seen, and for this owner alone."""

from registry.models import Case, LookAlike
from tests.assets.rows import copy_of, owner, photograph, register
from tests.registry.cases.test_triage import half_of, see, waiting
from workers.cases.decisions import clear, reopen
from workers.tasks.sync_runner import SyncRunner


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


def test_a_near_same_picture_stays_away_and_another_one_does_not(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, half_of(data))
    clear(Case.objects.get(), by="Ann", reason="")
    see(inline, studio, copy_of(half_of(data)), host="near.example")
    assert waiting(studio) == []
    see(inline, studio, data, host="copy.example")
    assert waiting(studio) == ["copy.example"]


def test_what_one_owner_learned_is_nothing_to_another(inline: SyncRunner) -> None:
    studio, agency, data = owner("studio"), owner("agency"), photograph(1)
    register(inline.services, studio, data)
    register(inline.services, agency, data)
    see(inline, studio, copy_of(data))
    clear(studio.cases.get(), by="Ann", reason="")
    see(inline, studio, copy_of(data), host="other.example")
    assert (waiting(studio), waiting(agency)) == ([], ["other.example", "shop.example"])


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


def test_a_use_that_nobody_minds_teaches_nothing(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    see(inline, studio, copy_of(data))
    clear(Case.objects.get(), by="Ann", reason="A quotation.", copies=True)
    see(inline, studio, copy_of(data), host="other.example")
    assert waiting(studio) == ["other.example"]
