"""Test works whose images stay with their owner: found by stated fingerprints, never mixed with measured ones."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError, RefusedError
from exhibit.types import Decision, DeclaredWork
from indexer.picture.features import extract
from indexer.picture.spaces import PIPELINE
from indexer.search.fingerprint_file import FINGERPRINT_PIPELINE, MAX_HASH_DISTANCE, StatedPicture
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.facts import gather_facts
from registry.cases import decisions
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.descriptor_models import measure_model
from registry.fingerprints.descriptors import find_members
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.local_feature_upkeep import list_pictures_without_features
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
from registry.works.fingerprint_registration import register_stated_picture
from registry.works.public_works import build_public_facts, publish_work
from registry.works.registration import MIN_QUOTA_BYTES, get_remaining_quota, remove_work
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import run_until_sealed, verify
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


def state_picture(data: bytes, name: str = "harbour.jpg") -> StatedPicture:
    """Return the fingerprints of an image, as the owner's machine states them."""
    return StatedPicture.from_features(name, len(data), extract(data))


def add_seen_pictures(services: Services, rights_holder: Owner, *pictures: bytes, name: str = "watch") -> list[int]:
    """Record and match sightings of images in a crawl."""
    crawl_slice, epoch = claim_new_slice(rights_holder, name)
    rows = record_sightings(services, crawl_slice, epoch, list(pictures), host="shop.invalid")
    crawl_slice.state = "done"
    crawl_slice.save(update_fields=["state"])
    match_pictures(services, rows)
    return rows


