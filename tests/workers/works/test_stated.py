"""A work whose picture stays with its owner: found by what was stated of it, and mixed with nothing measured."""

from dataclasses import replace

import numpy as np
import pytest
from django.utils import timezone

from exhibit.digests import Digest
from exhibit.errors import ConflictError, RefusedError
from exhibit.types import Decision, DeclaredWork
from indexer.picture.features import extract
from indexer.picture.spaces import PIPELINE
from indexer.search.prints import PRINTS, StatedPicture
from registry.models import BlockedDigest, BytesState, Case, FingerprintRow, LogOpening, Match, Owner, Picture
from registry.vectors import fingerprints as vectors
from registry.vectors.descriptors import members
from registry.vectors.fingerprints import Collection
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.cases import decisions
from workers.matching import prints
from workers.matching.votes_upkeep import unmeasured
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.steps.matching.search import search_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works.registration import remove_work, room_left
from workers.works.stated import LEAST, register_stated

pytestmark = pytest.mark.django_db


def told(data: bytes, name: str = "harbour.jpg") -> StatedPicture:
    """What the owner's machine tells of a picture."""
    return StatedPicture.of(name, len(data), extract(data))


def seen(services: Services, of: Owner, *pictures: bytes, name: str = "watch") -> list[int]:
    """Let a crawl see pictures, and match them."""
    planned, epoch = claimed_slice(of, name)
    rows = bring(services, planned, epoch, list(pictures))
    match_pictures(services, rows)
    return rows


def test_a_copy_that_comes_later_goes_to_review_and_nothing_is_stated_of_its_likelihood(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    work = register_stated(inline.services, studio, told(data)).work
    seen(inline.services, studio, copy_of(data), photograph(2))
    case = studio.cases.get()
    assert (case.work, case.decision) == (work, Case.Decision.OPEN)
    match = case.case_sightings.get().match
    assert (match.decision, match.pipeline, match.probability, match.transform) == ("review", PRINTS, None, None)
    assert match.reasons == ["prints"]
    assert match.hamming <= prints.HASH_WITHIN
    assert not case.captures.exists()  # nobody visits a place for what a person has to look at first


def test_a_copy_that_was_seen_before_is_found_mirrored_too(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    seen(inline.services, studio, copy_of(data), photograph(2))
    assert not studio.cases.exists()
    work = register_stated(inline.services, studio, told(data)).work
    search_pictures(inline.services, [work.work_pictures.get().pk])
    assert studio.cases.get().case_sightings.get().match.registered == work.pictures.get()
    assert work.work_pictures.get().state == "done"
