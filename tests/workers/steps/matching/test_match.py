"""From a sighting to a case: whose it is, what a licence does to it, and that nothing is done twice."""

from registry.models import Capture, Case, Owner, Picture
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner


def see(inline: SyncRunner, watcher: Owner, *pictures: bytes, name: str = "watch", private: bool = False) -> list[int]:
    planned, epoch = claimed_slice(watcher, name, private=private)
    return bring(inline.services, planned, epoch, pictures)


def test_a_copy_on_a_page_opens_a_case_that_is_captured_at_once(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    work = register(inline.services, studio, data).work
    match_pictures(inline.services, see(inline, studio, copy_of(data), photograph(2)))
    case = Case.objects.get()
    assert (case.owner, case.work, case.party, case.decision) == (studio, work, "shop.example", "open")
    assert case.case_sightings.get().match.decision == "certain"
    assert Capture.objects.get().case == case


def test_a_new_work_finds_the_pictures_already_seen(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    match_pictures(inline.services, see(inline, studio, copy_of(data)))
    assert not Case.objects.exists()
    register(inline.services, studio, data)
    inline.run_until_idle()
    assert Case.objects.get().party == "shop.example"


def test_the_very_same_bytes_are_matched_too(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    match_pictures(inline.services, see(inline, studio, data))
    assert Case.objects.get().case_sightings.get().match.decision == "certain"


def test_a_registration_conflict_tells_only_that_an_earlier_one_exists(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    data = photograph(1)
    first = register(inline.services, studio, data)
    assert first.earlier is None
    assert register(inline.services, agency, data).earlier == first.work.registered_at
    assert register(inline.services, agency, copy_of(data)).earlier == first.work.registered_at


def test_registering_the_same_picture_twice_gives_the_same_work(inline: SyncRunner) -> None:
    studio = owner("studio")
    first, again = (register(inline.services, studio, photograph(1)) for _ in range(2))
    assert (first.work, first.new, again.new) == (again.work, True, False)


def test_a_flat_picture_is_said_to_be_unsafe_to_match(inline: SyncRunner) -> None:
    from demo.pictures import flat

    assert register(inline.services, owner("studio"), jpeg(flat())).low_information != ()


def test_a_picture_that_cannot_be_decoded_is_done_with_its_reason(inline: SyncRunner) -> None:
    match_pictures(inline.services, see(inline, owner("studio"), b"\xff\xd8\xff\xe0 no picture"))
    picture = Picture.objects.get()
    assert picture.state == "done"
    assert picture.refusal != ""
