"""The licence ledger and the notices in a real browser: a licence tried and saved, a notice read and signed."""

import pytest
from django.urls import reverse

from desk.web.licences import views
from registry.cases import licence_trial
from registry.models import Case, Owner
from registry.notices.notices import draft
from registry.works.licences import NewLicence, keep_licences
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site_browser import PHONE, Site
from workers.cases.decisions import confirm
from workers.steps.matching.match import match_pictures

SENDER = {
    "Name": "Copyright Agent",
    "Who signs": "Ann Example",
    "In what capacity": "Owner",
    "Address": "1 Harbour Road, Kiel",
    "Telephone": "+49 431 0000",
    "E-mail": "ann@example.org",
}


@pytest.fixture
def studio(site: Site) -> Owner:
    """An owner with an open case and a confirmed one."""
    made = owner("studio")
    for seed in (1, 2):
        register(site.services, made, photograph(seed), f"Work {seed}")
    planned, epoch = claimed_slice(made)
    match_pictures(site.services, bring(site.services, planned, epoch, [copy_of(photograph(seed)) for seed in (1, 2)]))
    confirm(site.services, Case.objects.get(number=2), by="Ann", reason="No order.")
    keep_licences(made, [NewLicence("Harbour Prints", domain="other.example", territories=("DE", "AT"))])
    draft(made, (2,), "dmca", "en", by="Ann")
    return made


def test_a_licence_is_tried_and_saved(site: Site, studio: Owner) -> None:
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("new-licence", args=["studio"]))
    page.get_by_label("Who may use the works").fill("The shop")
    page.get_by_label("Domain, with the hosts below it").fill("shop.example")
    page.get_by_role("button", name="Try it against the cases").click()
    assert page.get_by_text("1 open case would be licensed.").is_visible()
    ann.check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Licence 2 is saved.").wait_for()
    site.inline.run_until_idle()
    page.reload()
    assert page.get_by_text("1 case was licensed by it:").is_visible()
    assert Case.objects.get(number=1).decision == "licensed"


def test_a_trial_goes_on_by_itself_until_all_cases_are_looked_at(
    site: Site, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(licence_trial, "CASES_AT_ONCE", 1)
    monkeypatch.setattr(views, "MOMENT", 0)
    ann = site.member(studio)
    page = ann.open(reverse("new-licence", args=["studio"]))
    page.get_by_label("Who may use the works").fill("The shop")
    page.get_by_label("Domain, with the hosts below it").fill("shop.example")
    with page.expect_response(lambda answer: "so far" not in answer.text()):
        page.get_by_role("button", name="Try it against the cases").click()
    page.get_by_text("so far").wait_for(state="detached")
    assert page.get_by_text("1 open case would be licensed.").is_visible()
    ann.check()


def test_a_notice_is_filled_in_read_and_signed(site: Site, studio: Owner) -> None:
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("edit-notice", args=["studio", 1]))
    ann.check()
    for label, text in SENDER.items():
        page.get_by_label(label, exact=True).fill(text)
    for choice in ("To sell or to advertise", "Creative:", "All or nearly all", "in the place of a licence"):
        page.get_by_label(choice).check()
    page.get_by_role("button", name="Keep it and read it").click()
    page.get_by_text("Under penalty of perjury, I state").wait_for()
    ann.check()
    page.get_by_label("I have read it").check()
    page.get_by_label("I state under penalty of perjury").check()
    page.get_by_label("Type the name of the signer").fill("Ann Example")
    page.get_by_role("button", name="Sign", exact=True).click()
    page.get_by_text("Signed. Nothing has been sent yet.").wait_for()
    ann.check()
    page.get_by_role("button", name="I have sent it myself").click()
    page.get_by_label("What", exact=True).select_option("countered")
    page.get_by_role("button", name="Write it down").click()
    page.get_by_text("Its cases are paused").wait_for()
    ann.check()
