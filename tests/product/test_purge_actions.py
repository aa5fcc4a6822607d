"""Test what happens to a case when part of its page is reported as illegal, purged or removed: nothing gets stuck.

One page shows copies of two works, the second one embedded in the page. Each cell of the table applies one action to
the second image, then one step to the first one's case: nothing is stuck permanently, nothing illegal is handed out,
and missing files are reported with the reason.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, is_zipfile

import pytest
from pypdf import PdfReader

from evidence.facts.case import AbsenceCode
from evidence.verdict.result import State, Verdict
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from registry.bundles import sealing
from registry.bundles.bundles import load_sealed_case, load_sealed_facts, write_bundle_zip
from registry.bundles.facts import GatheredFacts, gather_facts
from registry.bundles.packages import request_package, request_package_again, stream_package
from registry.cases import recaptures
from registry.cases.decisions import confirm_case, reopen_decided_case
from registry.crawls.planning import remove_watch
from registry.db import steps
from registry.models import Bundle, BytesState, Capture, Case, Owner, Package, Picture, Report, StepState, WithheldFile
from registry.reports.requests import request_report
from registry.retention.expiry import expire_bytes
from registry.retention.picture_reports import dismiss_reports, report_picture
from registry.retention.purge import purge_picture
from registry.works.registration import remove_work
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK, Shop, change_settings, create_watch, find_files_with
from tests.assets.site import Site
from workers.operations.cleanup import remove_leftovers
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

SOUND, UNLAWFUL = recompress(photograph(1)), recompress(photograph(2))
INSIDE = b64encode(UNLAWFUL)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(host="127.0.0.9") as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner, site: Site) -> Shop:
    """Two open cases of one page, both captured; and a third one of another owner about the second image."""
    change_settings(stage, allowed_networks=(LOOPBACK,), anchors=(), languages=("en",), recapture_days=0)
    shop = Shop(site)
    shop.image("/sound.jpg", SOUND)
    shop.serve("/", b'<img src="/sound.jpg"><img src="data:image/jpeg;base64,' + INSIDE + b'">', "text/html")
    studio = owner("studio")
    for seed in (1, 2):
        register(stage.services, studio, photograph(seed), f"Work {seed}")
    create_watch(studio, shop.url())
    stage.run_until_idle()
    assert Case.objects.count() == Capture.objects.filter(state="done", outcome="captured").count() == 2
    return shop


@pytest.fixture(autouse=True)
def page(scene: Shop) -> Iterator[None]:
    original_routes = dict(scene.site.routes)
    yield
    scene.site.routes.clear()
    scene.site.routes.update(original_routes)


@dataclass(frozen=True)
class ActionScene:
    """The scene in one test."""

    inline: SyncRunner
    shop: Shop
    folder: Path

    @property
    def studio(self) -> Owner:
        return Owner.objects.get(slug="studio")

    @property
    def case(self) -> Case:
        return Case.objects.get(owner=self.studio, work__number=1)

    @property
    def unlawful(self) -> Case:
        return Case.objects.get(owner=self.studio, work__number=2)

    def seal(self, case: Case) -> Bundle:
        confirm_case(self.inline.services, case, by="Ann", reason="No licence.")
        self.inline.run_until_idle()
        return self.finish_bundle(case)

    def finish_bundle(self, case: Case) -> Bundle:
        bundle = case.bundles.order_by("-number").first()
        assert bundle is not None
        if bundle.state == StepState.QUEUED:
            Bundle.objects.filter(pk=bundle.pk).update(not_before=None)
            self.inline.run_until_idle()
            bundle.refresh_from_db()
        return bundle

    def verify(self, bundle: Bundle) -> tuple[Verdict, bytes]:
        out = BytesIO()
        write_bundle_zip(self.inline.services, bundle, out)
        path = self.folder / "bundle.zip"
        path.write_bytes(out.getvalue())
        return Verifier().verify(path), out.getvalue()


@pytest.fixture
def world(inline: SyncRunner, scene: Shop, tmp_path: Path) -> ActionScene:
    return ActionScene(inline, scene, tmp_path)


@dataclass(frozen=True)
class Action:
    """An action, and its expected effect on the first work's case."""

    do: Callable[[ActionScene], None]
    why: AbsenceCode | None = None  # why files of the case are left out at sealing; ``None`` if all exist
    illegal: bytes | None = None  # bytes that may no longer be handed out

    visits: int = 1  # of the case's page after sealing: one more if files of the first are gone


