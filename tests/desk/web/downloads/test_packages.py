"""Test a lawyer's path from a party's name to bundles for a court or the other side."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Locator

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.bundles.make_package import make_packages
from registry.models import Case, LogSubmission, Owner, Package, Role, User
from tests.assets.laid_down import once
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.rows import owner
from tests.assets.sealed import sealed_bundle
from tests.assets.site_browser import PHONE, Site, use_house
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def empty(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner without any data."""
    use_house(monkeypatch, inline.services)
    return _nothing(inline)


def _nothing(inline: SyncRunner) -> Owner:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    return owner("studio")


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with three sealed cases: two of shop.invalid, one of another party."""
    use_house(monkeypatch, inline.services)
    return once(inline, _sealed_thrice)


def _sealed_thrice(inline: SyncRunner) -> Owner:
    made = _nothing(inline)
    for seed in (1, 2, 3):
        sealed_bundle(inline, made, seed)
    Case.objects.filter(number=3).update(party="gallery.example")
    return made


def signed_in(of: Owner, role: str = Role.REVIEWER) -> Client:
    user = User.objects.create_user(f"{role}@example.org", f"{role}@example.org", "not used at all")
    user.memberships.create(owner=of, role=role)
    client = Client()
    client.force_login(user)
    return client


def test_cases_are_found_by_the_name_of_the_party_and_ticked_by_it(empty: Owner) -> None:
    for number, party in enumerate(("shop.invalid", "shop.invalid", "gallery.example"), start=1):
        work = empty.works.create(number=number, title=f"Work {number}", registered_at=now())
        about = {"owner": empty, "work": work, "party": party, "opened_at": now(), "decision": "confirmed"}
        seal = Digest.of(bytes([number]))
        Case.objects.create(number=number, **about).bundles.create(number=1, state="done", seal_digest=seal)
    lawyer, address = signed_in(empty), reverse("bundles", args=["studio"])
    everything = lawyer.get(address).content.decode()
    assert everything.count('name="case"') == 3
    assert " checked>" not in everything
    found = lawyer.get(address, {"q": "SHOP"}).content.decode()
    assert found.count('name="case"') == 2
    assert "gallery.example" not in found
    ticked = lawyer.get(address, {"party": "shop.invalid"}).content.decode()
    assert ticked.count(" checked>") == 2
    assert select(lawyer.get(address, {"q": "nobody"}), "p.empty")
    Case.objects.filter(number=1).update(decision="open")
    assert lawyer.get(address, {"q": "shop"}).content.decode().count('name="case"') == 1


@pytest.mark.parametrize(
    "asked", [{}, {"case": ["x"], "recipient": "court"}, {"case": ["9" * 99], "recipient": "court"}]
)
def test_nothing_chosen_is_said(empty: Owner, asked: dict[str, object]) -> None:
    answer = signed_in(empty).post(reverse("request-package", args=["studio"]), asked, follow=True)
    assert message_levels(answer) == ["error"]
    assert not Package.objects.exists()


@pytest.mark.long
def test_a_zip_is_asked_for_made_taken_and_witnessed_listed_and_removed(studio: Owner, inline: SyncRunner) -> None:
    lawyer, viewer = signed_in(studio), signed_in(studio, Role.VIEWER)
    asked = {"case": ["1", "2"], "recipient": "other-side", "reason": "For the court."}
    answer = lawyer.post(reverse("request-package", args=["studio"]), asked)
    page = reverse("package", args=["studio", 1])
    assert answer.headers["Location"] == page
    waiting = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert "hx-trigger" in waiting
    make_packages(inline.services, [Package.objects.get().pk])
    there = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert "hx-trigger" not in there
    assert "For the court." in lawyer.get(page).content.decode()
    [pdf] = [file["name"] for file in Package.objects.get().files if "exhibits" in file]
    assert pdf in there
    assert not has_test_id(there, "lacks-pdf")
    Package.objects.update(progress={"without": ["zh-Hans"]})
    there = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert has_test_id(there, "lacks-pdf")
    address = reverse("package-pdf", args=["studio", 1, pdf])
    assert lawyer.get(address).getvalue().startswith(b"%PDF")
    assert lawyer.get(reverse("package-pdf", args=["studio", 1, "CONTENTS.txt"])).status_code == 302
    assert signed_in(owner("other"), Role.OWNER).get(address).status_code == 404
    file = lawyer.get(reverse("package-file", args=["studio", 1]))
    data = file.getvalue()
    assert len(data) == int(file.headers["Content-Length"])
    assert "studio-shop.invalid-other-side-2-cases-" in file.headers["Content-Disposition"]
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 3
    taken = LogSubmission.objects.filter(type=EntryType.ACCESS, opening__content__what="package of bundles")
    assert taken.count() == 2

    # a viewer downloads existing files and cannot request others
    assert b"Bundle for the court</button>" not in viewer.get(reverse("bundles", args=["studio"])).content
    assert viewer.get(reverse("package-file", args=["studio", 1])).getvalue()
    for name in ("request-package", "package-again", "remove-package"):
        args: list[object] = ["studio"] if name == "request-package" else ["studio", 1]
        assert viewer.post(reverse(name, args=args), {"case": ["1"], "recipient": "court"}).status_code == 403

    # stored files are listed with their kind until they are removed
    lawyer.post(reverse("request-package", args=["studio"]), {"case": ["3"], "recipient": "court"})
    make_packages(inline.services, [Package.objects.get(number=2).pk])
    listed = lawyer.get(reverse("downloads", args=["studio"])).content.decode()
    assert "gallery.example" in listed
    lawyer.post(reverse("remove-package", args=["studio", 2]))
    assert "gallery.example" not in lawyer.get(reverse("downloads", args=["studio"])).content.decode()
    assert lawyer.get(reverse("package", args=["studio", 2])).status_code == 404


class Clicks:
    """A counter of clicks."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, what: Locator) -> None:
        """Click an element."""
        self.count += 1
        what.first.click()


