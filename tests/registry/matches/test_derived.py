"""Test that derived works are shown as such, and only to owners who enabled them."""

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from desk.texts.cases import SURE, how_sure
from evidence.documents.phrases import load_phrases
from evidence.verdict.result import State
from exhibit.comparison.derived import grade
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.picture.features import extract
from registry.bundles.bundles import sealed_case, sealed_facts
from registry.bundles.sentences import LEGAL
from registry.cases import decisions, queue
from registry.cases.decisions import confirm
from registry.matches.identify import identify
from registry.matches.match import match_pictures
from registry.matches.registered_works import RegisteredWorks, registered_features
from registry.members import people
from registry.models import Capture, Case, Match, Owner, Picture
from tests.assets.redrawn import scene
from tests.assets.rows import bring, claimed_slice, owner, register
from tests.assets.sealed import sealed, verified
from tests.assets.textured import encoded
from tests.registry.matches.test_match import see
from workers.tasks.sync_runner import SyncRunner

WORK, REDRAWN = encoded(scene(1)), encoded(scene(1, drawn=True))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    register(inline.services, studio, WORK)
    return studio


def asking(studio: Owner) -> None:
    people.ask_for(studio, "derived", wanted=True, by="ann")


def test_nobody_is_told_of_what_is_redrawn_who_has_not_asked(inline: SyncRunner, studio: Owner) -> None:
    match_pictures(inline.services, see(inline, studio, REDRAWN))
    assert set(Match.objects.values_list("decision", flat=True)) <= {"none"}
    assert not Case.objects.exists()


@pytest.mark.long
def test_who_asks_has_a_case_of_its_own_class_that_nothing_visits(inline: SyncRunner, studio: Owner) -> None:
    asking(studio)
    match_pictures(inline.services, see(inline, studio, REDRAWN))
    case = Case.objects.get()
    match = case.case_sightings.get().match
    assert (match.decision, match.probability, match.reasons) == ("resembles", None, ["derived"])
    assert grade(match.verification.survival) >= 2
    assert how_sure(match) == str(SURE[Decision.RESEMBLES])
    assert not Capture.objects.exists()
    decisions.take_out(case, by="ann")
    listed = {sure: list(queue.chosen(studio, queue.Wanted(sure=sure))) for sure in queue.Sure}
    assert listed[queue.Sure.RESEMBLES] == listed[queue.Sure.ANY] == [case]
    assert listed[queue.Sure.CERTAIN] == listed[queue.Sure.REVIEW] == []


@pytest.mark.long
def test_another_owner_of_the_same_picture_is_not_told(inline: SyncRunner, studio: Owner) -> None:
    agency = owner("agency")
    register(inline.services, agency, WORK)
    asking(agency)
    match_pictures(inline.services, see(inline, studio, REDRAWN))
    assert [case.owner for case in Case.objects.all()] == [agency]
    told = {one: identify(inline.services, one, REDRAWN).works for one in map(fresh, (studio, agency))}
    assert [found.verification.decision for found in told[agency]] == [Decision.RESEMBLES]
    assert told[studio] == ()


def fresh(row: Owner) -> Owner:
    """Reload the row."""
    return Owner.objects.get(pk=row.pk)


def test_who_asks_no_more_gets_no_further_case(inline: SyncRunner, studio: Owner) -> None:
    asking(studio)
    people.ask_for(studio, "derived", wanted=False, by="ann")
    match_pictures(inline.services, see(inline, studio, REDRAWN))
    assert not Case.objects.exists()


@pytest.mark.long
def test_a_new_work_that_searches_the_past_decides_alike(inline: SyncRunner, studio: Owner) -> None:
    asking(studio)
    match_pictures(inline.services, see(inline, studio, REDRAWN))
    kept, registered = Match.objects.get(), registered_features(inline.services, Digest.of(WORK))
    alone = RegisteredWorks(inline.services).compare_alone(extract(REDRAWN), kept.registered_id, registered)
    told = kept.verification
    assert (alone.decision, alone.transform, alone.survival) == (told.decision, told.transform, told.survival)


@pytest.mark.long
@pytest.mark.parametrize(("kept", "picture", "then"), [("none", REDRAWN, "resembles"), ("resembles", WORK, "certain")])
def test_what_a_later_search_finds_beyond_an_earlier_one_counts(
    inline: SyncRunner, studio: Owner, kept: str, picture: bytes, then: str
) -> None:
    asking(studio)
    seen = see(inline, studio, picture)
    match_pictures(inline.services, seen)
    Match.objects.update(decision=kept)
    Picture.objects.filter(pk__in=seen).update(state="todo", searched="")
    match_pictures(inline.services, seen)
    assert Match.objects.get().decision == then


@pytest.mark.long
def test_a_confirmed_case_is_sealed_with_its_map_which_a_verifier_computes_again(
    inline: SyncRunner, studio: Owner, tmp_path: Path
) -> None:
    asking(studio)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [REDRAWN], host="shop.invalid"))
    planned.state = "done"
    planned.save(update_fields=["state"])
    confirm(inline.services, Case.objects.get(), by="Ann", reason="Drawn after my work.")
    bundle = sealed(inline, Case.objects.get().bundles.get())
    facts = sealed_facts(inline.services, sealed_case(inline.services, bundle))
    assert facts.matches[0].verification.survival == Match.objects.get().verification.survival != ()
    assert LEGAL in facts.matches[0].words
    sealed_files = sealed_case(inline.services, bundle).manifest.files
    sheet = next(file for file in sealed_files if file.role == "exhibit-sheet")
    pages = PdfReader(BytesIO(inline.services.blobs.get(sheet.sha256))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").sentences["match.survival"].partition("{grade}")[2] in text
    checks = verified(inline, bundle, tmp_path).checks
    (check,) = [check for check in checks if check.name == "match:01"]
    assert check.state is State.NOT_CHECKED  # agreement of pixels does not show if one was drawn after the other
    assert "0.5" in check.sentence
