"""Test that an owner's published copies are recognised by their bytes, and by invisible marks."""

import io

import pytest
from PIL import Image, ImageChops, ImageCms, ImageEnhance, ImageOps, ImageStat

from desk.schemas.works import Identification
from exhibit.clock import now
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.matches.find_owner import whose
from registry.matches.identify import identify
from registry.models import DocumentKey, LogOpening, Owner, Work
from registry.works.exporting import Wanted, exported
from registry.works.opened import open_work
from registry.works.published_copies import MadeCopy
from tests.assets.rows import copy_of, jpeg, owner, photograph, register
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

HERON, WREN = "Heron Magazine", "Wren Books"


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A studio with a work, of which two copies were marked, and a rival who registered the same image."""
    for name in ("studio", "rival"):
        register(stage.services, owner(name), photograph(1))


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return Work.objects.get(owner__slug="studio")


def copied(inline: SyncRunner, work: Work, **wanted: str | bool) -> bytes:
    ((_name, data),) = exported(inline.services, work, Wanted(**wanted), by="Ann")  # type: ignore[arg-type]
    return data


def told(inline: SyncRunner, of: Owner, data: bytes) -> tuple[int, list[str]]:
    answer = identify(inline.services, of, data)
    return answer.marks, [copy.recipient for copy in answer.copies]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.long
def test_a_copy_of_a_marked_one_is_known_by_whom_it_was_for(inline: SyncRunner, work: Work) -> None:
    given = opened(copied(inline, work, recipient=HERON))
    copied(inline, work, recipient=WREN)
    smaller = given.resize((given.width * 2 // 3, given.height * 2 // 3))
    cut = given.crop((given.width // 6, given.height // 6, given.width * 5 // 6, given.height * 5 // 6))
    lighter = ImageEnhance.Contrast(ImageEnhance.Brightness(given).enhance(1.15)).enhance(1.2)
    with_bar = given.copy()
    with_bar.paste((250, 250, 250), (0, given.height * 4 // 5, given.width, given.height))
    for seen in (given, smaller, cut, lighter, with_bar, ImageOps.mirror(given), ImageOps.grayscale(given)):
        assert told(inline, work.owner, jpeg(seen.convert("RGB"))) == (2, [HERON])


@pytest.mark.long
def test_what_was_made_without_the_mark_carries_none(inline: SyncRunner, work: Work) -> None:
    assert told(inline, work.owner, copy_of(photograph(1))) == (0, [])
    before = copied(inline, work)
    copied(inline, work, recipient=HERON)
    for seen in (photograph(1), copy_of(photograph(1)), before, jpeg(opened(before).resize((200, 150)))):
        assert told(inline, work.owner, seen) == (1, [])
    assert told(inline, work.owner, photograph(50)) == (0, [])


@pytest.mark.long
def test_of_marks_that_one_picture_carries_each_is_told_the_surest_first(inline: SyncRunner, work: Work) -> None:
    first, second = (opened(copied(inline, work, recipient=name)) for name in (HERON, WREN))
    answer = identify(inline.services, work.owner, jpeg(Image.blend(first, second, 0.5)))
    assert {copy.recipient for copy in answer.copies} == {HERON, WREN}
    assert [copy.chance for copy in answer.copies] == sorted(copy.chance for copy in answer.copies)
    assert 0 < answer.copies[1].chance < 1e-6
    copied(inline, work, recipient="Owl Prints")
    again = identify(inline.services, work.owner, jpeg(Image.blend(first, second, 0.5)))
    assert again.copies[0].chance / answer.copies[0].chance == pytest.approx(1.5)  # one more was tried


def test_nobody_else_learns_for_whom_a_copy_was_made(inline: SyncRunner, work: Work) -> None:
    data = copied(inline, work, recipient=HERON)
    assert told(inline, Owner.objects.get(slug="rival"), data) == (0, [])
    open_work(inline.services, work, contact="", by="Ann")
    answer = whose(inline.services, data)
    assert [claim.work for claim in answer.claims] == [work]
    assert HERON not in repr(answer)


def test_a_marked_copy_keeps_its_colours_and_looks_the_same(inline: SyncRunner) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for seed, file_format in ((2, "PNG"), (3, "JPEG")):
        out = io.BytesIO()
        opened(photograph(seed)).save(out, file_format, icc_profile=profile)
        row = register(inline.services, Owner.objects.get(slug="studio"), out.getvalue()).work
        with Image.open(io.BytesIO(copied(inline, row, recipient=HERON))) as copy:
            assert (copy.format, copy.info["icc_profile"]) == (file_format, profile)
            apart = ImageChops.difference(copy.convert("RGB"), opened(out.getvalue())).convert("L")
            assert ImageStat.Stat(apart).mean[0] < 4
    out = io.BytesIO()
    opened(photograph(4)).convert("L").save(out, "JPEG", icc_profile=profile)
    row = register(inline.services, Owner.objects.get(slug="studio"), out.getvalue()).work
    with Image.open(io.BytesIO(copied(inline, row, recipient=HERON))) as copy:
        assert "icc_profile" not in copy.info  # it describes the grey levels, not the copy's colours


def test_the_entry_of_the_log_says_for_whom_and_with_which_seed(inline: SyncRunner, work: Work) -> None:
    copied(inline, work, recipient=HERON)
    said = LogOpening.objects.get(content__what="copy marked").details
    assert said is not None
    assert (said["by"], said["for"], said["work"], len(bytes.fromhex(said["seed"]))) == ("Ann", HERON, 1, 32)
    assert HERON not in str(LogOpening.objects.get(content__what="copy marked").content)


def test_no_mark_is_looked_for_where_the_registered_bytes_are_gone(inline: SyncRunner, work: Work) -> None:
    data = copied(inline, work, recipient=HERON)
    inline.services.blobs.remove(work.work_pictures.get().picture.digest)
    assert told(inline, work.owner, data) == (0, [])


@pytest.mark.long
def test_a_signed_copy_is_known_by_its_bytes_with_the_key_and_the_log(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    data = copied(inline, work, signed=True, recipient=HERON)
    signed, marked = identify(inline.services, work.owner, data).copies
    key = DocumentKey.objects.get()
    assert (signed.work, signed.key, signed.revoked) == (1, bytes(key.public_key).hex(), False)
    assert (marked.recipient, marked.key) == (HERON, "")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    DocumentKey.objects.update(revoked_at=now())
    answer = identify(inline.services, work.owner, data)
    assert answer.copies[0].revoked
    shown = Identification.from_row(answer).published_copies[0]
    assert shown.entry is not None
    assert shown.checkpoint is not None
    assert shown.checkpoint > shown.entry
    assert [copy.key for copy in identify(inline.services, work.owner, data + b"\0").copies] == [""]


def test_entries_from_before_keys_were_named_are_read(inline: SyncRunner, work: Work) -> None:
    copied(inline, work, recipient=HERON)
    row = LogOpening.objects.get(content__what="copy marked")
    assert row.details is not None
    row.content["what"], row.details = "copy signed", {"digest": work.work_pictures.get().picture.digest.hex, "work": 1}
    row.save()
    (copy,) = identify(inline.services, work.owner, photograph(1)).copies
    assert isinstance(copy, MadeCopy)
    assert (copy.key, copy.revoked) == ("", False)
