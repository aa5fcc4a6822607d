"""A case that was found, confirmed and sealed, for tests of later steps."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from registry.bundles.bundles import write_bundle_zip
from registry.cases.decisions import confirm_case
from registry.crawls import crawling
from registry.crawls.run_slice import build_log_data
from registry.matches.match import match_pictures
from registry.models import Bundle, Capture, Case, CrawlSlice, Owner
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

WORK = photograph(1)


def request_bundle(inline: SyncRunner, *found_pictures: bytes) -> Bundle:
    """Return the bundle requested when a case about copies of :data:`WORK` was confirmed. It is ready to be sealed."""
    return restore_scene(inline, _request_bundle, *found_pictures)


def _request_bundle(inline: SyncRunner, *found_pictures: bytes) -> Bundle:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    studio = owner("studio")
    register(inline.services, studio, WORK)
    planned, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services, record_sightings(inline.services, planned, epoch, found_pictures or [recompress(WORK)])
    )
    Capture.objects.update(state="failed")  # no server runs at this address
    part = CrawlSlice.objects.get()
    assert crawling.finish_slice(
        part.pk, part.epoch, counts={"reason": "finished"}, suspect=False, build_log_data=build_log_data
    )
    confirm_case(inline.services, Case.objects.get(), by="Ann", reason="A copy.")
    return Bundle.objects.get()


def create_sealed_bundle(inline: SyncRunner, case_owner: Owner | None = None, seed: int = 1) -> Bundle:
    """Register an image, record a copy on a page that is no longer reachable, confirm the case, and seal it."""
    return (
        restore_scene(inline, _create_sealed_bundle, seed)
        if case_owner is None
        else _create_sealed_bundle(inline, seed, case_owner)
    )


def _create_sealed_bundle(inline: SyncRunner, seed: int, case_owner: Owner | None = None) -> Bundle:
    case_owner = owner("studio") if case_owner is None else case_owner
    data = photograph(seed)
    work = register(inline.services, case_owner, data, f"Work {seed}").work
    planned, epoch = claim_new_slice(case_owner, f"watch-{seed}")
    match_pictures(
        inline.services, record_sightings(inline.services, planned, epoch, [recompress(data)], host="shop.invalid")
    )
    planned.state = "done"
    planned.save(update_fields=["state"])
    case = case_owner.cases.get(work=work)
    confirm_case(inline.services, case, by="Ann", reason="A copy of my work.")
    return run_until_sealed(inline, case.bundles.get())


def run_until_sealed(inline: SyncRunner, bundle: Bundle) -> Bundle:
    """Run jobs until a bundle is sealed."""

    def done() -> bool:
        bundle.refresh_from_db()
        return bundle.seal_digest is not None or bool(bundle.error)

    inline.run_until(done, pause=0.05)
    assert not bundle.error
    return bundle


def verify(inline: SyncRunner, bundle: Bundle, folder: Path) -> Verdict:
    """Return the verifier's report on a bundle as it would be downloaded now."""
    out = BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    path = folder / "bundle.zip"
    path.write_bytes(out.getvalue())
    return Verifier().verify(path)
