"""Test that derived works are shown as such, and only to owners who enabled them."""

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from desk.texts.cases import CERTAINTY_LABELS, describe_certainty
from evidence.documents.phrases import load_phrases
from evidence.verdict.result import State
from exhibit.comparison.derived import grade_survival_map
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.picture.features import extract
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.sentences import ADAPTATION_NOTE
from registry.cases import decisions, queue
from registry.cases.decisions import confirm_case
from registry.matches.identify import identify_picture
from registry.matches.match import match_pictures
from registry.matches.registered_works import RegisteredWorks, load_registered_features
from registry.members import accounts
from registry.models import Capture, Case, Match, Owner, Picture
from tests.assets.line_drawings import draw_scene
from tests.assets.rows import claim_new_slice, owner, record_sightings, register
from tests.assets.sealed_bundles import run_until_sealed, verify
from tests.assets.textured import encoded
from tests.registry.matches.test_match import crawl_pictures
from workers.tasks.sync_runner import SyncRunner

WORK, REDRAWN_COPY = encoded(draw_scene(1)), encoded(draw_scene(1, as_outline=True))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    register(inline.services, studio, WORK)
    return studio


def enable_derived_search(studio: Owner) -> None:
    accounts.set_option(studio, "derived", enabled=True, by="ann")


def test_redrawn_copies_are_not_reported_without_opting_in(inline: SyncRunner, studio: Owner) -> None:
    match_pictures(inline.services, crawl_pictures(inline, studio, REDRAWN_COPY))
    assert set(Match.objects.values_list("decision", flat=True)) <= {"none"}
    assert not Case.objects.exists()


@pytest.mark.long
def test_opted_in_owner_gets_derived_case_without_capture(inline: SyncRunner, studio: Owner) -> None:
    enable_derived_search(studio)
    match_pictures(inline.services, crawl_pictures(inline, studio, REDRAWN_COPY))
    case = Case.objects.get()
    match = case.case_sightings.get().match
    assert (match.decision, match.probability, match.reasons) == ("related", None, ["derived"])
    assert grade_survival_map(match.verification.survival) >= 2
    assert describe_certainty(match) == str(CERTAINTY_LABELS[Decision.RELATED])
    assert not Capture.objects.exists()
    decisions.return_to_queue(case, by="ann")
    listed = {sure: list(queue.filter_cases(studio, queue.CaseFilter(sure=sure))) for sure in queue.Certainty}
    assert listed[queue.Certainty.RELATED] == listed[queue.Certainty.ANY] == [case]
    assert listed[queue.Certainty.CERTAIN] == listed[queue.Certainty.REVIEW] == []


@pytest.mark.long
def test_other_owner_of_the_same_picture_is_not_notified(inline: SyncRunner, studio: Owner) -> None:
    agency = owner("agency")
    register(inline.services, agency, WORK)
    enable_derived_search(agency)
    match_pictures(inline.services, crawl_pictures(inline, studio, REDRAWN_COPY))
    assert [case.owner for case in Case.objects.all()] == [agency]
    works_by_owner = {
        account: identify_picture(inline.services, account, REDRAWN_COPY).works
        for account in map(reload_owner, (studio, agency))
    }
    assert [match.verification.decision for match in works_by_owner[agency]] == [Decision.RELATED]
    assert works_by_owner[studio] == ()


def reload_owner(row: Owner) -> Owner:
    """Reload the row."""
    return Owner.objects.get(pk=row.pk)


def test_opting_out_stops_cases_for_derived_works(inline: SyncRunner, studio: Owner) -> None:
    enable_derived_search(studio)
    accounts.set_option(studio, "derived", enabled=False, by="ann")
    match_pictures(inline.services, crawl_pictures(inline, studio, REDRAWN_COPY))
    assert not Case.objects.exists()


@pytest.mark.long
def test_search_of_past_sightings_gives_same_derived_match_as_a_crawl(inline: SyncRunner, studio: Owner) -> None:
    enable_derived_search(studio)
    match_pictures(inline.services, crawl_pictures(inline, studio, REDRAWN_COPY))
    match, registered = Match.objects.get(), load_registered_features(inline.services, Digest.from_bytes(WORK))
    alone = RegisteredWorks(inline.services).compare_pair(extract(REDRAWN_COPY), match.registered_id, registered)
    verification = match.verification
    assert (alone.decision, alone.transform, alone.survival) == (
        verification.decision,
        verification.transform,
        verification.survival,
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("decision", "picture", "expected_decision"), [("none", REDRAWN_COPY, "related"), ("related", WORK, "certain")]
)
def test_stronger_result_of_a_later_search_replaces_the_match(
    inline: SyncRunner, studio: Owner, decision: str, picture: bytes, expected_decision: str
) -> None:
    enable_derived_search(studio)
    picture_ids = crawl_pictures(inline, studio, picture)
    match_pictures(inline.services, picture_ids)
    Match.objects.update(decision=decision)
    Picture.objects.filter(pk__in=picture_ids).update(state="queued", searched="")
    match_pictures(inline.services, picture_ids)
    assert Match.objects.get().decision == expected_decision


@pytest.mark.long
def test_derived_case_is_sealed_with_map_recomputed_by_the_verifier(
    inline: SyncRunner, studio: Owner, tmp_path: Path
) -> None:
    enable_derived_search(studio)
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [REDRAWN_COPY], host="shop.invalid")
    )
    crawl_slice.state = "done"
    crawl_slice.save(update_fields=["state"])
    confirm_case(inline.services, Case.objects.get(), by="Ann", reason="Drawn after my work.")
    bundle = run_until_sealed(inline, Case.objects.get().bundles.get())
    facts = load_sealed_facts(inline.services, load_sealed_case(inline.services, bundle))
    assert facts.matches[0].verification.survival == Match.objects.get().verification.survival != ()
    assert ADAPTATION_NOTE in facts.matches[0].words
    sealed_files = load_sealed_case(inline.services, bundle).manifest.files
    sheet = next(file for file in sealed_files if file.role == "exhibit-sheet")
    pages = PdfReader(BytesIO(inline.services.blobs.get(sheet.sha256))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert load_phrases("en").sentences["match.survival"].partition("{grade}")[2] in text
    checks = verify(inline, bundle, tmp_path).checks
    (check,) = [check for check in checks if check.name == "match:01"]
    assert check.state is State.NOT_CHECKED  # agreement of pixels does not show if one was drawn after the other
    assert "50%" in check.sentence
