"""Test works whose images stay with their owner: found by stated fingerprints, never mixed with measured ones."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from exhibit.digests import Digest
from exhibit.errors import ConflictError, RefusedError, WrongUseError
from exhibit.types import Decision, DeclaredWork
from indexer.picture.features import extract
from indexer.picture.spaces import PIPELINE
from indexer.search.fingerprint_file import HASH_WITHIN, PRINTS, StatedPicture
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.facts import gather_facts
from registry.cases import decisions
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.descriptors import find_members
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.networks import measure_model
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.local_feature_upkeep import list_unmeasured
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import (
    BlockedDigest,
    BytesState,
    Case,
    FingerprintRow,
    LogOpening,
    Match,
    Owner,
    Picture,
)
from registry.reports.cases import load_case_content
from registry.services.services import Services
from registry.works.declarations import edit_work
from registry.works.fingerprint_registration import register_stated
from registry.works.public_works import build_public_facts, open_work
from registry.works.registration import MIN_QUOTA_BYTES, get_remaining_quota, remove_work
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import run_until_sealed, verify
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


def state_picture(data: bytes, name: str = "harbour.jpg") -> StatedPicture:
    """Return the fingerprints of an image, as the owner's machine states them."""
    return StatedPicture.from_features(name, len(data), extract(data))


def add_seen_pictures(services: Services, rights_holder: Owner, *pictures: bytes, name: str = "watch") -> list[int]:
    """Let a crawl see images, and match them."""
    crawl_slice, epoch = claim_new_slice(rights_holder, name)
    rows = record_sightings(services, crawl_slice, epoch, list(pictures), host="shop.invalid")
    crawl_slice.state = "done"
    crawl_slice.save(update_fields=["state"])
    match_pictures(services, rows)
    return rows


