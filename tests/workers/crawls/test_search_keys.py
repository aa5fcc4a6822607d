"""Owners' keys for searches: encrypted, for one owner and one search, and never what can't be one."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from registry.crawls import inquiries, watching
from registry.models import Owner, SearchKey
from tests.assets.rows import owner
from tests.assets.searches import KEY
from workers.crawls.search_keys import consent, keep_key, key_of, lacking
from workers.crawls.search_services import service_of
from workers.evidence.keys import change_master_key
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_a_key_opens_for_its_owner_and_search_alone_and_after_a_new_master_key(
    inline: SyncRunner, studio: Owner
) -> None:
    keep_key(inline.services, studio, "tineye", KEY, by="Ann")
    other = owner("other")
    SearchKey.objects.create(
        owner=other, service="tineye", encrypted=SearchKey.objects.get().encrypted, added_by="", added_at=now()
    )
    assert key_of(inline.services, other, "tineye") is None
    change_master_key(inline.services, by="Ann", reason="yearly")
    assert key_of(inline.services, studio, "tineye") == KEY
    inquiries.drop_key(studio, "tineye", by="Ann")
    assert key_of(inline.services, studio, "tineye") is None


def test_a_key_of_two_parts_needs_both_and_what_is_missing_is_told_in_turn(inline: SyncRunner, studio: Owner) -> None:
    services, ebay = inline.services, service_of(inline.services.config, "ebay-images")
    assert lacking(services, studio, "ebay-images", ebay) == "no-key"
    for text in ("the-id", "the-id:", ":secret"):
        with pytest.raises(WrongUseError, match="id:secret"):
            keep_key(services, studio, "ebay-images", text, by="Ann")
    keep_key(services, studio, "ebay-images", "the-id:secret", by="Ann")
    assert lacking(services, studio, "ebay-images", ebay) == "no-consent"
    consent(services, studio, "ebay-images", by="Ann")
    assert lacking(services, studio, "ebay-images", ebay) == ""
    assert lacking(services, owner("other"), "ebay-images", ebay) == "no-key"
    with pytest.raises(WrongUseError, match="sent no pictures"):
        consent(services, studio, "ebay", by="Ann")
    with pytest.raises(NotFoundError):
        consent(services, studio, "nothing", by="Ann")


def test_what_a_key_names_isnt_mixed_with_what_anybody_may_see(inline: SyncRunner, studio: Owner) -> None:
    mixed = [("search", "tineye"), ("site", "https://shop.example/")]
    with pytest.raises(WrongUseError):
        watching.add_watch(studio, "mixed", mixed, every=timedelta(days=1), budget={}, politeness={})
    with pytest.raises(NotFoundError):
        keep_key(inline.services, studio, "nothing", KEY, by="Ann")
    for text in ("", "two\nlines", "é"):
        with pytest.raises(WrongUseError):
            keep_key(inline.services, studio, "tineye", text, by="Ann")
