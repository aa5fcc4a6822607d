"""Test the draft document on the capture environment."""

import json
from dataclasses import replace

import pytest

from evidence.documents.drafts.rendering import render_draft_pdf
from tests.assets.documents_sample import part, phrase
from tests.assets.pdf_text import text_of
from tests.assets.sealed_sample import NETWORK, sealed_sample
from tests.evidence.documents.drafts.test_rendering import document_text


def test_environment_states_recorded_values() -> None:
    text = document_text("cn-environment")
    for words in (
        "none used",
        phrase("environment.proxy_variables", names="http_proxy"),
        part("environment.hosts_clean"),
        "192.0.2.53",
        phrase("environment.clock_value", offset="0.12", uncertainty="0.6"),
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "CN=www.prints-and-more.example",
        part("environment.not_checked_malware"),
    ):
        assert words in text, words


@pytest.mark.parametrize(
    "network",
    [
        {},
        dict.fromkeys(NETWORK),
        {name: [1, "x", {"a": []}] for name in NETWORK},
        {"exchanges": [{"sent": "yesterday", "tls": {"chain": ["x"]}, "peer": 3}], "proxy": {"used": "maybe"}},
    ],
)
def test_malformed_network_record_is_read_partially(network: dict[str, object]) -> None:
    text = text_of(render_draft_pdf("cn-environment", sealed_sample(json.loads(json.dumps(network))), language="en"))
    assert "not stated" in text


def test_environment_of_bundle_without_capture_states_that_none_was_made() -> None:
    text = text_of(render_draft_pdf("cn-environment", replace(sealed_sample(), networks=()), language="en"))
    assert phrase("environment.none") in text


@pytest.mark.long
def test_omitted_rows_are_counted_with_their_file() -> None:
    exchanges = [{**NETWORK["exchanges"][0], "url": f"https://shop.example/{n}"} for n in range(10)]
    case = sealed_sample({**NETWORK, "exchanges": exchanges})
    [record] = case.networks
    text = text_of(render_draft_pdf("cn-environment", replace(case, networks=(record,) * 41), language="en"))
    assert phrase("environment.more_exchanges", shown="8", all="10", path=record.path) in text
    assert phrase("environment.more_records", shown="40", all="41", path=record.path) in text
