"""What is sealed of a case, from its rows."""

import pytest

from registry.models import Case
from tests.flow.sealed import asked_bundle
from workers.facts import Gathered, gather
from workers.inline import Inline
from workers.steps import seal
from workers.steps.decide import confirm, reopen


def test_a_case_that_is_opened_again_while_it_is_sealed_is_not_sealed_as_confirmed(
    inline: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = asked_bundle(inline)

    def reopened(*args: object, **named: object) -> Gathered:
        gathered = gather(*args, **named)  # type: ignore[arg-type]
        reopen(Case.objects.get(), by="Ann", reason="A mistake.")
        confirm(inline.house, Case.objects.get(), by="Bob", reason="No mistake.")
        return gathered

    monkeypatch.setattr(seal, "gather", reopened)
    seal.seal_bundles(inline.house, [bundle.pk])
    bundle.refresh_from_db()
    assert (bundle.state, bundle.seal_digest, bundle.error) == ("failed", None, seal.OPENED_AGAIN)
    assert bundle.case.bundles.count() == 2
