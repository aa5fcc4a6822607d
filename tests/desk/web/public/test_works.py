"""Test works that their owners open to the public."""

import json
import re
from dataclasses import asdict

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from exhibit.entries import EntryType
from exhibit.errors import RefusedError
from exhibit.pictures.iscc import compute_iscc
from registry.models import LogOpening, Work
from registry.works.public_works import build_public_facts, get_public_url, publish_work, unpublish_work
from registry.works.registration import remove_work
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import owner, register
from workers import wiring

__all__ = ["scene"]
CONTACT = "https://studio.example/licences"


@pytest.fixture
def work(scene: Scene) -> Work:
    cache.clear()
    row = Work.objects.filter(removed_at=None).order_by("pk").first()
    assert row is not None
    Work.objects.filter(pk=row.pk).update(title="</script><b>Bridge", author="Ann Example", rights_statement="All mine")
    return row


def read_public_pages(name: str | None) -> tuple[int, int, bytes]:
    page = Client().get(reverse("public-work", args=[name]))
    text = re.sub(rb"\b[A-Za-z0-9]{64}\b", b"", page.content)  # CSRF tokens
    return page.status_code, Client().get(reverse("public-work-facts", args=[name])).status_code, text


def test_works_are_private_by_default_and_public_on_request(work: Work) -> None:
    assert not Work.objects.exclude(opened_at=None).exists()
    row = publish_work(wiring.services(), work, contact=CONTACT, by="Ann")
    data = Client().get(reverse("public-work-facts", args=[row.public_name])).json()
    page = Client().get(reverse("public-work", args=[row.public_name])).content.decode()
    embedded = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1]) == data
    assert "<b>Bridge" not in page
    assert (data["@type"], data["acquireLicensePage"]) == ("ImageObject", CONTACT)
    assert data["copyrightNotice"] == "All mine"
    digest = work.pictures.get().digest
    iscc = compute_iscc(wiring.services().blobs.get(digest), wiring.services().limits)
    assert data["identifier"] == [f"sha256:{digest}", iscc.code]
    assert data["exhibit"]["files"] == [{"sha256": str(digest), "iscc": asdict(iscc)}]
    assert all(unit in page for unit in (iscc.code, iscc.content, iscc.data, iscc.instance))
    assert data["url"] == get_public_url(wiring.services().config, row)


def test_public_page_lists_the_claims_of_other_owners(work: Work) -> None:
    services = wiring.services()
    other = register(services, owner("rival"), services.blobs.get(work.pictures.get().digest)).work
    first = publish_work(services, work, contact="", by="Ann")

    def list_claimants(row: Work) -> list[str]:
        page = Client().get(reverse("public-work", args=[row.public_name])).content.decode()
        facts = Client().get(reverse("public-work-facts", args=[row.public_name])).json()["exhibit"]
        claims = [claim["rights_holder"] for claim in facts.get("other_claims", [])]
        assert all(name in page for name in claims)
        assert ("Other owners also claim this picture" in page) is bool(claims)
        return claims

    assert list_claimants(first) == []  # the other work is not open
    second = publish_work(services, other, contact="", by="Ben")
    assert (list_claimants(first), list_claimants(second)) == ([other.owner.name], [work.owner.name])
    unpublish_work(work, by="Ann")
    assert list_claimants(second) == []


def test_public_work_without_stored_bytes_has_no_iscc(work: Work) -> None:
    services, digest = wiring.services(), work.pictures.get().digest
    data = services.blobs.get(digest)
    services.blobs.remove(digest)
    row = publish_work(services, work, contact="", by="Ann")
    assert build_public_facts(services.config, row)["identifier"] == [f"sha256:{digest}"]
    services.blobs.put(data)
    row = publish_work(services, work, contact="", by="Ann")
    assert build_public_facts(services.config, row)["identifier"][1:] == [compute_iscc(data, services.limits).code]


def test_private_removed_and_unknown_works_return_the_same_response(work: Work) -> None:
    name = publish_work(wiring.services(), work, contact="", by="Ann").public_name
    unknown = read_public_pages("0" * 16)
    assert unknown[:2] == (404, 404)
    unpublish_work(work, by="Ann")
    assert read_public_pages(name)[:2] == (404, 404)
    assert read_public_pages(name)[2].replace(str(name).encode(), b"0" * 16) == unknown[2]
    assert publish_work(wiring.services(), work, contact="", by="Ann").public_name == name
    remove_work(work, by="Ann")
    assert read_public_pages(name)[:2] == (404, 404)
    with pytest.raises(RefusedError):
        publish_work(wiring.services(), work, contact="", by="Ann")


def test_making_a_work_public_and_private_again_is_logged_once_each(work: Work) -> None:
    for _ in range(2):
        publish_work(wiring.services(), work, contact=CONTACT, by="Ann")
    for _ in range(2):
        unpublish_work(work, by="Bob")
    rows = LogOpening.objects.filter(submission__type=EntryType.REGISTRATION, content__has_key="public").order_by("pk")
    assert [row.content["public"] for row in rows] == [True, False]
    assert [(row.details or {}).get("by") for row in rows] == ["Ann", "Bob"]


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "ask me", "https://" + "a" * 300 + ".example"])
def test_invalid_contact_is_rejected(work: Work, contact: str) -> None:
    with pytest.raises(RefusedError):
        publish_work(wiring.services(), work, contact=contact, by="Ann")
    assert Work.objects.get(pk=work.pk).opened_at is None


@pytest.mark.long
def test_public_page_rate_limit_is_reported(work: Work) -> None:
    statuses = [read_public_pages("0" * 16)[0] for _ in range(40)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    cache.clear()