@pytest.mark.long
def test_a_court_bundle_is_at_most_four_clicks_from_the_partys_name_and_fits_a_phone(
    studio: Owner, site: Site, tmp_path: Path
) -> None:
    ann = site.member(studio)
    page = ann.open(reverse("downloads", args=["studio"]))
    page.locator("input[type=search]").fill("shop")
    page.keyboard.press("Enter")
    clicks = Clicks()
    clicks.on(page.get_by_role("link", name="shop.invalid"))
    page.get_by_role("heading", name="shop.invalid").wait_for()
    ann.check()
    clicks.on(page.locator("button[value=court]"))
    page.locator("progress").wait_for()
    make_packages(site.services, [Package.objects.get().pk])
    file = ann.links_to("package-file", "studio", 1)
    file.wait_for()  # without reloading
    ann.check()
    with page.expect_download() as download:
        clicks.on(file)
    assert zipfile.is_zipfile(download.value.path())
    assert clicks.count <= 4
    sheet = tmp_path / "sheet.pdf"
    page.emulate_media(media="print")
    page.pdf(path=sheet, format="A4")
    text = pypdf.PdfReader(sheet)
    assert len(text.pages) == 1
    assert "Case" in text.pages[0].extract_text()
    seals = [str(one.bundles.get().seal_digest) for one in studio.cases.filter(party="shop.invalid")]
    assert all(seal in "".join(text.pages[0].extract_text().split()) for seal in seals)
    page.emulate_media(media="screen", color_scheme="dark")
    ann.resize(PHONE)
    ann.open(reverse("bundles", args=["studio"]))
    ann.check()
    page.locator("input[name=case][value='3']").check()
    page.locator("button[value=other-side]").click()
    page.locator("progress").wait_for()
    ann.check()


def test_whoever_runs_the_owner_has_a_web_archive_asked_and_is_told_what_that_means(
    empty: Owner, inline: SyncRunner
) -> None:
    page, post = reverse("bundles", args=["studio"]), reverse("web-archive", args=["studio"])
    manager, reviewer = signed_in(empty, Role.OWNER), signed_in(empty)
    assert (
        reverse("web-archive", args=["studio"]) not in manager.get(page).content.decode()
    )  # the operator has set none
    inline.services.config = replace(inline.services.config, web_archive_url="https://web.archive.org")
    assert "web.archive.org" not in reviewer.get(page).content.decode()
    assert reviewer.post(post, {"wanted": "on"}).status_code in (403, 404)
    assert not Owner.objects.get().web_archive
    told = manager.get(page).content.decode()
    assert "https://web.archive.org" in told
    assert 'name="wanted" value="on"' in told
    assert 'name="wanted" value="off"' in manager.post(post, {"wanted": "on"}, follow=True).content.decode()
    assert Owner.objects.get().web_archive
    for _ in range(2):  # a page opened before it was turned off does not turn anything on again
        manager.post(post, {"wanted": "off"})
        assert not Owner.objects.get().web_archive
    owner("other")
    assert manager.post(reverse("web-archive", args=["other"])).status_code == 404
