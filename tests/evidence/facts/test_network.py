"""Test that a capture's network record is read by the format that it states."""

import json
from typing import Any

import pytest

from evidence.facts.network import NetworkRecord
from evidence.formats.codec import FormatError, from_plain
from exhibit.clock import now
from tests.assets.bundles import captured_page_files


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    files = captured_page_files(now(), b"the image")
    [data] = [data for name, data in files.items() if name.endswith("network.json")]
    plain: dict[str, Any] = json.loads(data)
    return plain


def test_visit_record_round_trips(record: dict[str, Any]) -> None:
    parsed = from_plain(NetworkRecord, record, location="network.json")
    assert [exchange.url for exchange in parsed.exchanges] == [
        "https://copies.example/",
        "https://copies.example/field.jpg",
    ]
    assert {(exchange.peer.address, exchange.peer.port, exchange.dns_answers) for exchange in parsed.exchanges} == {
        ("203.0.113.9", 443, ("203.0.113.9",))
    }
    [certificate] = parsed.exchanges[0].tls.chain if parsed.exchanges[0].tls else ()
    assert certificate.unreadable
    assert parsed.rendered is None
    assert parsed.proxy.used is False


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"exchanges": [{}]}, "exchanges"),
        ({"clock": None}, "clock"),
        ({"weather": "fine"}, "weather"),
        ({"page_names_image": "yes"}, "page_names_image"),
    ],
)
def test_malformed_record_is_rejected_with_location(record: dict[str, Any], change: dict[str, Any], where: str) -> None:
    with pytest.raises(FormatError, match=where):
        from_plain(NetworkRecord, {**record, **change}, location="network.json")