def test_later_copy_needs_review_without_probability(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated_picture(inline.services, studio, state_picture(data)).work
    add_seen_pictures(inline.services, studio, recompress(data), photograph(2))
    case = studio.cases.get()
    assert (case.work, case.decision) == (work, Case.Decision.OPEN)
    match = case.case_sightings.get().match
    assert (match.decision, match.pipeline, match.probability, match.transform) == (
        "review",
        FINGERPRINT_PIPELINE,
        None,
        None,
    )
    assert match.reasons == ["prints"]
    assert match.hamming <= MAX_HASH_DISTANCE
    assert not case.captures.exists()  # a match for review causes no visit


def test_copy_seen_before_registration_is_matched(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    add_seen_pictures(inline.services, studio, recompress(data), photograph(2))
    assert not studio.cases.exists()
    work = register_stated_picture(inline.services, studio, state_picture(data)).work
    search_pictures(inline.services, [work.work_pictures.get().pk])
    assert studio.cases.get().case_sightings.get().match.registered == work.pictures.get()
    assert work.work_pictures.get().state == "done"


def test_declared_and_measured_fingerprints_are_not_mixed(inline: SyncRunner) -> None:
    """State the digest of another owner's image with vectors of a different one: the true owner's vectors remain."""
    studio, agency = owner("studio"), owner("agency")
    other_picture, false = photograph(1), state_picture(photograph(2))
    false_statement = false.model_copy(
        update={"digest": Digest.from_bytes(other_picture).hex, "bytes": len(other_picture)}
    )
    work = register_stated_picture(inline.services, agency, false_statement).work
    true = register(inline.services, studio, other_picture)
    assert true.earlier_registered_at is None  # a mere statement causes no warning
    assert not true.work.conflicts.exists()
    stand_in, real_picture = work.pictures.get(), true.work.pictures.get()
    assert stand_in != real_picture
    assert (stand_in.bytes_state, real_picture.bytes_state) == (BytesState.NEVER, BytesState.STORED)
    assert find_members(Collection.PRINTS, [stand_in.pk, real_picture.pk]) == [stand_in.pk]
    assert find_members(Collection.WORKS, [stand_in.pk, real_picture.pk]) == [real_picture.pk]
    space = vectors.get_space_id(get_indexes(inline.services).spaces[0])
    whole = FingerprintRow.objects.filter(space=space, part="whole")
    picture_hash = extract(other_picture).hashes["whole"]
    assert bytes(whole.get(picture=real_picture).vector) == picture_hash != bytes(whole.get(picture=stand_in).vector)
    add_seen_pictures(inline.services, studio, recompress(other_picture))
    assert Match.objects.filter(registered=real_picture, decision="certain").exists()
    assert not Match.objects.filter(registered=stand_in).exists()
    assert not list_pictures_without_features().exists()  # no local features are expected for absent images


def test_work_registered_by_fingerprints_reports_earlier_registration_by_other_owner(inline: SyncRunner) -> None:
    studio, agency, data = owner("studio"), owner("agency"), photograph(1)
    register(inline.services, studio, data)
    duplicate = register_stated_picture(inline.services, agency, state_picture(data))
    near = register_stated_picture(inline.services, agency, state_picture(recompress(data)))
    assert duplicate.work.conflicts.get().kind == "same"
    assert near.work.conflicts.get().kind == "near"
    assert duplicate.earlier_registered_at == studio.works.get().registered_at


def test_registering_the_same_digest_returns_the_same_work(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    first = register_stated_picture(inline.services, studio, state_picture(data))
    second_registration = register_stated_picture(inline.services, studio, state_picture(data))
    assert (first.is_new, second_registration.is_new, second_registration.work) == (True, False, first.work)
    work = register(inline.services, studio, photograph(2)).work
    assert register_stated_picture(inline.services, studio, state_picture(photograph(2))).work == work


def test_work_registered_by_fingerprints_uses_quota_with_a_minimum_size(inline: SyncRunner) -> None:
    studio = owner("studio")
    studio.quota_bytes = MIN_QUOTA_BYTES + 100
    studio.save()
    small = state_picture(photograph(1)).model_copy(update={"bytes": 1})
    register_stated_picture(inline.services, studio, small)
    assert get_remaining_quota(inline.services, studio) == 100
    with pytest.raises(RefusedError) as error_info:
        register_stated_picture(inline.services, studio, state_picture(photograph(2)))
    assert error_info.value.reason == "quota"
    assert studio.works.count() == 1


def test_blocked_digest_cannot_be_registered_by_fingerprints(inline: SyncRunner) -> None:
    data = photograph(1)
    BlockedDigest.objects.create(digest=Digest.from_bytes(data), reason="illegal")
    with pytest.raises(RefusedError):
        register_stated_picture(inline.services, owner("studio"), state_picture(data))


def test_removed_work_registered_by_fingerprints_is_not_matched(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated_picture(inline.services, studio, state_picture(data)).work
    remove_work(work, by="Ann")
    add_seen_pictures(inline.services, studio, recompress(data))
    assert not Match.objects.exists()
    assert get_remaining_quota(inline.services, studio) == inline.services.config.owner_quota_bytes


@pytest.mark.long
def test_evidence_requires_upload_of_the_picture_to_replace_declared_fingerprints(
    inline: SyncRunner, tmp_path: Path
) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated_picture(inline.services, studio, state_picture(data), DeclaredWork(title="Harbour")).work
    stated_at = work.registered_at
    add_seen_pictures(inline.services, studio, recompress(data))
    case = studio.cases.get()
    with pytest.raises(ConflictError) as error_info:
        decisions.confirm_case(inline.services, case, by="Ann", reason="Ours.")
    assert error_info.value.hint
    case.refresh_from_db()
    assert (case.decision, case.bundles.count()) == (Case.Decision.OPEN, 0)
    result = register(inline.services, studio, data, "Another title")
    assert (result.work, result.is_new) == (work, False)
    work.refresh_from_db()
    picture = work.work_pictures.get()
    assert (work.title, picture.stated, picture.picture.digest) == ("Harbour", None, Digest.from_bytes(data))
    assert work.registered_at > stated_at  # before the upload, the image's existence was unverified
    assert find_members(Collection.PRINTS, list(Picture.objects.values_list("pk", flat=True))) == []
    search_pictures(inline.services, [picture.pk])
    match = case.case_sightings.get().match  # replaces the fingerprint match of the same sighting
    assert (match.pipeline, match.decision, match.registered) == (PIPELINE, Decision.CERTAIN, picture.picture)
    decisions.confirm_case(inline.services, case, by="Ann", reason="Ours.")
    bundle = run_until_sealed(inline, case.bundles.get())
    facts = load_sealed_facts(inline.services, load_sealed_case(inline.services, bundle))
    assert [match.verification.pipeline for match in facts.matches] == [PIPELINE]
    assert [picture.digest for picture in facts.work.pictures] == [Digest.from_bytes(data)]
    assert not verify(inline, bundle, tmp_path).failures


def test_uploaded_picture_that_does_not_match_the_fingerprints_yields_no_evidence(inline: SyncRunner) -> None:
    """State vectors of one image for the digest of another. The file that arrives shows something else."""
    studio, own_picture, other = owner("studio"), photograph(1), photograph(2)
    false_statement = state_picture(other).model_copy(update={"digest": Digest.from_bytes(own_picture).hex})
    work = register_stated_picture(inline.services, studio, false_statement).work
    add_seen_pictures(inline.services, studio, recompress(other))
    register(inline.services, studio, own_picture)
    search_pictures(inline.services, [work.work_pictures.get().pk])
    with pytest.raises(ConflictError):
        decisions.confirm_case(inline.services, studio.cases.get(), by="Ann", reason="Ours.")


def test_registration_entry_marks_picture_as_declared_by_fingerprints(inline: SyncRunner) -> None:
    data = photograph(1)
    work = register_stated_picture(inline.services, owner("studio"), state_picture(data)).work
    content = LogOpening.objects.get(submission=work.registration).content
    assert (content["picture"], content["stated"]) == (Digest.from_bytes(data).hex, True)


def test_identical_bytes_are_reported_for_a_work_registered_by_fingerprints(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated_picture(inline.services, studio, state_picture(data))
    add_seen_pictures(inline.services, studio, data)
    assert studio.cases.get().case_sightings.get().match.reasons == ["prints", "same-bytes"]


def test_edit_entry_marks_picture_as_declared_by_fingerprints(inline: SyncRunner) -> None:
    data = photograph(1)
    work = register_stated_picture(inline.services, owner("studio"), state_picture(data)).work
    edit_work(work, replace(work.declared_work, author="Ann"), by="Ann", reason="Forgotten.", version=0)
    content = LogOpening.objects.get(submission=work.declaration).content
    assert (content["author"], content["picture"], content["stated"]) == ("Ann", Digest.from_bytes(data).hex, True)


def test_public_page_marks_digest_as_declared(inline: SyncRunner, client: Client) -> None:
    data = photograph(1)
    work = register_stated_picture(inline.services, owner("studio"), state_picture(data)).work
    publish_work(inline.services, work, contact="", by="Ann")
    work.refresh_from_db()
    facts = build_public_facts(inline.services.config, work)
    assert facts["identifier"] == [f"sha256:{Digest.from_bytes(data)}"]
    assert facts["exhibit"]["digests_only_stated"] is True
    assert 'data-testid="only-stated"' in client.get(f"/id/{work.public_name}/").content.decode()
    opened_work = publish_work(
        inline.services, register(inline.services, owner("agency"), data).work, contact="", by="Ann"
    )
    assert "digests_only_stated" not in build_public_facts(inline.services.config, opened_work)["exhibit"]


def test_case_facts_contain_the_declared_digest(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated_picture(inline.services, studio, state_picture(data))
    add_seen_pictures(inline.services, studio, recompress(data))
    facts = gather_facts(inline.services, studio.cases.get(), bundle=0, language="en", for_sealing=False).facts
    assert [picture.digest for picture in facts.work.pictures] == [Digest.from_bytes(data)]
    assert [match.work_picture for match in facts.matches] == [Digest.from_bytes(data)]
    assert facts.work.pictures[0].size == len(data)
    report_case = load_case_content(inline.services, studio.cases.get(), "en")
    assert facts.work.pictures[0].file not in [path for path in report_case.pictures if report_case.pictures.get(path)]


@pytest.mark.long
def test_model_measurement_excludes_pictures_declared_by_fingerprints(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    get_descriptors(services).refresh()
    for seed in range(20):
        register_stated_picture(services, studio, state_picture(photograph(seed)))
    with pytest.raises(InvalidRequestError, match="0"):
        measure_model(services, "descriptor@1", None, max_photos=20, progress=lambda *_: None)
