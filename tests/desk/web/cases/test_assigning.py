"""Test that cases are assigned by key, by checkbox and without a script, and the queue's filter by assignee."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from exhibit.clock import now
from registry.members import people
from registry.models import Case, Membership, Owner, User
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, use_house
from tests.desk.web.cases.test_queue import cases_of, queue, settled
from workers.tasks.sync_runner import SyncRunner


def member(of: Owner, name: str, role: str = "reviewer") -> User:
    person = User.objects.create_user(name, f"{name}@example.org", "not used")
    Membership.objects.create(user=person, owner=of, role=role)
    return person


@pytest.mark.long
def test_a_key_takes_a_case_and_gives_it_back_and_undo_is_another_key(site: Site) -> None:
    studio = cases_of(site, 2)
    bob = member(studio, "bob")
    ann = queue(site.member(studio, language="zh-CN"))
    page, first = ann.page, ann.page.locator(".item").first
    number = int(first.get_attribute("data-number") or 0)
    page.keyboard.press("a")
    expect(first.locator(".assigned")).to_contain_text("ann@example.org")
    page.keyboard.press("a")
    expect(first.locator(".assigned")).not_to_contain_text("ann@example.org")
    page.keyboard.press("u")
    expect(first.locator(".assigned")).to_contain_text("ann@example.org")
    ann.check()
    queue(ann, f"?for={User.objects.get(email='ann@example.org').pk}")
    expect(page.locator(".item")).to_have_count(1)
    settled(ann, 1)  # of her own cases
    page.keyboard.press("c")
    settled(ann, 0)
    page.keyboard.press("u")
    settled(ann, 1)
    page.keyboard.press("a")  # unassigned again
    settled(ann, 0)
    page.keyboard.press("u")
    settled(ann, 1)
    for box in queue(ann).page.locator(".pick input").all():
        box.check()
    page.locator("#take button:visible").click()
    ann.check()
    page.locator("#to").select_option("bob")
    page.locator("main form button").click()
    expect(page.locator(".assigned strong")).to_have_text(["bob", "bob"])
    assert set(Case.objects.values_list("assigned_to", flat=True)) == {bob.pk}
    ann.check()
    page.locator("#assign .message button").click()
    expect(page.locator(".assigned strong")).to_have_text(["ann@example.org"])
    assert dict(Case.objects.values_list("number", "assigned_to__email"))[number] == "ann@example.org"


@pytest.mark.long
def test_a_case_is_assigned_on_its_own_page_on_a_phone_without_a_script(site: Site) -> None:
    studio = cases_of(site, 1)
    member(studio, "bob")
    ann = site.member(studio, size=PHONE, javascript=False)
    page = ann.open(reverse("case", args=["studio", 1]))
    page.locator("#assigned summary").click()
    page.locator("#to").select_option("bob")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#assigned strong")).to_have_text("bob")
    expect(page.locator("#history")).to_contain_text("Assigned to bob.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#assigned strong")).to_have_text("Unassigned")


@pytest.mark.long
def test_a_queue_offers_only_what_there_is_to_choose_from(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    use_house(monkeypatch, inline.services)
    studio = cases_of(inline, 1)
    ann, client = member(studio, "ann"), Client()
    client.force_login(ann)

    def shown(query: str = "") -> str:
        return client.get(reverse("cases", args=["studio"]) + query).content.decode()

    rare = [f"?state={state}" for state in ("disputed", "asked", "resembles", "look-alikes")]
    alone = shown()
    assert not any(words in alone for words in ('id="assign"', "Assign to me", "?for=", *rare))
    assert rare[0] in shown(rare[0])
    member(studio, "bob")
    assert "Assign to me" in shown()
    assert "?for=" not in shown()
    Case.objects.update(assigned_to=ann, disputed_at=now())
    both = shown()
    assert "?for=" in both
    assert rare[0] in both
    assert rare[1] not in both


def test_nothing_is_assigned_to_strangers_by_viewers_or_of_others(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_house(monkeypatch, inline.services)
    studio = cases_of(inline, 1)
    ann, viewer = member(studio, "ann"), member(studio, "vic", "viewer")
    eve = member(owner("agency"), "eve")
    address = reverse("assign-cases", args=["studio"])
    client = Client()
    client.force_login(ann)
    for form, status in (
        ({"to": eve.pk, "case": 1}, 404), ({"to": ann.pk, "case": 9}, 404), ({"undo": f"1:{eve.pk}:"}, 302),
        ({"to": "nobody"}, 302), ({"undo": "1:x:y"}, 302), ({"assign": f"{ann.pk} <b>"}, 302), ({}, 302),
    ):  # fmt: skip
        assert client.post(address, form).status_code == status, form
    for person, status in ((viewer, 403), (eve, 404)):
        client.force_login(person)
        assert client.post(address, {"to": ann.pk, "case": 1}).status_code == status
    assert Case.objects.get().assigned_to is None


@pytest.mark.long
def test_undo_stays_until_it_is_used_and_who_has_left_is_nobody(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_house(monkeypatch, inline.services)
    studio = cases_of(inline, 2)
    ann, bob = member(studio, "ann"), member(studio, "bob")
    client, address, page = Client(), reverse("assign-cases", args=["studio"]), reverse("cases", args=["studio"])
    client.force_login(ann)
    first, second = Case.objects.order_by("number").values_list("number", flat=True)
    Case.objects.filter(number=first).update(assigned_to=bob)
    Case.objects.filter(number=second).update(assigned_to=ann)
    assert client.post(address, {"to": member(studio, "cat").pk, "case": [first, second]}).status_code == 302
    offered = [client.get(page).context["undo_assigned"] for _twice in range(2)]  # a browser may prefetch
    assert offered[0] == offered[1]
    people.remove_member(studio, bob.pk, by="ann")
    assert client.post(address, {"undo": offered[0]["changes"]}).status_code == 302
    assert list(Case.objects.order_by("number").values_list("assigned_to", flat=True)) == [None, ann.pk]
    assert client.get(page).context["undo_assigned"] == {}