def test_a_copy_that_comes_later_goes_to_review_and_nothing_is_stated_of_its_likelihood(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated(inline.services, studio, state_picture(data)).work
    add_seen_pictures(inline.services, studio, recompress(data), photograph(2))
    case = studio.cases.get()
    assert (case.work, case.decision) == (work, Case.Decision.OPEN)
    match = case.case_sightings.get().match
    assert (match.decision, match.pipeline, match.probability, match.transform) == ("review", PRINTS, None, None)
    assert match.reasons == ["prints"]
    assert match.hamming <= HASH_WITHIN
    assert not case.captures.exists()  # a match for review causes no visit


def test_a_copy_that_was_seen_before_is_found_mirrored_too(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    add_seen_pictures(inline.services, studio, recompress(data), photograph(2))
    assert not studio.cases.exists()
    work = register_stated(inline.services, studio, state_picture(data)).work
    search_pictures(inline.services, [work.work_pictures.get().pk])
    assert studio.cases.get().case_sightings.get().match.registered == work.pictures.get()
    assert work.work_pictures.get().state == "done"


def test_what_was_stated_is_never_mixed_with_what_was_measured(inline: SyncRunner) -> None:
    """State the digest of another owner's image with vectors of a different one: the true owner's vectors remain."""
    studio, agency = owner("studio"), owner("agency")
    other_picture, false = photograph(1), state_picture(photograph(2))
    lie = false.model_copy(update={"digest": Digest.of(other_picture).hex, "bytes": len(other_picture)})
    work = register_stated(inline.services, agency, lie).work
    true = register(inline.services, studio, other_picture)
    assert true.earlier is None  # a mere statement causes no warning
    assert not true.work.conflicts.exists()
    stand_in, real_picture = work.pictures.get(), true.work.pictures.get()
    assert stand_in != real_picture
    assert (stand_in.bytes_state, real_picture.bytes_state) == (BytesState.NEVER, BytesState.STORED)
    assert find_members(Collection.PRINTS, [stand_in.pk, real_picture.pk]) == [stand_in.pk]
    assert find_members(Collection.WORKS, [stand_in.pk, real_picture.pk]) == [real_picture.pk]
    space = vectors.space_id(get_indexes(inline.services).spaces[0])
    whole = FingerprintRow.objects.filter(space=space, part="whole")
    picture_hash = extract(other_picture).hashes["whole"]
    assert bytes(whole.get(picture=real_picture).vector) == picture_hash != bytes(whole.get(picture=stand_in).vector)
    add_seen_pictures(inline.services, studio, recompress(other_picture))
    assert Match.objects.filter(registered=real_picture, decision="certain").exists()
    assert not Match.objects.filter(registered=stand_in).exists()
    assert not list_unmeasured().exists()  # no local features are expected for absent images


def test_stated_work_of_another_owner_reports_the_earlier_registration(inline: SyncRunner) -> None:
    studio, agency, data = owner("studio"), owner("agency"), photograph(1)
    register(inline.services, studio, data)
    duplicate = register_stated(inline.services, agency, state_picture(data))
    near = register_stated(inline.services, agency, state_picture(recompress(data)))
    assert duplicate.work.conflicts.get().kind == "same"
    assert near.work.conflicts.get().kind == "near"
    assert duplicate.earlier == studio.works.get().registered_at


def test_the_same_digest_stays_one_work(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    first = register_stated(inline.services, studio, state_picture(data))
    second_registration = register_stated(inline.services, studio, state_picture(data))
    assert (first.new, second_registration.new, second_registration.work) == (True, False, first.work)
    work = register(inline.services, studio, photograph(2)).work
    assert register_stated(inline.services, studio, state_picture(photograph(2))).work == work


def test_it_counts_against_the_quota_and_a_small_size_helps_nobody(inline: SyncRunner) -> None:
    studio = owner("studio")
    studio.quota_bytes = MIN_QUOTA_BYTES + 100
    studio.save()
    small = state_picture(photograph(1)).model_copy(update={"bytes": 1})
    register_stated(inline.services, studio, small)
    assert get_remaining_quota(inline.services, studio) == 100
    with pytest.raises(RefusedError) as error_info:
        register_stated(inline.services, studio, state_picture(photograph(2)))
    assert error_info.value.reason == "quota"
    assert studio.works.count() == 1


def test_bytes_that_may_not_be_kept_may_not_be_stated(inline: SyncRunner) -> None:
    data = photograph(1)
    BlockedDigest.objects.create(digest=Digest.of(data), reason="illegal")
    with pytest.raises(RefusedError):
        register_stated(inline.services, owner("studio"), state_picture(data))


def test_a_removed_work_is_looked_for_no_more(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated(inline.services, studio, state_picture(data)).work
    remove_work(work, by="Ann")
    add_seen_pictures(inline.services, studio, recompress(data))
    assert not Match.objects.exists()
    assert get_remaining_quota(inline.services, studio) == inline.services.config.owner_quota_bytes


@pytest.mark.long
def test_evidence_waits_for_the_picture_and_then_replaces_what_was_said(inline: SyncRunner, tmp_path: Path) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated(inline.services, studio, state_picture(data), DeclaredWork(title="Harbour")).work
    stated_at = work.registered_at
    add_seen_pictures(inline.services, studio, recompress(data))
    case = studio.cases.get()
    with pytest.raises(ConflictError) as error_info:
        decisions.confirm(inline.services, case, by="Ann", reason="Ours.")
    assert error_info.value.hint
    case.refresh_from_db()
    assert (case.decision, case.bundles.count()) == (Case.Decision.OPEN, 0)
    result = register(inline.services, studio, data, "Another title")
    assert (result.work, result.new) == (work, False)
    work.refresh_from_db()
    picture = work.work_pictures.get()
    assert (work.title, picture.stated, picture.picture.digest) == ("Harbour", None, Digest.of(data))
    assert work.registered_at > stated_at  # until then nobody here could know if the image existed
    assert find_members(Collection.PRINTS, list(Picture.objects.values_list("pk", flat=True))) == []
    search_pictures(inline.services, [picture.pk])
    match = case.case_sightings.get().match  # of the same sighting, in place of the fingerprints' match
    assert (match.pipeline, match.decision, match.registered) == (PIPELINE, Decision.CERTAIN, picture.picture)
    decisions.confirm(inline.services, case, by="Ann", reason="Ours.")
    bundle = run_until_sealed(inline, case.bundles.get())
    facts = load_sealed_facts(inline.services, load_sealed_case(inline.services, bundle))
    assert [match.verification.pipeline for match in facts.matches] == [PIPELINE]
    assert [picture.digest for picture in facts.work.pictures] == [Digest.of(data)]
    assert not verify(inline, bundle, tmp_path).failures


def test_a_picture_that_isnt_there_after_all_makes_no_evidence(inline: SyncRunner) -> None:
    """State vectors of one image for the digest of another. The file that arrives shows something else."""
    studio, own_picture, other = owner("studio"), photograph(1), photograph(2)
    lie = state_picture(other).model_copy(update={"digest": Digest.of(own_picture).hex})
    work = register_stated(inline.services, studio, lie).work
    add_seen_pictures(inline.services, studio, recompress(other))
    register(inline.services, studio, own_picture)
    search_pictures(inline.services, [work.work_pictures.get().pk])
    with pytest.raises(ConflictError):
        decisions.confirm(inline.services, studio.cases.get(), by="Ann", reason="Ours.")


def test_the_logs_entry_says_that_it_was_only_stated(inline: SyncRunner) -> None:
    data = photograph(1)
    work = register_stated(inline.services, owner("studio"), state_picture(data)).work
    content = LogOpening.objects.get(submission=work.registration).content
    assert (content["picture"], content["stated"]) == (Digest.of(data).hex, True)


def test_bytes_equal_to_the_stated_ones_are_reported(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated(inline.services, studio, state_picture(data))
    add_seen_pictures(inline.services, studio, data)
    assert studio.cases.get().case_sightings.get().match.reasons == ["prints", "same-bytes"]


def test_what_is_changed_of_the_declaration_still_says_that_the_picture_was_only_stated(inline: SyncRunner) -> None:
    data = photograph(1)
    work = register_stated(inline.services, owner("studio"), state_picture(data)).work
    edit_work(work, replace(work.declared, author="Ann"), by="Ann", reason="Forgotten.", version=0)
    content = LogOpening.objects.get(submission=work.declaration).content
    assert (content["author"], content["picture"], content["stated"]) == ("Ann", Digest.of(data).hex, True)


def test_the_public_page_says_that_the_digest_was_only_stated(inline: SyncRunner, client: Client) -> None:
    data = photograph(1)
    work = register_stated(inline.services, owner("studio"), state_picture(data)).work
    open_work(inline.services, work, contact="", by="Ann")
    work.refresh_from_db()
    facts = build_public_facts(inline.services.config, work)
    assert facts["identifier"] == [f"sha256:{Digest.of(data)}"]
    assert facts["exhibit"]["digests_only_stated"] is True
    assert 'data-testid="only-stated"' in client.get(f"/id/{work.public_name}/").content.decode()
    opened_work = open_work(
        inline.services, register(inline.services, owner("agency"), data).work, contact="", by="Ann"
    )
    assert "digests_only_stated" not in build_public_facts(inline.services.config, opened_work)["exhibit"]


def test_a_report_of_what_fingerprints_found_names_the_stated_digest(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated(inline.services, studio, state_picture(data))
    add_seen_pictures(inline.services, studio, recompress(data))
    facts = gather_facts(inline.services, studio.cases.get(), bundle=0, language="en", for_sealing=False).facts
    assert [picture.digest for picture in facts.work.pictures] == [Digest.of(data)]
    assert [match.work_picture for match in facts.matches] == [Digest.of(data)]
    assert facts.work.pictures[0].size == len(data)
    report_case = load_case_content(inline.services, studio.cases.get(), "en")
    assert facts.work.pictures[0].file not in [path for path in report_case.pictures if report_case.pictures.get(path)]


@pytest.mark.long
def test_a_network_isnt_measured_on_what_was_never_here(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    get_descriptors(services).refresh()
    for seed in range(20):
        register_stated(services, studio, state_picture(photograph(seed)))
    with pytest.raises(WrongUseError, match="0"):
        measure_model(services, "descriptor@1", None, max_photos=20, progress=lambda *_: None)
