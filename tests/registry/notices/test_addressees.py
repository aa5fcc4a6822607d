"""Test a notice's possible addressees: addresses on the party's pages, copyright ones first, and the table."""

from exhibit.clock import now
from registry.models import Capture, FrontierUrl, Owner
from registry.notices.addressees import Proposal, addressee_of, platforms, proposals
from tests.assets.noticed import begun, read_captured_pages
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_pages_of_the_party_propose_their_addresses_and_their_contact_pages(studio: Owner, inline: SyncRunner) -> None:
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
    found = proposals(begun(studio))
    assert [(one.kind, one.email or one.url) for one in found[:-1]] == [
        ("page", "dmca@agency.example"),
        ("page", "sales@shop.example"),
        ("page", "press@elsewhere.example"),
        ("link", "http://shop.example/contact"),
    ]
    assert found[-1].kind == "office"


def test_a_proposal_fills_in_what_it_knows_and_empties_nothing() -> None:
    told = Proposal("page", "", "a@shop.example", "", "http://shop.example/", None, first_hand=False)
    assert addressee_of(told) == {"addressee_email": "a@shop.example", "addressee_source": "http://shop.example/"}


def test_every_line_of_the_table_says_where_it_was_read_and_how_the_platform_is_reached() -> None:
    kinds = {"dmca", "dsa", "prc"}
    for one in platforms():
        assert one.form or one.email, one.name
        assert one.source.startswith("https://"), one.name
        assert one.read <= now().date(), one.name
        assert set(one.kinds) <= kinds, one.name
    domains = [domain for one in platforms() for domain in one.domains]
    assert domains
