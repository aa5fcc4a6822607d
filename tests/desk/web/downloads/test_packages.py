"""Test a lawyer's path from a site's name to bundles for a court or the other side."""

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
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.site_browser import PHONE, Site, use_services
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def empty_owner(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner without any data."""
    use_services(monkeypatch, inline.services)
    return _create_empty_owner(inline)


def _create_empty_owner(inline: SyncRunner) -> Owner:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    return owner("studio")


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with three sealed cases: two of shop.invalid, one of another site."""
    use_services(monkeypatch, inline.services)
    return restore_scene(inline, _create_sealed_owner)


def _create_sealed_owner(inline: SyncRunner) -> Owner:
    new_owner = _create_empty_owner(inline)
    for seed in (1, 2, 3):
        create_sealed_bundle(inline, new_owner, seed)
    Case.objects.filter(number=3).update(party="gallery.example")
    return new_owner


def sign_in(rights_holder: Owner, role: str = Role.REVIEWER) -> Client:
    user = User.objects.create_user(f"{role}@example.org", f"{role}@example.org", "not used at all")
    user.memberships.create(owner=rights_holder, role=role)
    client = Client()
    client.force_login(user)
    return client


def test_cases_are_filtered_by_site_name_and_selected(empty_owner: Owner) -> None:
    for number, party in enumerate(("shop.invalid", "shop.invalid", "gallery.example"), start=1):
        work = empty_owner.works.create(number=number, title=f"Work {number}", registered_at=now())
        fields = {"owner": empty_owner, "work": work, "party": party, "opened_at": now(), "decision": "confirmed"}
        seal = Digest.from_bytes(bytes([number]))
        Case.objects.create(number=number, **fields).bundles.create(number=1, state="done", seal_digest=seal)
    lawyer, address = sign_in(empty_owner), reverse("bundles", args=["studio"])
    everything = lawyer.get(address).content.decode()
    assert everything.count('name="case"') == 3
    assert " checked>" not in everything
    page = lawyer.get(address, {"q": "SHOP"}).content.decode()
    assert page.count('name="case"') == 2
    assert "gallery.example" not in page
    ticked = lawyer.get(address, {"party": "shop.invalid"}).content.decode()
    assert ticked.count(" checked>") == 2
    assert select(lawyer.get(address, {"q": "nobody"}), "p.empty")
    Case.objects.filter(number=1).update(decision="open")
    assert lawyer.get(address, {"q": "shop"}).content.decode().count('name="case"') == 1


@pytest.mark.parametrize(
    "form", [{}, {"case": ["x"], "recipient": "court"}, {"case": ["9" * 99], "recipient": "court"}]
)
def test_empty_selection_is_reported(empty_owner: Owner, form: dict[str, object]) -> None:
    response = sign_in(empty_owner).post(reverse("request-package", args=["studio"]), form, follow=True)
    assert message_levels(response) == ["error"]
    assert not Package.objects.exists()


@pytest.mark.long
def test_zip_is_requested_generated_downloaded_listed_and_removed(studio: Owner, inline: SyncRunner) -> None:
    lawyer, viewer = sign_in(studio), sign_in(studio, Role.VIEWER)
    form = {"case": ["1", "2"], "recipient": "other-side", "reason": "For the court."}
    response = lawyer.post(reverse("request-package", args=["studio"]), form)
    page = reverse("package", args=["studio", 1])
    assert response.headers["Location"] == page
    pending_page = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert "hx-trigger" in pending_page
    make_packages(inline.services, [Package.objects.get().pk])
    ready_page = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert "hx-trigger" not in ready_page
    assert "For the court." in lawyer.get(page).content.decode()
    [pdf] = [file["name"] for file in Package.objects.get().files if "exhibits" in file]
    assert pdf in ready_page
    assert not has_test_id(ready_page, "lacks-pdf")
    Package.objects.update(progress={"without": ["zh-Hans"]})
    ready_page = lawyer.get(reverse("package-state", args=["studio", 1])).content.decode()
    assert has_test_id(ready_page, "lacks-pdf")
    address = reverse("package-pdf", args=["studio", 1, pdf])
    assert lawyer.get(address).getvalue().startswith(b"%PDF")
    assert lawyer.get(reverse("package-pdf", args=["studio", 1, "CONTENTS.txt"])).status_code == 302
    assert sign_in(owner("other"), Role.OWNER).get(address).status_code == 404
    file = lawyer.get(reverse("package-file", args=["studio", 1]))
    data = file.getvalue()
    assert len(data) == int(file.headers["Content-Length"])
    assert "studio-shop.invalid-other-side-2-cases-" in file.headers["Content-Disposition"]
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 3
    submissions = LogSubmission.objects.filter(type=EntryType.ACCESS, opening__content__what="package of bundles")
    assert submissions.count() == 2

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

    def click(self, what: Locator) -> None:
        """Click an element."""
        self.count += 1
        what.first.click()


@pytest.mark.long
def test_court_bundle_is_reachable_with_four_clicks_from_a_site_name_on_a_phone(
    studio: Owner, site: Site, tmp_path: Path
) -> None:
    ann = site.member(studio)
    page = ann.open(reverse("downloads", args=["studio"]))
    page.locator("input[type=search]").fill("shop")
    page.keyboard.press("Enter")
    clicks = Clicks()
    clicks.click(page.get_by_role("link", name="shop.invalid"))
    page.get_by_role("heading", name="shop.invalid").wait_for()
    ann.check()
    clicks.click(page.locator("button[value=court]"))
    page.locator("progress").wait_for()
    make_packages(site.services, [Package.objects.get().pk])
    file = ann.links_to("package-file", "studio", 1)
    file.wait_for()  # without reloading
    ann.check()
    with page.expect_download() as download:
        clicks.click(file)
    assert zipfile.is_zipfile(download.value.path())
    assert clicks.count <= 4
    sheet = tmp_path / "sheet.pdf"
    page.emulate_media(media="print")
    page.pdf(path=sheet, format="A4")
    text = pypdf.PdfReader(sheet)
    assert len(text.pages) == 1
    assert "Case" in text.pages[0].extract_text()
    seals = [str(case.bundles.get().seal_digest) for case in studio.cases.filter(party="shop.invalid")]
    assert all(seal in "".join(text.pages[0].extract_text().split()) for seal in seals)
    page.emulate_media(media="screen", color_scheme="dark")
    ann.resize(PHONE)
    ann.open(reverse("bundles", args=["studio"]))
    ann.check()
    page.locator("input[name=case][value='3']").check()
    page.locator("button[value=other-side]").click()
    page.locator("progress").wait_for()
    ann.check()


def test_manager_enables_web_archive_requests_after_reading_an_explanation(
    empty_owner: Owner, inline: SyncRunner
) -> None:
    page, post = reverse("bundles", args=["studio"]), reverse("web-archive", args=["studio"])
    manager, reviewer = sign_in(empty_owner, Role.OWNER), sign_in(empty_owner)
    # The operator has not configured a web archive
    assert reverse("web-archive", args=["studio"]) not in manager.get(page).content.decode()
    inline.services.config = replace(inline.services.config, web_archive_url="https://web.archive.org")
    assert "web.archive.org" not in reviewer.get(page).content.decode()
    assert reviewer.post(post, {"wanted": "on"}).status_code in (403, 404)
    assert not Owner.objects.get().web_archive
    text = manager.get(page).content.decode()
    assert "https://web.archive.org" in text
    assert 'name="wanted" value="on"' in text
    assert 'name="wanted" value="off"' in manager.post(post, {"wanted": "on"}, follow=True).content.decode()
    assert Owner.objects.get().web_archive
    for _ in range(2):  # a page opened before it was turned off does not turn anything on again
        manager.post(post, {"wanted": "off"})
        assert not Owner.objects.get().web_archive
    owner("other")
    assert manager.post(reverse("web-archive", args=["other"])).status_code == 404
