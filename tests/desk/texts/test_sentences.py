"""Sentences of rows and errors in the reader's language, and that the phrases are what the code below the desk says."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.utils import translation

from desk.texts.sentences import PHRASES, in_words
from evidence.capture.browser.loading import SIGNS
from evidence.capture.outcomes import judge
from evidence.capture.visits import WALLS, Step, Visit
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.http import ConnectionFacts
from registry.cases import history
from registry.cases.recaptures import Standing
from registry.models import Case
from tools import messages

BELOW = ("workers", "registry", "crawler", "indexer", "evidence", "exhibit")
REACH_PAGES = (
    "exhibit/network/guard.py",
    "exhibit/pictures/decode.py",
    "exhibit/helper.py",
    "exhibit/pictures/picture_file.py",
    "evidence/capture/visits.py",
    "registry/crawls/watching.py",
    "workers/evidence/bundles.py",
    "workers/cases/decisions.py",
    "workers/cases/reported.py",
    "workers/steps/notify/notice.py",
    "workers/steps/cases/package.py",
    "workers/steps/cases/seal.py",
    "workers/notify/webhooks.py",
)
"""Modules whose plain errors a member of an owner can meet on a page."""

NOT_ON_PAGES = {
    "\0 isn't a network that could be allowed.",
    "Write it like 127.0.0.0/8 or fd00::/8.",
    "\0 has no times of its own.",
    "It runs by itself when a new work resembles pictures whose bytes have expired.",
    "\0 has no case \0.",
    "No member reported that picture, or it was removed.",
    "exhibit doctor lists them.",
    "Case \0 is open, or was decided by somebody else.",
    "Case \0 is \0.",
    "time",
    "The picture is \0×\0; no side may be longer than \0.",
}
"""What only settings or a terminal cause, what a page says in its own words, and what is a phrase by its values."""

_VALUE = "\0"


def shape(node: ast.expr) -> str | None:
    """A sentence as it stands in the code, with a mark for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%\(\w+\)[sd]", _VALUE, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(one.value if isinstance(one, ast.Constant) else _VALUE for one in node.values)  # type: ignore[misc]
    return None


def said_below() -> str:
    """Every text in the code below the desk."""
    paths = [path for folder in BELOW for path in (messages.ROOT / folder).rglob("*.py")]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(filter(None, (shape(node) for node in nodes if isinstance(node, ast.expr))))


def raised(source: str) -> Iterator[str]:
    """The plain sentences and hints of errors that a module raises."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "hint")]
            yield from filter(None, (shape(one) for one in given))


WHOLE = {
    *(phrase for phrase in PHRASES if phrase.startswith(("The rendered page ", "Case %(number)s is "))),
    *(phrase for phrase in PHRASES if phrase.startswith(("A picture seen on ", "http://", "https://"))),
    *(phrase for phrase in PHRASES if phrase.startswith(("The site ", "At the image's address ", "The page shows "))),
    "The page couldn't be visited:",
    "The image couldn't be fetched:",
    "The picture is %(size)s; no side may be longer than %(most)s.",
}
"""Phrases that the code puts together of pieces."""


def test_every_phrase_is_one_that_the_code_below_the_desk_says() -> None:
    said = said_below()
    assert [one for one in PHRASES if one not in WHOLE and re.sub(r"%\(\w+\)s", _VALUE, one) not in said] == []


@pytest.mark.parametrize("module", REACH_PAGES)
def test_every_error_that_reaches_a_page_has_a_phrase(module: str) -> None:
    known = {re.sub(r"%\(\w+\)s", _VALUE, phrase) for phrase in PHRASES}
    sentences = set(raised((messages.ROOT / module).read_text(encoding="utf-8")))
    assert [one for one in sentences - NOT_ON_PAGES if not any(one.startswith(said) for said in known)] == []


def test_every_obstacle_of_a_visit_is_said_in_the_readers_language() -> None:
    signs = [*SIGNS, " and ".join(SIGNS)]
    said = [f"The page shows {one}, and doesn't show the image; others may see another page." for one in signs]
    facts = ConnectionFacts("a.example", (), "203.0.113.5", 443)
    for status in WALLS:
        wall = Visit("https://a.example/", (Step("https://a.example/", status, (), now(), now(), facts),))
        said.append(judge(wall, wall, Digest.of(b""))[1])
    with translation.override("zh-hans"):
        assert [one for one in said if re.search("[a-z]{3}", in_words(one).replace("%(status)s", ""))] == []


def test_an_error_with_its_hint_is_said_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        assert in_words("There are no words. Say why the decision stands.") == "没有填写内容。请说明为何维持原决定。"
        opened = "Opened: shop.example shows what may be a copy of work 3."
        assert in_words(opened) == "已立案：shop.example 展示了疑似作品 3 复制件的图片。"


def test_what_a_person_wrote_stays_as_it_is() -> None:
    with translation.override("zh-hans"):
        assert in_words("Disputed. The picture isn't ours, I think.") == "已提出争议。The picture isn't ours, I think."
        assert in_words("Nothing of it is known.") == "Nothing of it is known."


def test_every_standing_and_decision_has_its_phrase() -> None:
    assert {f"again-{one}" for one in Standing} | set(Case.Decision) <= set(history.PHRASES)


def test_the_longest_phrase_that_fits_is_taken() -> None:
    gone = "The page is there, but the image wasn't seen. The image couldn't be fetched: The server answers too slowly."
    with translation.override("zh-hans"):
        assert in_words(gone) == "页面存在，但未见到图片。无法获取图片：服务器答复过慢。"


def test_english_readers_read_what_is_kept() -> None:
    with translation.override("en"):
        assert in_words("Bundle 2 was sealed.") == "Bundle 2 was sealed."
