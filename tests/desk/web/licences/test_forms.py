"""Test the form fields of a licence, and its way from a trial to being saved."""

from dataclasses import replace
from datetime import date

import pytest
from django.core import signing

from desk.web.licences import forms
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.cases.licence_trial import EMPTY_TRIAL
from registry.models import Owner, Work
from registry.works.licences import add_licences
from tests.assets.rows import owner

FORM_VALUES = dict.fromkeys(forms.FIELDS, "") | {
    "licensee": "Harbour Prints", "domain": "shop.example", "territories": "DE, AT;FR", "valid_from": "2026-01-31",
}  # fmt: skip


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_licence_round_trips_through_form_fields(studio: Owner) -> None:
    new = forms.parse_licence(studio, FORM_VALUES)
    assert (new.licensee, new.domain, new.valid_from) == ("Harbour Prints", "shop.example", date(2026, 1, 31))
    assert new.territories == ("AT", "DE", "FR")
    add_licences(studio, [new])
    assert forms.to_fields(studio.licences.get()) == FORM_VALUES | {"territories": "AT DE FR"}


def test_overlong_field_is_rejected_not_truncated(studio: Owner) -> None:
    for value in ({"reason": "x" * 100_000}, {"works": "1;" * 50_000}, {"valid_from": "yesterday"}):
        with pytest.raises(InvalidRequestError):
            forms.parse_licence(studio, FORM_VALUES | value)


def test_licence_test_resumes_only_if_the_licence_text_is_unchanged(studio: Owner) -> None:
    mark = forms.compute_trial_digest(studio, FORM_VALUES, None)
    assert mark == forms.compute_trial_digest(studio, dict(reversed(FORM_VALUES.items())), None)
    other = forms.compute_trial_digest(studio, FORM_VALUES | {"domain": "other.example"}, None)
    assert len({mark, other, forms.compute_trial_digest(owner("agency"), FORM_VALUES, None)}) == 3
    trial = replace(EMPTY_TRIAL, effects={7: "licensed"})
    payload = forms.pack_trial(trial, mark)
    assert forms.unpack_trial(payload, mark) == trial
    for value in ((payload, other), (payload[:-1], mark), ("", mark)):
        assert forms.unpack_trial(*value) == EMPTY_TRIAL


def test_licence_table_is_returned_only_to_its_owner(studio: Owner) -> None:
    new = forms.parse_licence(studio, FORM_VALUES)
    text = forms.pack_licences(studio, [new])
    assert forms.unpack_licences(studio, text) == [new]
    for rights_holder, value in ((owner("agency"), text), (studio, text[:-1])):
        with pytest.raises(signing.BadSignature):
            forms.unpack_licences(rights_holder, value)


def test_licence_for_deleted_works_is_rejected(
    studio: Owner,
) -> None:
    works = (Work.objects.create(owner=studio, number=1, title="Harbour", registered_at=now(), opened_at=now()),)
    text = forms.pack_licences(studio, [replace(forms.parse_licence(studio, FORM_VALUES), works=works)])
    assert len(forms.unpack_licences(studio, text)[0].works) == 1
    studio.works.all().delete()
    with pytest.raises(signing.BadSignature):
        forms.unpack_licences(studio, text)
