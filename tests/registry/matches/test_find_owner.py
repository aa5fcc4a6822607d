"""Test owner lookup of a submitted image: it lists every claimant of an opened work and reveals nothing else."""

import pytest
from PIL import Image, ImageDraw, ImageOps

from exhibit.entries import EntryType
from exhibit.errors import UnreadablePictureError
from registry.matches import find_owner
from registry.matches.find_owner import OwnerSearchResult, Verdict, find_owners, get_upload_limits, make_change_map
from registry.models import LogOpening, Match, Owner, Picture, Work
from registry.works.public_works import publish_work, unpublish_work
from registry.works.registration import remove_work
from tests.assets.exposures import exposure
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, recompress, register
from tests.assets.textured import encoded, textured
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

HARBOUR, ALLEY = textured(3), textured(2)
CROPPED_COPY = encoded(HARBOUR.crop((40, 30, 300, 250)), "JPEG")


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A studio with three works; the first is open, and the first of two exposures of one scene."""
    studio = owner("studio")
    for title, data in (("harbour", encoded(HARBOUR)), ("moment", exposure(0)), ("next moment", exposure(1))):
        register(stage.services, studio, data, title)
    stage.run_until_idle()
    for row in studio.works.filter(number__lt=3):
        publish_work(stage.services, row, contact="", by="Ann")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


def open_picture(inline: SyncRunner, rights_holder: Owner, data: bytes, title: str = "A work") -> Work:
    return publish_work(
        inline.services, register(inline.services, rights_holder, data, title).work, contact="", by=rights_holder.name
    )


def list_claims(result: OwnerSearchResult) -> list[tuple[str, str, str]]:
    return [(claim.work.owner.slug, claim.work.title, str(claim.verdict)) for claim in result.claims]


def draw_object(picture: Image.Image) -> Image.Image:
    """Return the image with an object drawn into it."""
    new_picture = picture.copy()
    ImageDraw.Draw(new_picture).ellipse((200, 120, 280, 200), fill="white", outline="red", width=6)
    return new_picture


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (encoded(HARBOUR), "same-file"),
        (encoded(HARBOUR, "JPEG"), "changed"),
        (encoded(ImageOps.mirror(draw_object(HARBOUR)), "JPEG"), "changed"),
        (CROPPED_COPY, "part"),
    ],
)
def test_verdict_describes_relation_to_the_public_work(inline: SyncRunner, data: bytes, verdict: str) -> None:
    answer = find_owners(inline.services, data)
    assert list_claims(answer) == [("studio", "harbour", verdict)]
    assert (str(answer.verdict), answer.owners, answer.more, answer.complete) == (verdict, 1, 0, True)


@pytest.mark.long
def test_map_of_changes_locates_changed_areas_and_parts(
    inline: SyncRunner,
) -> None:
    def shared_area(data: bytes) -> tuple[float, list[list[int]]]:
        (claim,) = find_owners(inline.services, data).claims
        difference_map = make_change_map(inline.services, claim, data)
        assert difference_map is not None
        assert difference_map.image.startswith(b"\xff\xd8")
        return difference_map.differing, difference_map.corners

    assert shared_area(encoded(HARBOUR, "JPEG", 95))[0] < find_owner.MIN_DIFFERENCE
    assert 0.01 < shared_area(encoded(draw_object(HARBOUR), "JPEG", 95))[0] < 0.1
    place = shared_area(CROPPED_COPY)[1]
    edges = [min(x for x, _ in place), min(y for _, y in place), max(x for x, _ in place), max(y for _, y in place)]
    assert edges == pytest.approx([40, 30, 300, 250], abs=4)
    (same,) = find_owners(inline.services, encoded(HARBOUR)).claims
    assert make_change_map(inline.services, same, encoded(HARBOUR)) is None


@pytest.mark.parametrize(("work_state", "data"), [("closed", CROPPED_COPY), ("removed", encoded(HARBOUR))])
def test_private_and_removed_works_are_not_found(
    inline: SyncRunner, studio: Owner, data: bytes, work_state: str
) -> None:
    row = studio.works.get(title="harbour")
    # Another owner's closed work keeps the image in the index, which must not affect the result.
    register(inline.services, owner("rival"), encoded(HARBOUR))
    unpublish_work(row, by="Ann") if work_state == "closed" else remove_work(row, by="Ann")
    answer = find_owners(inline.services, data)
    assert (answer.claims, answer.more, answer.owners, answer.verdict) == ((), 0, 0, Verdict.UNKNOWN)
    unknown = find_owners(inline.services, encoded(textured(77), "JPEG"))
    assert (answer.complete, answer.too_plain) == (unknown.complete, unknown.too_plain)


@pytest.mark.long
def test_private_work_of_a_series_does_not_affect_a_public_work(inline: SyncRunner, studio: Owner) -> None:
    hidden_picture, visible_work = recompress(exposure(1)), studio.works.get(title="moment")
    # The closed work has no effect
    assert list_claims(find_owners(inline.services, hidden_picture)) == [("studio", "moment", "changed")]
    publish_work(inline.services, studio.works.get(title="next moment"), contact="", by="Ann")
    assert list_claims(find_owners(inline.services, hidden_picture))[0] == ("studio", "next moment", "changed")
    assert {title: verdict for _, title, verdict in list_claims(find_owners(inline.services, hidden_picture))}[
        "moment"
    ] == "perhaps"
    unpublish_work(visible_work, by="Ann")
    assert list_claims(find_owners(inline.services, hidden_picture)) == [("studio", "next moment", "changed")]


@pytest.mark.long
def test_owner_with_earlier_registration_is_listed_before_owner_of_a_copy(inline: SyncRunner) -> None:
    thief, services = owner("thief"), inline.services
    for stolen in (CROPPED_COPY, encoded(ImageOps.mirror(HARBOUR), "JPEG", 60)):
        own_work = open_picture(inline, thief, stolen, "Mine")
        answer = find_owners(services, stolen)
        assert [slug for slug, *_ in list_claims(answer)] == ["studio", "thief"]  # the first registrant is first
        assert [claim.verdict for claim in answer.claims][1] is Verdict.SAME
        assert (answer.owners, answer.complete) == (2, True)
        unpublish_work(own_work, by="thief")
        assert list_claims(find_owners(services, stolen))[0][0] == "studio"
    assert [slug for slug, *_ in list_claims(find_owners(services, encoded(HARBOUR)))] == ["studio"]


@pytest.mark.long
def test_many_works_of_one_owner_do_not_hide_other_owners(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = owner("flood")
    for number in range(14):
        open_picture(inline, flood, encoded(HARBOUR.crop((40, 30, 300, 250)), "JPEG", 60 + number), f"Copy {number}")
    rival = owner("rival")
    open_picture(inline, rival, encoded(HARBOUR.resize((300, 225)), "JPEG"), "Small")
    monkeypatch.setattr(find_owner, "MAX_LISTED_WORKS", 3)
    answer = find_owners(inline.services, CROPPED_COPY)
    assert [slug for slug, *_ in list_claims(answer)] == ["studio", "flood", "rival"]
    assert answer.claims[1].work.title == min(title for slug, title, _ in list_claims(answer) if slug == "flood")
    assert answer.more == 13
    assert answer.owners == 3


@pytest.mark.long
def test_picture_that_shows_two_works_matches_both(inline: SyncRunner) -> None:
    open_picture(inline, Owner.objects.get(), encoded(ALLEY), "alley")
    sheet = Image.new("RGB", (980, 360), "white")
    sheet.paste(HARBOUR, (0, 0))
    sheet.paste(ALLEY, (500, 0))
    assert sorted(title for _, title, _ in list_claims(find_owners(inline.services, encoded(sheet, "JPEG")))) == [
        "alley",
        "harbour",
    ]


def test_lookup_is_logged_and_nothing_else_is_stored(inline: SyncRunner, studio: Owner) -> None:
    rows = Picture.objects.count()
    openings = LogOpening.objects.filter(submission__type=EntryType.ACCESS).order_by("pk")
    before = openings.count()
    known_answer, unknown = (
        find_owners(inline.services, CROPPED_COPY),
        find_owners(inline.services, encoded(textured(77))),
    )
    assert (Picture.objects.count(), Match.objects.count()) == (rows, 0)
    first, second = list(openings)[before:]
    name = studio.works.get(title="harbour").public_name
    for row, answer, works in ((first, known_answer, [name]), (second, unknown, [])):
        details = dict(row.details or {})
        assert details.pop("salt")
        assert details == {"digest": answer.digest.hex, "verdict": str(answer.verdict), "works": works}
    assert [set(row.content) for row in (first, second)] == [{"way", "what", "details"}] * 2
    assert {row.submission.owner for row in (first, second)} == {None}


def test_search_that_reaches_its_limit_is_reported_incomplete(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_owner, "MAX_ROUNDS", 1)
    answer = find_owners(inline.services, CROPPED_COPY)
    assert (list_claims(answer), answer.complete) == ([("studio", "harbour", "part")], False)


def test_invalid_or_oversized_upload_is_rejected(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadablePictureError):
        find_owners(inline.services, b"\xff\xd8\xff no picture")
    monkeypatch.setattr(find_owner, "MAX_UPLOAD_BYTES", 1000)
    assert get_upload_limits(inline.services).max_bytes == 1000
    with pytest.raises(UnreadablePictureError, match="1,000"):
        find_owners(inline.services, CROPPED_COPY)
