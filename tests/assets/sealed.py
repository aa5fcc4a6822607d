"""A case that was found, confirmed and sealed, for tests of later steps."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from registry.bundles.bundles import assemble
from registry.cases.decisions import confirm
from registry.crawls import crawling
from registry.crawls.slice import opening
from registry.matches.match import match_pictures
from registry.models import Bundle, Capture, Case, CrawlSlice, Owner
from tests.assets.laid_down import once
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

WORK = photograph(1)


def asked_bundle(inline: SyncRunner, *found: bytes) -> Bundle:
    """Return the bundle requested when a case about copies of :data:`WORK` was confirmed. It is ready to be sealed."""
    return once(inline, _asked_bundle, *found)


def _asked_bundle(inline: SyncRunner, *found: bytes) -> Bundle:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    studio = owner("studio")
    register(inline.services, studio, WORK)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, found or [copy_of(WORK)]))
    Capture.objects.update(state="failed")  # no server runs at this address
    part = CrawlSlice.objects.get()
    assert crawling.finish_slice(part.pk, part.epoch, counts={"reason": "finished"}, suspect=False, opening=opening)
    confirm(inline.services, Case.objects.get(), by="Ann", reason="A copy.")
    return Bundle.objects.get()


def sealed_bundle(inline: SyncRunner, of: Owner | None = None, seed: int = 1) -> Bundle:
    """Register an image, record a copy on a page that is no longer reachable, confirm the case, and seal it."""
    return once(inline, _sealed_bundle, seed) if of is None else _sealed_bundle(inline, seed, of)


def _sealed_bundle(inline: SyncRunner, seed: int, of: Owner | None = None) -> Bundle:
    of = owner("studio") if of is None else of
    data = photograph(seed)
    work = register(inline.services, of, data, f"Work {seed}").work
    planned, epoch = claimed_slice(of, f"watch-{seed}")
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)], host="shop.invalid"))
    planned.state = "done"
    planned.save(update_fields=["state"])
    case = of.cases.get(work=work)
    confirm(inline.services, case, by="Ann", reason="A copy of my work.")
    return sealed(inline, case.bundles.get())


def sealed(inline: SyncRunner, bundle: Bundle) -> Bundle:
    """Run jobs until a bundle is sealed."""

    def done() -> bool:
        bundle.refresh_from_db()
        return bundle.seal_digest is not None or bool(bundle.error)

    inline.run_until(done, pause=0.05)
    assert not bundle.error
    return bundle


def verified(inline: SyncRunner, bundle: Bundle, folder: Path) -> Verdict:
    """Return the verifier's report on a bundle as it would be downloaded now."""
    out = BytesIO()
    assemble(inline.services, bundle, out)
    path = folder / "bundle.zip"
    path.write_bytes(out.getvalue())
    return Verifier().verify(path)
