"""Test declared fingerprints: a limit of matches, no matches of flat images, and found copies for the image's owner."""

from dataclasses import replace
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from indexer.picture.features import extract
from registry.cases import found_pictures
from registry.fingerprints.descriptors import find_members
from registry.fingerprints.fingerprints import Collection
from registry.matches import declared_fingerprints
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import Match, Picture, PictureReport
from registry.works.fingerprint_registration import register_stated_picture
from tests.assets.rows import encode_jpeg, owner, photograph, recompress
from tests.registry.works.test_fingerprint_registration import add_seen_pictures, state_picture
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


@pytest.mark.long
def test_declared_fingerprints_with_too_many_matches_are_no_longer_matched(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test a limit of two matches: a third crawled copy stops matching for the work."""
    monkeypatch.setattr(declared_fingerprints, "MAX_MATCHES", 2)
    studio, data = owner("studio"), photograph(1)
    work = register_stated_picture(inline.services, studio, state_picture(data)).work
    copies = [recompress(data), recompress(recompress(data)), data]
    for number, copy in enumerate(copies):
        add_seen_pictures(inline.services, studio, copy, name=f"watch{number}")
    stand_in = work.pictures.get()
    assert Match.objects.filter(registered=stand_in).count() == 2
    assert find_members(Collection.PRINTS, [stand_in.pk]) == []
    assert work.work_pictures.get().progress["stopped"] == 2
    later = register_stated_picture(
        inline.services, studio, state_picture(copies[1])
    ).work  # the same, for past sightings
    search_pictures(inline.services, [later.work_pictures.get().pk])
    assert not Match.objects.filter(registered=later.pictures.get()).exists()
    assert later.work_pictures.get().progress["stopped"] == 2


def test_picture_matched_again_is_not_counted_twice(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared_fingerprints, "MAX_MATCHES", 1)
    studio, data = owner("studio"), photograph(1)
    work = register_stated_picture(inline.services, studio, state_picture(data)).work
    (row,) = add_seen_pictures(inline.services, studio, recompress(data))
    Picture.objects.filter(pk=row).update(searched="", state="queued")
    match_pictures(inline.services, [row])
    assert find_members(Collection.PRINTS, [work.pictures.get().pk]) != []


def test_flat_or_tiny_picture_does_not_match_declared_fingerprints(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated_picture(inline.services, studio, state_picture(data))
    copy = recompress(data)
    plain = replace(extract(copy), lazy_low_information=type("", (), {"value": ("flat",)})())
    row = Picture.objects.create(digest=Digest.from_bytes(copy), size=1, first_seen=timezone.now())
    icon = extract(encode_jpeg(Image.open(BytesIO(copy)).resize((40, 30))))
    assert declared_fingerprints.match_declared_fingerprints(inline.services, [(row, extract(copy))])
    assert not declared_fingerprints.match_declared_fingerprints(inline.services, [(row, plain)])
    assert not declared_fingerprints.match_declared_fingerprints(inline.services, [(row, icon)])


def test_reported_pictures_are_excluded_from_found_copies(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated_picture(inline.services, studio, state_picture(data))
    copies = [recompress(data), recompress(recompress(data))]
    add_seen_pictures(inline.services, studio, *copies)
    case = studio.cases.get()
    assert sorted(
        found_pictures.load_found_pictures(inline.services, case, Digest.from_bytes(data)).values()
    ) == sorted(copies)
    with pytest.raises(InvalidRequestError, match="was declared for work 1"):
        found_pictures.load_found_pictures(inline.services, case, Digest.from_bytes(copies[0]))
    monkeypatch.setattr(found_pictures, "MAX_LOADED_PICTURES", 1)
    assert len(found_pictures.load_found_pictures(inline.services, case, Digest.from_bytes(data))) == 1
    monkeypatch.undo()
    first = Picture.objects.get(digest=Digest.from_bytes(copies[0]))
    PictureReport.objects.create(owner=studio, picture=first, case=case, reported_at=timezone.now())
    assert list(found_pictures.load_found_pictures(inline.services, case, Digest.from_bytes(data)).values()) == [
        copies[1]
    ]
