"""Draft papers: they say what was recorded, claim nothing more, and leave to a person what is a person's."""

import io
import json
import re
from dataclasses import replace

import pypdf
import pytest

from desk.cli.watching.case_papers import KINDS
from evidence.documents.papers.rendering import PAPERS, render_paper
from evidence.documents.phrases import load_phrases
from evidence.documents.typeset.fonts import embedded_fonts, installed_fonts
from evidence.facts.case import LANGUAGES
from exhibit.errors import ServiceMissingError, WrongUseError
from tests.assets.papers_sample import NETWORK, sample_sealed
from tests.evidence.documents.phrases.test_wording import FORBIDDEN

FOLLOWS = {"Place", "Date", "Name", "Signature", "Not", "Case", "Executed", "Annex:"}
"""Words that may come after an empty field: the next label, or the footer."""
SHOWN = list(LANGUAGES) if installed_fonts().chinese else ["en"]


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def paper_bytes(kind: str, language: str = "en") -> bytes:
    return render_paper(kind, sample_sealed(), language=language)


def paper(kind: str, language: str = "en") -> str:
    return text_of(paper_bytes(kind, language))


def test_the_command_knows_every_paper() -> None:
    assert set(KINDS) == set(PAPERS)


@pytest.mark.parametrize("language", SHOWN)
@pytest.mark.parametrize("kind", PAPERS)
def test_every_paper_is_a_draft_and_holds_no_forbidden_word(kind: str, language: str) -> None:
    pdf = render_paper(kind, sample_sealed(), language=language)
    text = text_of(pdf)
    assert load_phrases(language).say("paper.draft")[:20].replace(" ", "") in text.replace(" ", "")
    assert not FORBIDDEN.search(text)
    metadata = pypdf.PdfReader(io.BytesIO(pdf)).xmp_metadata
    assert metadata is not None
    assert "<pdfaid:part>3</pdfaid:part>" in metadata.stream.get_data().decode()


@pytest.mark.parametrize("kind", PAPERS)
def test_the_same_case_gives_the_same_bytes(kind: str) -> None:
    assert render_paper(kind, sample_sealed(), language="en") == render_paper(kind, sample_sealed(), language="en")


@pytest.mark.parametrize("kind", PAPERS)
def test_the_sealed_manifest_is_attached(kind: str) -> None:
    case = sample_sealed()
    attached = pypdf.PdfReader(io.BytesIO(render_paper(kind, case, language="en"))).attachments
    assert attached["manifest.json"] == [case.manifest.to_json()]


def test_the_certification_names_system_digests_and_both_forms_of_the_declaration() -> None:
    text = paper("us-902")
    case = sample_sealed()
    squeezed = text.replace(" ", "")
    for file in case.manifest.files:
        assert file.path in squeezed
        assert file.sha256.hex in squeezed
    assert "I declare under penalty of perjury that the foregoing is true and correct" in text
    assert "under the laws of the United States of America" in text
    assert "authenticity only; hearsay, relevance and opinions of experts (Rule 702) stay open" in text
    for rule in ("Rule 902(11)", "Rule 803(6)(A) to (C)", "Rule 902(12)", "Rule 702, as amended on 1 December 2023"):
        assert rule in text
    assert "Executed on (date)" in text
    assert "Annex: the files and their digests" in text.split("Declaration (28 U.S.C. § 1746)")[1]
    assert "2026-11-18 11:46:55 UTC" in text


@pytest.mark.parametrize("kind", PAPERS)
def test_no_name_date_or_place_of_a_signer_is_filled_in(kind: str) -> None:
    text = paper(kind)
    phrases = load_phrases("en")
    for field in ("signature", "date") if kind != "us-902" else ("signature", "executed_at"):
        label = phrases.say(f"field.{field}")
        after = re.findall(rf"{re.escape(label)} (\S+)", text)
        assert [word for word in after if word not in FOLLOWS and not word.isdecimal()] == []
    assert "Jonas Ek" not in text


