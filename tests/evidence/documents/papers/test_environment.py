"""Test the draft about the machine: what was recorded about it."""

import json
from dataclasses import replace

import pytest

from evidence.documents.papers.rendering import render_paper
from tests.assets.documents_sample import say
from tests.assets.papers_sample import NETWORK, sample_sealed
from tests.assets.pdf_text import text_of
from tests.evidence.documents.papers.test_rendering import paper


def test_the_environment_states_what_the_capture_recorded() -> None:
    text = paper("cn-environment")
    for words in (
        "none used",
        "variables that name one: http_proxy",
        "names none of the hosts that were visited",
        "192.0.2.53",
        "servers' clocks ahead by 0.12 s, within 0.6 s",
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "CN=www.prints-and-more.example",
        "Malware, running processes and the way into the network: not checked",
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
def test_a_record_of_another_form_is_read_as_far_as_it_goes(network: dict[str, object]) -> None:
    text = text_of(render_paper("cn-environment", sample_sealed(json.loads(json.dumps(network))), language="en"))
    assert "not stated" in text


def test_a_bundle_without_a_capture_says_that_nothing_was_checked() -> None:
    text = text_of(render_paper("cn-environment", replace(sample_sealed(), networks=()), language="en"))
    assert say("environment.none") in text


@pytest.mark.long
def test_what_a_paper_leaves_out_is_said_with_the_file_that_holds_it() -> None:
    exchanges = [{**NETWORK["exchanges"][0], "url": f"https://shop.example/{n}"} for n in range(10)]
    case = sample_sealed({**NETWORK, "exchanges": exchanges})
    [record] = case.networks
    text = text_of(render_paper("cn-environment", replace(case, networks=(record,) * 41), language="en"))
    assert f"The first 8 of 10 requests are listed here; the file {record.path} in the bundle holds all." in text
    assert "The first 40 of 41 records are listed here" in text
