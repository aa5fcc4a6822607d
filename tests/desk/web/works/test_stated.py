"""Test registering works with a fingerprint file on the site: its report, rejections, and skipping failed rows."""

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from exhibit.digests import Digest
from indexer.picture.features import extract
from indexer.search.fingerprint_file import MAX_FILE_BYTES, StatedFile, StatedPicture
from registry.models import BlockedDigest, BytesState, Membership, Owner, Role, User, Work
from tests.assets.pages import numbers_at, select
from tests.assets.rows import owner, photograph
from tests.assets.site_browser import PHONE, Site, chromium, site, use_services
from workers.tasks.sync_runner import SyncRunner

__all__ = ["chromium", "site"]
UPLOAD_URL = "/o/studio/works/add/fingerprints"


def make_fingerprint_file(*numbers: int) -> bytes:
    """Return a file of fingerprints of photographs, ``N.jpg`` in a folder."""
    datas = {number: photograph(number) for number in numbers}
    works = [StatedPicture.from_features(f"shot/{seed}.jpg", len(data), extract(data)) for seed, data in datas.items()]
    return StatedFile(works=tuple(works)).model_dump_json(exclude_none=True).encode()


def create_member_client(role: Role) -> Client:
    user = User.objects.create_user(f"{role}@example.org", f"{role}@example.org", "not used")
    Membership.objects.create(user=user, owner=Owner.objects.get(), role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ann(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Client:
    use_services(monkeypatch, inline.services)
    owner("studio")
    return create_member_client(Role.REVIEWER)


def upload_fingerprint_file(client: Client, data: bytes, table: bytes = b"") -> str:
    form = {"file": SimpleUploadedFile("works.json", data)}
    form |= {"table": SimpleUploadedFile("works.csv", table)} if table else {}
    return " ".join(client.post(UPLOAD_URL, form).content.decode().replace("&#x27;", "'").split())


@pytest.mark.django_db
def test_works_are_registered_by_fingerprints_despite_rejected_rows(ann: Client) -> None:
    BlockedDigest.objects.create(digest=Digest.from_bytes(photograph(2)), reason="reported")
    table = b"file,title,author\n1.jpg,Harbour,Ann Lee\nshot/3.jpg,Quay,Ann Lee\n9.jpg,Nothing,Ann Lee\n"
    page = upload_fingerprint_file(ann, make_fingerprint_file(1, 2, 3), table)
    assert select(page, "td.url::text").getall() == ["shot/2.jpg"]
    assert "shot/1.jpg" not in page
    assert '<li class="url">9.jpg</li>' in page  # a misspelled table row is reported
    assert '<li class="url">1.jpg</li>' not in page
    assert list(Work.objects.order_by("number").values_list("title", "author")) == [
        ("Harbour", "Ann Lee"),
        ("Quay", "Ann Lee"),
    ]
    assert not Work.objects.exclude(pictures__bytes_state=BytesState.NEVER).exists()
    assert numbers_at(upload_fingerprint_file(ann, make_fingerprint_file(1, 3)), "registered") == ["0", "2"]
    assert Work.objects.count() == 2
    assert "Quay" in ann.get(reverse("works", args=["studio"])).content.decode()


@pytest.mark.django_db
def test_unreadable_file_is_explained_and_registers_nothing(ann: Client) -> None:
    good = json.loads(make_fingerprint_file(1))
    bad = json.dumps({**good, "works": [*good["works"], {**good["works"][0], "whole": "00" * 32}]}).encode()
    for data, message in (
        (b"\xff\xd8 a picture", "Invalid JSON"),
        (bad, "works.1.whole: this hash has too little detail"),
        (json.dumps({**good, "pipeline": "prints-0"}).encode(), "The fingerprints have version prints-0"),
        (b" " * (MAX_FILE_BYTES + 1), "The file exceeds 8,388,608 bytes."),
    ):
        page = upload_fingerprint_file(ann, data)
        assert message in page
        assert 'class="message error" role="alert"' in page
        assert "New: " not in page
    assert select(ann.post(UPLOAD_URL), "[role=alert]")
    text = upload_fingerprint_file(ann, make_fingerprint_file(1), b"file,colour\na,b\n")
    assert "colour" in text
    assert 'name="column"' in text
    assert "New: " not in text
    assert not Work.objects.exists()


@pytest.mark.django_db
def test_viewer_cannot_register_works(ann: Client) -> None:
    viewer = create_member_client(Role.VIEWER)
    assert viewer.get(UPLOAD_URL).status_code == 403
    assert (
        viewer.post(UPLOAD_URL, {"file": SimpleUploadedFile("works.json", make_fingerprint_file(1))}).status_code == 403
    )
    assert not Work.objects.exists()
    del ann


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_page_explains_registration_by_fingerprints(site: Site, tmp_path: Path) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    page = visitor.open(reverse("add-works", args=["studio"]))
    page.locator("summary", has=page.locator("h3")).click()
    visitor.links_to("state-works", "studio").click()
    text = page.get_by_role("main").inner_text()
    for message in (
        "never leave your computer",
        "A person must review every match",
        "Evidence requires the picture",
        "8.0\xa0MB",
    ):
        assert message in text
    visitor.check()
    file = tmp_path / "works.json"
    file.write_bytes(make_fingerprint_file(1))
    page.locator("#file").set_input_files(file)
    page.locator("main form button").last.click()
    page.locator(".message[role=status]").wait_for()
    visitor.check()
