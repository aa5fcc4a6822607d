"""Test the proposed addressees of a notice: contacts on the site's pages, copyright contacts first, and platforms."""

from exhibit.clock import now
from registry.models import Capture, FrontierUrl, Owner
from registry.notices.addressees import AddresseeProposal, load_platforms, propose_addressees, to_notice_fields
from tests.assets.notice_drafts import create_draft, read_captured_pages
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_email_addresses_and_contact_pages_are_found_on_site_pages(studio: Owner, inline: SyncRunner) -> None:
    page = (
        b'<a href="mailto:sales@shop.example">a</a> legal&#64;nobody logo@2x.png'
        b'<a href="mailto:dmca%40agency.example?subject=x">b</a> press@elsewhere.example'
    )
    file = {"role": "page", "name": "page.html", "media_type": "text/html", "size": len(page)}
    digest = inline.services.blobs.put(page).hex
    Capture.objects.update(state="done", files=[{**file, "digest": digest}], finished_at=now())
    read_captured_pages(inline)
    crawl = studio.watches.get().crawls.get()
    for number, url in enumerate(
        ("http://shop.example/contact", "http://other.example/contact", "http://shop.example/x")
    ):
        FrontierUrl.objects.create(crawl=crawl, key=bytes([number]) * 16, url=url, host="shop.example", kind="page")
    results = propose_addressees(create_draft(studio))
    assert [(proposal.kind, proposal.email or proposal.url) for proposal in results[:-1]] == [
        ("page", "dmca@agency.example"),
        ("page", "sales@shop.example"),
        ("page", "press@elsewhere.example"),
        ("link", "http://shop.example/contact"),
    ]
    assert results[-1].kind == "office"


def test_addressee_proposal_fills_only_known_fields() -> None:
    proposal = AddresseeProposal("page", "", "a@shop.example", "", "http://shop.example/", None, first_hand=False)
    assert to_notice_fields(proposal) == {
        "addressee_email": "a@shop.example",
        "addressee_source": "http://shop.example/",
    }


def test_every_listed_platform_has_contact_and_source() -> None:
    kinds = {"dmca", "dsa", "prc"}
    for platform in load_platforms():
        assert platform.form or platform.email, platform.name
        assert platform.source.startswith("https://"), platform.name
        assert platform.read <= now().date(), platform.name
        assert set(platform.kinds) <= kinds, platform.name
    domains = [domain for platform in load_platforms() for domain in platform.domains]
    assert domains