def test_the_list_numbers_every_item_with_its_source_and_leaves_its_purpose_open() -> None:
    text = paper("cn-evidence-list")
    assert "received by the software from 203.0.113.9" in text
    begins = "Registered|Document of|Log entry of|Picture found|The crawl|Visit|Comparison"
    numbers = re.findall(rf"(\d+) (?:{begins})", text)
    assert numbers[:4] == ["1", "2", "3", "4"]
    assert text.count("to be filled in") >= 8


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
    assert "Not checked: the bundle holds no record of a capture." in text


def test_a_paper_in_a_language_without_a_font_says_what_is_missing() -> None:
    with pytest.raises(ServiceMissingError, match="fonts-noto-cjk"):
        render_paper("cn-evidence-list", sample_sealed(), fonts=embedded_fonts())


def test_an_unknown_paper_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUseError, match="us-902"):
        render_paper("affidavit", sample_sealed())


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("us-902", "us902.declaration"),
        ("cn-evidence-list", "cnlist.sign"),
        ("cn-environment", "environment.sign"),
        ("personal-data", "privacy.sign"),
    ],
)
def test_what_is_signed_stands_on_the_page_of_the_signature(kind: str, heading: str) -> None:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper_bytes(kind))).pages]
    signed = next(page for page in pages if "Signature" in page)
    assert load_phrases("en").say(heading) in signed


def test_the_certification_says_of_crawls_and_captures_what_each_of_them_does() -> None:
    text = paper("us-902")
    assert "A crawl does not check certificates." in text
    assert "bytes of other pictures are removed after a time that the operator sets" in text
    assert "Example Time Authority" in text  # the witnesses stand in the paper itself
    silent = text_of(render_paper("us-902", replace(sample_sealed(), witnesses=()), language="en"))
    assert "Not checked: no witness had answered when this document was made" in silent


def test_the_list_counts_each_outside_witness_that_has_answered_once_and_trials_apart() -> None:
    case = sample_sealed()
    outside, trial, pending = case.witnesses
    twice = replace(case, witnesses=(outside, replace(outside, subject="checkpoint"), trial, pending))
    text = text_of(render_paper("cn-evidence-list", twice, language="en"))
    assert "outside witnesses that have answered in full: 1; witnesses for development, without legal weight: 1" in text


@pytest.mark.parametrize("kind", PAPERS)
def test_every_paper_warns_of_witnesses_for_development_and_of_the_demonstration_switch(kind: str) -> None:
    assert "its time binds nobody" in paper(kind)
    assert "No person examined this case" not in paper(kind)
    case = sample_sealed()
    shown = replace(case, facts=replace(case.facts, decision=replace(case.facts.decision, demonstration=True)))
    assert "No person examined this case" in text_of(render_paper(kind, shown, language="en"))


def test_what_a_paper_leaves_out_is_said_with_the_file_that_holds_it() -> None:
    exchanges = [{**NETWORK["exchanges"][0], "url": f"https://shop.example/{n}"} for n in range(10)]
    case = sample_sealed({**NETWORK, "exchanges": exchanges})
    [record] = case.networks
    text = text_of(render_paper("cn-environment", replace(case, networks=(record,) * 41), language="en"))
    assert f"The first 8 of 10 requests are listed here; the file {record.path} in the bundle holds all." in text
    assert "The first 40 of 41 records are listed here" in text


def test_the_list_shows_addresses_whole_and_names_no_attached_data_for_what_it_cuts() -> None:
    case = sample_sealed()
    [sighting] = case.facts.sightings
    address = "https://shop.example/" + "a-long-way/" * 30 + "end"
    work = replace(case.facts.work, title="Long " * 100)
    facts = replace(case.facts, work=work, sightings=(replace(sighting, page_url=address),))
    text = text_of(render_paper("cn-evidence-list", replace(case, facts=facts), language="en"))
    assert address in text.replace(" ", "")
    assert "more characters in the bundle)" in text
    assert "attached data" not in text
