"""A case that was found, confirmed and sealed, for tests of what comes afterwards."""

from dataclasses import replace

from registry.crawls import crawling
from registry.models import Bundle, Capture, Case, CrawlSlice, Owner
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.cases.decide import confirm
from workers.steps.crawls.slice import opening
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import Inline

WORK = photograph(1)


def asked_bundle(inline: Inline, *found: bytes) -> Bundle:
    """The bundle that was asked for when a case about copies of :data:`WORK` was confirmed: it can be sealed now."""
    inline.house.config = replace(inline.house.config, anchors=(), languages=("en",))
    studio = owner("studio")
    register(inline.house, studio, WORK)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.house, bring(inline.house, planned, epoch, found or [copy_of(WORK)]))
    Capture.objects.update(state="failed")  # nobody answers at this address
    part = CrawlSlice.objects.get()
    assert crawling.finish_slice(part.pk, part.epoch, counts={"reason": "finished"}, suspect=False, opening=opening)
    confirm(inline.house, Case.objects.get(), by="Ann", reason="A copy.")
    return Bundle.objects.get()


def sealed_bundle(inline: Inline, of: Owner | None = None, seed: int = 1) -> Bundle:
    """Register a picture, see a copy on a page that can't be reached any more, confirm the case, and seal it."""
    of = owner("studio") if of is None else of
    data = photograph(seed)
    work = register(inline.house, of, data, f"Work {seed}").work
    planned, epoch = claimed_slice(of, f"watch-{seed}")
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(data)], host="shop.invalid"))
    planned.state = "done"
    planned.save(update_fields=["state"])
    case = of.cases.get(work=work)
    confirm(inline.house, case, by="Ann", reason="A copy of my work.")
    return sealed(inline, case.bundles.get())


def sealed(inline: Inline, bundle: Bundle) -> Bundle:
    """Work until a bundle is sealed."""

    def done() -> bool:
        bundle.refresh_from_db()
        return bundle.seal_digest is not None or bool(bundle.error)

    inline.run_until(done, pause=0.05)
    assert not bundle.error
    return bundle
