"""Test that an owner's published copies are recognised by their bytes, and by invisible marks."""

import io

import pytest
from PIL import Image, ImageChops, ImageCms, ImageEnhance, ImageOps, ImageStat

from desk.schemas.works import Identification
from exhibit.clock import now
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.matches.find_owner import find_owners
from registry.matches.identify import identify_picture
from registry.models import DocumentKey, LogOpening, Owner, Work
from registry.works.exporting import ExportOptions, export_pictures
from registry.works.public_works import publish_work
from registry.works.published_copies import PublishedCopy
from tests.assets.module_scene import inline, stage
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
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


def make_copy(inline: SyncRunner, work: Work, **options: str | bool) -> bytes:
    ((_name, data),) = export_pictures(inline.services, work, ExportOptions(**options), by="Ann")  # type: ignore[arg-type]
    return data


def lookup_copy(inline: SyncRunner, rights_holder: Owner, data: bytes) -> tuple[int, list[str]]:
    answer = identify_picture(inline.services, rights_holder, data)
    return answer.marks, [copy.recipient for copy in answer.copies]


def open_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.long
def test_marked_copy_is_traced_to_its_recipient(inline: SyncRunner, work: Work) -> None:
    marked_picture = open_image(make_copy(inline, work, recipient=HERON))
    make_copy(inline, work, recipient=WREN)
    smaller = marked_picture.resize((marked_picture.width * 2 // 3, marked_picture.height * 2 // 3))
    cut = marked_picture.crop(
        (
            marked_picture.width // 6,
            marked_picture.height // 6,
            marked_picture.width * 5 // 6,
            marked_picture.height * 5 // 6,
        )
    )
    lighter = ImageEnhance.Contrast(ImageEnhance.Brightness(marked_picture).enhance(1.15)).enhance(1.2)
    barred_picture = marked_picture.copy()
    barred_picture.paste(
        (250, 250, 250), (0, marked_picture.height * 4 // 5, marked_picture.width, marked_picture.height)
    )
    for picture in (
        marked_picture,
        smaller,
        cut,
        lighter,
        barred_picture,
        ImageOps.mirror(marked_picture),
        ImageOps.grayscale(marked_picture),
    ):
        assert lookup_copy(inline, work.owner, encode_jpeg(picture.convert("RGB"))) == (2, [HERON])


@pytest.mark.long
def test_unmarked_copy_has_no_recipient(inline: SyncRunner, work: Work) -> None:
    assert lookup_copy(inline, work.owner, recompress(photograph(1))) == (0, [])
    before = make_copy(inline, work)
    make_copy(inline, work, recipient=HERON)
    for picture in (
        photograph(1),
        recompress(photograph(1)),
        before,
        encode_jpeg(open_image(before).resize((200, 150))),
    ):
        assert lookup_copy(inline, work.owner, picture) == (1, [])
    assert lookup_copy(inline, work.owner, photograph(50)) == (0, [])


@pytest.mark.long
def test_all_invisible_marks_are_listed_by_certainty(inline: SyncRunner, work: Work) -> None:
    first, second = (open_image(make_copy(inline, work, recipient=name)) for name in (HERON, WREN))
    answer = identify_picture(inline.services, work.owner, encode_jpeg(Image.blend(first, second, 0.5)))
    assert {copy.recipient for copy in answer.copies} == {HERON, WREN}
    assert [copy.chance for copy in answer.copies] == sorted(copy.chance for copy in answer.copies)
    assert 0 < answer.copies[1].chance < 1e-6
    make_copy(inline, work, recipient="Owl Prints")
    second_result = identify_picture(inline.services, work.owner, encode_jpeg(Image.blend(first, second, 0.5)))
    assert second_result.copies[0].chance / answer.copies[0].chance == pytest.approx(1.5)  # one more seed was tested


def test_recipient_is_not_disclosed_to_other_owners(inline: SyncRunner, work: Work) -> None:
    data = make_copy(inline, work, recipient=HERON)
    assert lookup_copy(inline, Owner.objects.get(slug="rival"), data) == (0, [])
    publish_work(inline.services, work, contact="", by="Ann")
    answer = find_owners(inline.services, data)
    assert [claim.work for claim in answer.claims] == [work]
    assert HERON not in repr(answer)


def test_marked_copy_keeps_its_colour_profile_and_appearance(inline: SyncRunner) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for seed, file_format in ((2, "PNG"), (3, "JPEG")):
        out = io.BytesIO()
        open_image(photograph(seed)).save(out, file_format, icc_profile=profile)
        row = register(inline.services, Owner.objects.get(slug="studio"), out.getvalue()).work
        with Image.open(io.BytesIO(make_copy(inline, row, recipient=HERON))) as copy:
            assert (copy.format, copy.info["icc_profile"]) == (file_format, profile)
            apart = ImageChops.difference(copy.convert("RGB"), open_image(out.getvalue())).convert("L")
            assert ImageStat.Stat(apart).mean[0] < 4
    out = io.BytesIO()
    open_image(photograph(4)).convert("L").save(out, "JPEG", icc_profile=profile)
    row = register(inline.services, Owner.objects.get(slug="studio"), out.getvalue()).work
    with Image.open(io.BytesIO(make_copy(inline, row, recipient=HERON))) as copy:
        assert "icc_profile" not in copy.info  # it describes the grey levels, not the copy's colours


def test_marked_copy_is_logged_with_recipient_and_seed(inline: SyncRunner, work: Work) -> None:
    make_copy(inline, work, recipient=HERON)
    details = LogOpening.objects.get(content__what="copy marked").details
    assert details is not None
    assert (details["by"], details["for"], details["work"], len(bytes.fromhex(details["seed"]))) == (
        "Ann",
        HERON,
        1,
        32,
    )
    assert HERON not in str(LogOpening.objects.get(content__what="copy marked").content)


def test_invisible_marks_are_not_searched_without_the_registered_bytes(inline: SyncRunner, work: Work) -> None:
    data = make_copy(inline, work, recipient=HERON)
    inline.services.blobs.remove(work.work_pictures.get().picture.digest)
    assert lookup_copy(inline, work.owner, data) == (0, [])


@pytest.mark.long
def test_signed_copy_is_identified_by_its_bytes_key_and_log_entry(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    data = make_copy(inline, work, signed=True, recipient=HERON)
    signed, marked = identify_picture(inline.services, work.owner, data).copies
    key = DocumentKey.objects.get()
    assert (signed.work, signed.key, signed.revoked) == (1, bytes(key.public_key).hex(), False)
    assert (marked.recipient, marked.key) == (HERON, "")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    DocumentKey.objects.update(revoked_at=now())
    answer = identify_picture(inline.services, work.owner, data)
    assert answer.copies[0].revoked
    published_copy = Identification.from_row(answer).published_copies[0]
    assert published_copy.entry is not None
    assert published_copy.checkpoint is not None
    assert published_copy.checkpoint > published_copy.entry
    assert [copy.key for copy in identify_picture(inline.services, work.owner, data + b"\0").copies] == [""]


def test_log_entries_of_earlier_versions_without_key_are_read(inline: SyncRunner, work: Work) -> None:
    make_copy(inline, work, recipient=HERON)
    row = LogOpening.objects.get(content__what="copy marked")
    assert row.details is not None
    row.content["what"], row.details = "copy signed", {"digest": work.work_pictures.get().picture.digest.hex, "work": 1}
    row.save()
    (copy,) = identify_picture(inline.services, work.owner, photograph(1)).copies
    assert isinstance(copy, PublishedCopy)
    assert (copy.key, copy.revoked) == ("", False)
