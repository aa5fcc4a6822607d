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
from exhibit.pictures.iscc import iscc_of
from registry.models import LogOpening, Work
from registry.works.opened import close_work, open_work, public_address, public_facts
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


def answers(name: str | None) -> tuple[int, int, bytes]:
    page = Client().get(reverse("public-work", args=[name]))
    text = re.sub(rb"\b[A-Za-z0-9]{64}\b", b"", page.content)  # CSRF tokens
    return page.status_code, Client().get(reverse("public-work-facts", args=[name])).status_code, text


def test_no_work_is_open_by_itself_and_an_opened_one_is_told_to_everybody(work: Work) -> None:
    assert not Work.objects.exclude(opened_at=None).exists()
    row = open_work(wiring.services(), work, contact=CONTACT, by="Ann")
    told = Client().get(reverse("public-work-facts", args=[row.public_name])).json()
    page = Client().get(reverse("public-work", args=[row.public_name])).content.decode()
    embedded = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert embedded is not None
    assert json.loads(embedded[1]) == told
    assert "<b>Bridge" not in page
    assert (told["@type"], told["acquireLicensePage"]) == ("ImageObject", CONTACT)
    assert told["copyrightNotice"] == "All mine"
    digest = work.pictures.get().digest
    iscc = iscc_of(wiring.services().blobs.get(digest), wiring.services().limits)
    assert told["identifier"] == [f"sha256:{digest}", iscc.code]
    assert told["exhibit"]["files"] == [{"sha256": str(digest), "iscc": asdict(iscc)}]
    assert all(unit in page for unit in (iscc.code, iscc.content, iscc.data, iscc.instance))
    assert told["url"] == public_address(wiring.services().config, row)


def test_each_page_of_a_picture_names_everybody_else_who_claims_it_openly(work: Work) -> None:
    services = wiring.services()
    other = register(services, owner("rival"), services.blobs.get(work.pictures.get().digest)).work
    first = open_work(services, work, contact="", by="Ann")

    def named(row: Work) -> list[str]:
        page = Client().get(reverse("public-work", args=[row.public_name])).content.decode()
        told = Client().get(reverse("public-work-facts", args=[row.public_name])).json()["exhibit"]
        claims = [one["rights_holder"] for one in told.get("other_claims", [])]
        assert all(name in page for name in claims)
        assert ("Others claim this picture" in page) is bool(claims)
        return claims

    assert named(first) == []  # the other work is not open
    second = open_work(services, other, contact="", by="Ben")
    assert (named(first), named(second)) == ([other.owner.name], [work.owner.name])
    close_work(work, by="Ann")
    assert named(second) == []


def test_a_file_that_is_gone_has_no_iscc_until_it_is_opened_with_one(work: Work) -> None:
    services, digest = wiring.services(), work.pictures.get().digest
    data = services.blobs.get(digest)
    services.blobs.remove(digest)
    row = open_work(services, work, contact="", by="Ann")
    assert public_facts(services.config, row)["identifier"] == [f"sha256:{digest}"]
    services.blobs.put(data)
    row = open_work(services, work, contact="", by="Ann")
    assert public_facts(services.config, row)["identifier"][1:] == [iscc_of(data, services.limits).code]


def test_closed_removed_and_unknown_works_have_the_same_answer(work: Work) -> None:
    name = open_work(wiring.services(), work, contact="", by="Ann").public_name
    unknown = answers("0" * 16)
    assert unknown[:2] == (404, 404)
    close_work(work, by="Ann")
    assert answers(name)[:2] == (404, 404)
    assert answers(name)[2].replace(str(name).encode(), b"0" * 16) == unknown[2]
    assert open_work(wiring.services(), work, contact="", by="Ann").public_name == name
    remove_work(work, by="Ann")
    assert answers(name)[:2] == (404, 404)
    with pytest.raises(RefusedError):
        open_work(wiring.services(), work, contact="", by="Ann")


def test_opening_and_closing_are_logged_once_each(work: Work) -> None:
    for _ in range(2):
        open_work(wiring.services(), work, contact=CONTACT, by="Ann")
    for _ in range(2):
        close_work(work, by="Bob")
    rows = LogOpening.objects.filter(submission__type=EntryType.REGISTRATION, content__has_key="public").order_by("pk")
    assert [row.content["public"] for row in rows] == [True, False]
    assert [(row.details or {}).get("by") for row in rows] == ["Ann", "Bob"]


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "ask me", "https://" + "a" * 300 + ".example"])
def test_a_contact_that_is_no_address_is_refused(work: Work, contact: str) -> None:
    with pytest.raises(RefusedError):
        open_work(wiring.services(), work, contact=contact, by="Ann")
    assert Work.objects.get(pk=work.pk).opened_at is None


@pytest.mark.long
def test_whoever_asks_too_often_is_told_so(work: Work) -> None:
    statuses = [answers("0" * 16)[0] for _ in range(40)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    cache.clear()