def _report_picture(world: ActionScene) -> None:
    report_picture(world.inline.services, world.unlawful, by="Ann", reason="It may not be kept.")
    assert Picture.objects.get(digest=Digest.from_bytes(UNLAWFUL)).bytes_state == BytesState.PURGED


def _report_and_hold(world: ActionScene) -> None:
    """Hold the image for the operator's decision, since another owner has evidence of it; nobody sees it meanwhile."""
    register(world.inline.services, owner("agency"), photograph(2))
    world.inline.run_until_idle()
    report_picture(world.inline.services, world.unlawful, by="Ann", reason="It may not be kept.")
    assert Picture.objects.get(digest=Digest.from_bytes(UNLAWFUL)).bytes_state == BytesState.STORED


def _purge_picture(world: ActionScene) -> None:
    purge_picture(world.inline.services, Digest.from_bytes(UNLAWFUL), by="Olga", reason="An order of a court.")


def _purge_own_picture(world: ActionScene) -> None:
    purge_picture(world.inline.services, Digest.from_bytes(SOUND), by="Olga", reason="An order of a court.")


def _purge_work(world: ActionScene) -> None:
    purge_picture(world.inline.services, Digest.from_bytes(photograph(1)), by="Olga", reason="An order of a court.")


def _remove_work(world: ActionScene) -> None:
    for work in world.studio.works.all():
        remove_work(work, by="Ann")


def _remove_watch(world: ActionScene) -> None:
    remove_watch(world.inline.services, world.studio.watches.get(), by="Ann")


def _expire_files(world: ActionScene) -> None:
    change_settings(world.inline, retention_days=0)
    assert expire_bytes(world.inline.services) == 0
    remove_leftovers(world.inline.services)


def _lose_files(world: ActionScene) -> None:
    exchange = next(file for file in world.case.captures.get().files if file["role"] == "exchange")
    world.inline.services.blobs.remove(Digest.from_hex(exchange["digest"]))


DEEDS = {
    "reported": Action(_report_picture, AbsenceCode.REPORTED, UNLAWFUL, visits=2),
    "reported, and the operator decides": Action(_report_and_hold, AbsenceCode.REPORTED, UNLAWFUL, visits=2),
    "purged": Action(_purge_picture, AbsenceCode.PURGED, UNLAWFUL, visits=2),
    "purged, the case's own picture": Action(_purge_own_picture, AbsenceCode.PURGED, SOUND, visits=2),
    "purged, the work's own picture": Action(_purge_work, AbsenceCode.PURGED, photograph(1)),
    "the works removed": Action(_remove_work),
    "the watch removed": Action(_remove_watch),
    "kept for longer than is set": Action(_expire_files),
    "lost": Action(_lose_files, AbsenceCode.LOST, visits=2),
}


def _seal(world: ActionScene, deed: Action) -> None:
    """Seal: facts, sheet and verdict name what is missing; one more visit was made if useful."""
    deed.do(world)
    expect_sealed(world, deed, world.seal(world.case))


def _retry(world: ActionScene, deed: Action) -> None:
    """Retry a bundle that failed earlier for the missing files, and seal it."""
    confirm_case(world.inline.services, world.case, by="Ann", reason="No licence.")
    Bundle.objects.update(state=StepState.FAILED, error="Its bytes aren't here.")
    deed.do(world)
    steps.retry_failed(Bundle, Bundle.objects.all())
    world.inline.run_until_idle()
    expect_sealed(world, deed, world.finish_bundle(world.case))


