"""Test printable copies of packages: next to the ZIP, in each language, without withheld files, never blocking it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from evidence.documents.printable_copy.document import PrintableCopy, render_printable_copy
from evidence.documents.typeset.fonts import load_fonts
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, StorageError
from registry.bundles.make_package import make_packages
from registry.bundles.packages import (
    get_package_file_name,
    list_printable_copies,
    list_skipped_languages,
    open_printable_copy,
    request_package,
)
from registry.bundles.sealing import seal_bundles
from registry.db import steps
from registry.models import Bundle, Package, Work
from registry.retention.purge import purge_picture
from registry.works.declarations import attach_document
from tests.assets.module_scene import inline, stage
from tests.assets.pdf_text import reader
from tests.assets.sealed_bundles import create_sealed_bundle, request_bundle
from tests.evidence.formats.test_pdf_content import create_pdf
from tests.evidence.formats.test_pdf_pages import hostile_pdf
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

STEP = "registry.bundles.make_package"
RENDER = "registry.bundles.printable_copies.render_printable_copy"


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """Two sealed bundles of one owner; the first work has two documents, one of them encrypted."""
    row = request_bundle(stage)
    attach_document(stage.services, Work.objects.get(), "deed.pdf", hostile_pdf(), description="Deed", by="Ann")
    attach_document(
        stage.services, Work.objects.get(), "secret.pdf", create_pdf(password="x"), description="Secret", by="Ann"
    )
    seal_bundles(stage.services, [row.pk])
    create_sealed_bundle(stage, row.case.owner, 2)


def add_package(recipient: str = "court") -> Package:
    bundles = Bundle.objects.order_by("pk")
    numbers = [bundle.case.number for bundle in bundles]
    return request_package(bundles[0].case.owner, numbers, recipient, by="Ann", reason="They stay here.")


def generate_package(inline: SyncRunner, package: Package) -> Package:
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    return package


def read_pages(inline: SyncRunner, package: Package, name: str) -> list[str]:
    _, stream = open_printable_copy(inline.services, package, name)
    with stream:
        return [" ".join(page.extract_text().split()) for page in reader(stream.read()).pages]


@pytest.mark.long
def test_printable_copy_contains_documents_of_each_bundle(inline: SyncRunner) -> None:
    package = generate_package(inline, add_package())
    stem = get_package_file_name(package).removesuffix(".zip")
    [file] = list_printable_copies(package)
    assert (file["name"], file["exhibits"]) == (f"{stem}-exhibits.pdf", [1, 2])
    texts = read_pages(inline, package, file["name"])
    full_text = " ".join(texts)
    assert texts[-1].endswith(f"Exhibit 2 · page {len(texts)} of {len(texts)}")
    seals = [bundle.seal_digest.hex for bundle in Bundle.objects.all() if bundle.seal_digest is not None]
    assert len(seals) == 2
    assert [full_text.replace(" ", "").count(seal) for seal in seals] == [1, 1]  # in the list of exhibits
    assert "Page 2 of the contract" in full_text  # from the owner's own PDF
    assert "data/work/documents/02.pdf" in full_text
    contents = next(item for item in package.files if item["name"] == "CONTENTS.txt")
    listing = inline.services.blobs.get(Digest.from_hex(contents["digest"])).decode()
    assert all(item in listing for item in (file["name"], f"{file['size']:,}", file["digest"]))


@pytest.mark.long
def test_opposing_party_copy_contains_no_originals(inline: SyncRunner) -> None:
    package = generate_package(inline, add_package("other-side"))
    [file] = list_printable_copies(package)
    full_text = " ".join(read_pages(inline, package, file["name"]))
    assert "of the contract" not in full_text
    assert "They stay here." in full_text
    assert "-bundle-1-without-originals.zip" in full_text.replace(" ", "")


@pytest.mark.long
@pytest.mark.skipif(not load_fonts().chinese_families, reason="no Chinese font here")
def test_volumes_are_generated_once_in_each_language(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    inline.services.config = replace(inline.services.config, languages=("en", "zh-hans"))
    hints: list[Sequence[int]] = []
    inline.services.enqueue = lambda rows, ids, **_: hints.append(ids)  # noqa: ARG005 - the caller passes it by name
    monkeypatch.setattr("registry.bundles.printable_copies.EXHIBITS_PER_VOLUME", 1)
    package = generate_package(inline, add_package())
    moments = iter(range(0, 10_000, 6))  # a clock that advances six of ten seconds at each call
    monkeypatch.setattr(f"{STEP}.time", SimpleNamespace(monotonic=lambda: float(next(moments))))
    Package.objects.update(state="queued", files=[file for file in package.files if "bundle" in file])
    turns = 0
    while Package.objects.get().state != "done":
        generate_package(inline, package)
        turns += 1
    assert turns > 2
    assert len(hints) == turns - 1
    stem = get_package_file_name(package).removesuffix(".zip")
    assert [file["name"].removeprefix(stem) for file in list_printable_copies(package)] == [
        "-exhibits-volume-01.pdf",
        "-exhibits-volume-02.pdf",
        "-exhibits-volume-01.zh-Hans.pdf",
        "-exhibits-volume-02.zh-Hans.pdf",
    ]
    second = read_pages(inline, package, f"{stem}-exhibits-volume-02.pdf")
    assert re.search(r"2\D+2\D+4\D", second[3])
    assert re.search(r"2\D+2\D+2\D", second[0])


@pytest.mark.long
def test_purge_during_rendering_regenerates_copy_without_picture(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Bundle.objects.order_by("pk")[0].case.work.pictures.get().digest
    rendered = list[bytes]()

    def purge_meanwhile(copy: PrintableCopy, language: str, *, time_zone: str) -> bytes:
        rendered.append(render_printable_copy(copy, language, time_zone=time_zone))
        if len(rendered) == 1:
            purge_picture(inline.services, picture, by="operator", reason="An order.")
        return rendered[-1]

    monkeypatch.setattr(RENDER, purge_meanwhile)
    package = generate_package(inline, add_package())
    assert package.state == "queued"
    assert Digest.from_bytes(rendered[0]) not in inline.services.blobs
    assert generate_package(inline, package).state == "done"
    [file] = list_printable_copies(package)
    full_text = " ".join(read_pages(inline, package, file["name"]))
    assert "An order." in full_text


def test_unrenderable_printable_copy_does_not_fail_package(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise ExhibitError("The document could not be set.")

    monkeypatch.setattr(RENDER, fail)
    package = generate_package(inline, add_package())
    assert (package.state, list_printable_copies(package), package.error) == ("done", [], "")


@pytest.mark.long
def test_package_completes_after_repeated_rendering_crashes(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline.services.config = replace(inline.services.config, languages=("en", "zh-hans"))
    tries = []

    def break_rendering(_copy: PrintableCopy, language: str, **_: object) -> bytes:
        tries.append(language)
        raise RuntimeError

    monkeypatch.setattr(RENDER, break_rendering)
    package = add_package()
    for _turn in range(7):
        try:
            generate_package(inline, package)
        except RuntimeError as error:
            steps.release_after_error(Package, [package.pk], error)
        Package.objects.update(not_before=None)
    package.refresh_from_db()
    assert (package.state, list_printable_copies(package), package.error) == ("done", [], "")
    assert list_skipped_languages(package) == list(dict.fromkeys(tries))
    assert all(tries.count(language) == 2 for language in tries)


@pytest.mark.long
@pytest.mark.skipif(not load_fonts().chinese_families, reason="no Chinese font here")
def test_failed_volume_skips_its_language_and_temporary_error_is_retried(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline.services.config = replace(inline.services.config, languages=("en", "zh-hans"))
    monkeypatch.setattr("registry.bundles.printable_copies.EXHIBITS_PER_VOLUME", 1)
    passing = iter([StorageError("The bucket is not responding.")])

    def fail(copy: PrintableCopy, language: str, *, time_zone: str) -> bytes:
        if language == "zh-Hans" and (error := next(passing, None)):
            raise error
        if (language, copy.volume) == ("en", 2):
            raise ExhibitError("The document could not be set.")
        return render_printable_copy(copy, language, time_zone=time_zone)

    monkeypatch.setattr(RENDER, fail)
    package = generate_package(inline, add_package())
    assert (package.state, package.error) == ("queued", "The bucket is not responding.")
    Package.objects.update(not_before=None)
    package = generate_package(inline, package)
    assert (package.state, list_skipped_languages(package)) == ("done", ["en"])
    assert [(file["language"], file["exhibits"]) for file in list_printable_copies(package)] == [
        ("zh-Hans", [1, 1]),
        ("zh-Hans", [2, 2]),
    ]
