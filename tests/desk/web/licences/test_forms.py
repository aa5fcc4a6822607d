"""Test the form fields of a licence, and its way from a trial to being saved."""

from dataclasses import replace
from datetime import date

import pytest
from django.core import signing

from desk.web.licences import forms
from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.cases.licence_trial import NOTHING
from registry.models import Owner, Work
from registry.works.licences import keep_licences
from tests.assets.rows import owner

TYPED = dict.fromkeys(forms.FIELDS, "") | {
    "licensee": "Harbour Prints", "domain": "shop.example", "territories": "DE, AT;FR", "valid_from": "2026-01-31",
}  # fmt: skip


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_fields_become_a_licence_and_a_licence_the_same_fields(studio: Owner) -> None:
    new = forms.from_fields(studio, TYPED)
    assert (new.licensee, new.domain, new.valid_from) == ("Harbour Prints", "shop.example", date(2026, 1, 31))
    assert new.territories == ("AT", "DE", "FR")
    keep_licences(studio, [new])
    assert forms.values_of(studio.licences.get()) == TYPED | {"territories": "AT DE FR"}


def test_a_field_that_is_too_long_is_refused_and_never_cut(studio: Owner) -> None:
    for wrong in ({"reason": "x" * 100_000}, {"works": "1;" * 50_000}, {"valid_from": "yesterday"}):
        with pytest.raises(WrongUseError):
            forms.from_fields(studio, TYPED | wrong)


def test_a_trial_goes_on_with_the_same_words_alone(studio: Owner) -> None:
    mark = forms.tried(studio, TYPED, None)
    assert mark == forms.tried(studio, dict(reversed(TYPED.items())), None)
    other = forms.tried(studio, TYPED | {"domain": "other.example"}, None)
    assert len({mark, other, forms.tried(owner("agency"), TYPED, None)}) == 3
    trial = replace(NOTHING, effects={7: "licensed"})
    sent = forms.on_its_way(trial, mark)
    assert forms.so_far(sent, mark) == trial
    for wrong in ((sent, other), (sent[:-1], mark), ("", mark)):
        assert forms.so_far(*wrong) == NOTHING


def test_licences_of_a_table_come_back_to_their_owner_alone(studio: Owner) -> None:
    new = forms.from_fields(studio, TYPED)
    text = forms.packed(studio, [new])
    assert forms.unpacked(studio, text) == [new]
    for of, wrong in ((owner("agency"), text), (studio, text[:-1])):
        with pytest.raises(signing.BadSignature):
            forms.unpacked(of, wrong)


def test_a_licence_whose_works_are_gone_is_refused_and_doesnt_cover_all(
    studio: Owner,
) -> None:
    works = (Work.objects.create(owner=studio, number=1, title="Harbour", registered_at=now(), opened_at=now()),)
    text = forms.packed(studio, [replace(forms.from_fields(studio, TYPED), works=works)])
    assert len(forms.unpacked(studio, text)[0].works) == 1
    studio.works.all().delete()
    with pytest.raises(signing.BadSignature):
        forms.unpacked(studio, text)