def _package(world: ActionScene, deed: Action) -> None:
    """Download earlier bundles as a ZIP for either side, without the removed files, which each bundle lists."""
    world.seal(world.case)
    deed.do(world)
    for recipient in Package.Recipient.values:
        package = request_package(world.studio, [world.case.number], recipient, by="Ann", reason="For the court.")
        world.inline.run_until_idle()
        package.refresh_from_db()
        if deed.why is AbsenceCode.LOST:  # nobody removed them, so no record permits their absence
            assert package.error.endswith(
                "is missing, and no removal is recorded. "
                "Ask the operator to restore the file from a backup, then try again."
            )
            continue
        assert (package.state, package.error) == ("done", "")
        expect_clean(b"".join(stream_package(world.inline.services, package)), deed)


def _report(world: ActionScene, deed: Action) -> None:
    """Generate the report of all cases, whatever was removed."""
    deed.do(world)
    report = request_report(world.studio, preparer="Ann")
    world.inline.run_until_idle()
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")
    for file in report.files:
        expect_clean(world.inline.services.blobs.get(Digest.from_hex(file["digest"])), deed)


def _recapture(world: ActionScene, deed: Action) -> None:
    """Visit again: no forbidden bytes are stored, and everything if nothing is illegal."""
    deed.do(world)
    before = find_files_with(world.inline, deed.illegal) if deed.illegal else []
    recaptures.request_next_visit(world.case.captures.get())
    world.inline.run_until_idle()
    visit = world.case.captures.get(number=2)
    assert (visit.state, visit.outcome) == ("done", "captured")
    is_withheld = deed.illegal is not None and deed.visits == 2
    assert (len(visit.stored_files) < len(visit.files)) is is_withheld
    assert ("contain or show it were not stored" in visit.sentence) is is_withheld
    assert deed.illegal is None or len(find_files_with(world.inline, deed.illegal)) <= len(before)


ACTS = {"seal": _seal, "retry": _retry, "package": _package, "report": _report, "recapture": _recapture}


CAPTURE_FILES = [
    *((deed, "seal") for deed in DEEDS),
    *(
        (deed, act)
        for deed in ("reported, and the operator decides", "purged", "lost")
        for act in ACTS
        if act != "seal"
    ),
]
"""Each action before a seal, and each other step after one action of each kind."""


@pytest.mark.long
@pytest.mark.parametrize(("deed", "act"), CAPTURE_FILES)
def test_every_job_finishes_after_each_purge_action(world: ActionScene, deed: str, act: str) -> None:
    ACTS[act](world, DEEDS[deed])
    stuck = {**Bundle.objects.exclude(state="done").in_bulk(), **Report.objects.exclude(state="done").in_bulk()}
    assert not stuck


def expect_sealed(world: ActionScene, deed: Action, bundle: Bundle) -> None:
    assert (bundle.state, bundle.error) == ("done", "")
    assert world.case.captures.count() == deed.visits
    sealed_files = load_sealed_case(world.inline.services, bundle)
    facts = load_sealed_facts(world.inline.services, sealed_files)
    assert {absence.why for absence in facts.left_out} == ({deed.why} if deed.why else set())
    verdict, data = world.verify(bundle)
    assert not verdict.failures
    assert not verdict.withheld  # a new bundle contains everything that it lists
    expect_clean(data, deed)
    missing = {check.name for check in verdict.checks if check.sentence.startswith("Not in this bundle: ")}
    assert missing == {f"file:{absence.file}" for absence in facts.left_out}
    sheet = next(file for file in sealed_files.manifest.files if file.role == "exhibit-sheet")
    pages = PdfReader(BytesIO(world.inline.services.blobs.get(sheet.sha256))).pages
    text = "".join("".join(page.extract_text().split()) for page in pages)
    for absence in facts.left_out:
        assert absence.file in text
    assert ("notincludedinthisbundle" in text.lower()) is bool(facts.left_out)


def expect_clean(data: bytes, deed: Action) -> None:
    """Verify that the illegal image is nowhere in the data, even inside archives, and that every bundle verifies."""
    if is_zipfile(BytesIO(data)):
        with ZipFile(BytesIO(data)) as archive:
            for name in archive.namelist():
                expect_clean(archive.read(name), deed)
    if deed.illegal:
        assert deed.illegal not in data
        assert b64encode(deed.illegal) not in data


