import json

import pytest
from hypothesis import given, strategies as st

from crawler.formats.job import Kind, Link
from crawler.formats.lines import (
    Counts,
    EndLine,
    Line,
    PageLine,
    Refusal,
    RefusalLine,
    Signals,
    from_json,
    read_lines,
    to_json,
)
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from exhibit.types import Sighting

WHEN = parse_rfc3339("2026-01-02T03:04:05.678901Z")
SIGHTING = Sighting(
    page_url="http://a/",
    image_url="http://a/i",
    final_url="http://b/i",
    digest=Digest.from_bytes(b"x"),
    size=1,
    media_type="image/png",
    status=200,
    request_headers=(("Accept", "image/*"),),
    response_headers=(("Via", "1"), ("Via", "2")),
    peer="192.0.2.1:80",
    fetched_at=WHEN,
    found_in="img",
    context="words",
)
LINES: list[Line] = [
    PageLine(
        url="http://a",
        final_url="http://a/",
        kind=Kind.PAGE,
        depth=2,
        status=200,
        fetched_at=WHEN,
        title="A “title”\n",
        links=(Link(url="http://a/b", kind=Kind.FEED, depth=3),),
        sightings=(SIGHTING,),
        refusals=(Refusal(url="http://c/", reason="robots", sentence="No."),),
        signals=Signals(tdm_reservation="1", ai=("noai",)),
    ),
    RefusalLine(url="http://a", reason="http-404", sentence="Gone."),
    EndLine(reason="finished", counts=Counts(pages=1, refused={"robots": 2}, seconds=1.5)),
]


@pytest.mark.parametrize("line", LINES)
def test_line_round_trips_through_json(line: Line) -> None:
    text = to_json(line)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert from_json(text) == line


def test_line_starts_with_its_type() -> None:
    assert [json.loads(to_json(line))["type"] for line in LINES] == ["page", "refusal", "end"]
    assert to_json(LINES[0]).startswith(b'{"type":"page",')


@given(st.text(alphabet=st.characters(codec=None)))
def test_line_with_any_text_round_trips(text: str) -> None:
    line = from_json(to_json(RefusalLine(url=text, reason="error", sentence=text)))
    assert isinstance(line, RefusalLine)
    assert line.url == text.encode("utf-8", "replace").decode()


def test_truncated_line_is_skipped() -> None:
    whole, cut = to_json(LINES[1]), to_json(LINES[2])[:-1]
    assert list(read_lines([whole, cut])) == [LINES[1]]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b'{"type":"other"}', b'{"type":"end"}', b'{"type":"refusal","url":"a","reason":"b","sentence":1}'],
)
def test_non_line_input_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        from_json(text)


def test_refusal_message_keeps_its_template_and_rejects_extra_values() -> None:
    sentence = Sentence(
        "%(file)s is damaged at byte %(place)s. Exhibit read the content after the damaged part.",
        file="a.warc",
        place="7",
    )
    line = RefusalLine(url="file:///a.warc", reason="unreadable", sentence=sentence)
    back = from_json(to_json(line))
    assert isinstance(back, RefusalLine)
    assert back == line
    assert isinstance(back.sentence, Sentence)
    assert (back.sentence.template, back.sentence.values) == (sentence.template, sentence.values)
    for bad in ({"text": "%(a)99d", "values": {"a": 1}}, {"text": "Other.", "values": {}}, {"text": "%(a)s"}, [1], "x"):
        plain = json.loads(to_json(line)) | {"said": bad}
        parsed = from_json(json.dumps(plain))
        assert isinstance(parsed, RefusalLine)
        assert (parsed.sentence, type(parsed.sentence)) == (sentence, str)