@pytest.mark.long
def test_new_visit_restores_everything_after_page_removes_blocked_picture(world: ActionScene) -> None:
    DEEDS["reported"].do(world)
    world.shop.serve("/", b'<img src="/sound.jpg">', "text/html")
    verdict, _ = world.verify(world.seal(world.case))
    states = {check.name: check.state for check in verdict.checks}
    assert states["capture:01-1"] is State.NOT_CHECKED
    assert states["capture:01-2"] is states["captures"] is State.PASSED


@pytest.mark.long
def test_lost_picture_is_reported_and_restored_picture_is_sealed(world: ActionScene) -> None:
    del world.shop.site.routes["/sound.jpg"]
    world.inline.services.blobs.remove(Digest.from_bytes(SOUND))
    bundle = world.seal(world.case)
    assert (bundle.state, bundle.seal_digest) == ("failed", None)
    assert bundle.error == (
        f"The file of a picture in this case is missing, and no removal is recorded: {Digest.from_bytes(SOUND).hex}. "
        "Restore the missing files from a backup, then run: exhibit api POST /operator/failures/seal/retry"
    )
    world.inline.services.blobs.put(SOUND)
    steps.retry_failed(Bundle, Bundle.objects.all())
    expect_sealed(world, Action(_lose_files, visits=2), world.finish_bundle(world.case))


@pytest.mark.long
def test_lost_picture_still_on_page_returns_with_new_visit(world: ActionScene) -> None:
    world.inline.services.blobs.remove(Digest.from_bytes(SOUND))
    expect_sealed(world, Action(_lose_files, visits=2), world.seal(world.case))


@pytest.mark.long
def test_allowed_pictures_are_in_the_bundle_of_a_new_decision(world: ActionScene) -> None:
    _report_and_hold(world)
    expect_sealed(world, DEEDS["reported, and the operator decides"], world.seal(world.case))
    dismiss_reports(Digest.from_bytes(UNLAWFUL), by="Olga", reason="A portrait.")
    reopen_decided_case(world.case, by="Ann", reason="It may stay.")
    recaptures.request_next_visit(world.case.captures.get(number=2))
    bundle = world.seal(world.case)
    sealed_files = load_sealed_case(world.inline.services, bundle)
    paths = {file.path for file in sealed_files.manifest.files}
    assert {f"data/sightings/01/capture-{number}/exchange.warc" for number in (1, 3)} <= paths
    absences = load_sealed_facts(world.inline.services, sealed_files).left_out
    assert {(absence.why, absence.file.split("/")[3]) for absence in absences} == {(AbsenceCode.NEVER, "capture-2")}


@pytest.mark.long
def test_failed_zip_is_regenerated_with_latest_bundles(world: ActionScene) -> None:
    bundle = world.seal(world.case)
    package = request_package(world.studio, [world.case.number], "court", by="Ann")
    Bundle.objects.filter(pk=bundle.pk).update(seal_digest=None, state=StepState.FAILED, error="Opened again.")
    world.inline.run_until_idle()
    package.refresh_from_db()
    assert package.state == "failed"
    reopen_decided_case(world.case, by="Ann", reason="A mistake.")
    second = world.seal(world.case)
    request_package_again(package, by="Ann")
    world.inline.run_until_idle()
    package.refresh_from_db()
    assert (package.state, [file["bundle"] for file in package.files if "bundle" in file]) == ("done", [second.pk])


@pytest.mark.long
def test_picture_purged_during_sealing_is_not_in_the_bundle(
    world: ActionScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather_and_purge(*arguments: object, **options: object) -> GatheredFacts:
        result = gather_facts(*arguments, **options)  # type: ignore[arg-type]
        if not WithheldFile.objects.exists():
            _purge_picture(world)
        return result

    monkeypatch.setattr(sealing, "gather_facts", gather_and_purge)
    bundle = world.seal(world.case)
    assert (bundle.state, bundle.error) == ("done", "")
    expect_clean(world.verify(bundle)[1], DEEDS["purged"])
