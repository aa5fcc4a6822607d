"""Test that sentences about rows and errors are translated, and that errors on pages are in the catalogue."""

import ast
import json
import pickle
import re
from collections.abc import Iterator

import pytest
from django.utils import translation

from desk.texts.sentences import in_words
from evidence.capture.outcomes import judge
from evidence.capture.visitor import WALLS, Step, Visit
from exhibit.browser.loading import BOTH_SIGNS, SIGNS
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.network.http import ConnectionFacts
from exhibit.sentences import Sentence, following, from_plain, to_plain
from registry.cases import history
from registry.cases.recaptures import Standing
from registry.models import Case, Picture
from tests import CHECKOUT

REACH_PAGES = (
    "exhibit/network/guard.py",
    "exhibit/pictures/decode.py",
    "exhibit/helper.py",
    "exhibit/pictures/picture_file.py",
    "evidence/capture/visitor.py",
    "registry/crawls/canaries.py",
    "registry/crawls/watching.py",
    "registry/works/opened.py",
    "registry/works/registration.py",
    "registry/works/exporting.py",
    "registry/works/register.py",
    "registry/bundles/bundles.py",
    "registry/cases/decisions.py",
    "registry/retention/reported.py",
    "registry/notices/send_notice.py",
    "registry/bundles/make_package.py",
    "registry/bundles/seal.py",
    "registry/notifications/webhooks.py",
)
"""Modules whose untranslated errors a member could see on a page."""

NOT_ON_PAGES = (
    "isn't a network that could be allowed.",
    "Write it like 127.0.0.0/8 or fd00::/8.",
    "has no times of its own.",
    "It starts automatically when a new work is similar to pictures whose bytes have expired.",
    "has no case ",
    "No member reported that picture, or it was removed.",
    "exhibit doctor lists them.",
    "is open, or was decided by somebody else.",
    "'time'",
    "{bundle.error}",
    "''",
)
"""Errors that only settings or a terminal cause, or that pages phrase themselves."""


def raised(source: str) -> Iterator[str]:
    """Yield the untranslated messages and hints of errors that a module raises."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "hint")]
            yield from (ast.unparse(one) for one in given if isinstance(one, ast.Constant | ast.JoinedStr))


@pytest.mark.parametrize("module", REACH_PAGES)
def test_every_error_that_reaches_a_page_is_a_sentence_of_the_catalogue(module: str) -> None:
    plain = set(raised((CHECKOUT / module).read_text(encoding="utf-8")))
    assert [one for one in plain if not any(said in one for said in NOT_ON_PAGES)] == []


def test_an_error_is_said_by_its_template_and_values() -> None:
    hint = Sentence("You can decide at most %(most)s cases at once.", most=200)
    error = WrongUseError(
        Sentence("%(owner)s already has a watch named %(name)s.", owner="A. B.", name="Shop"), hint=hint
    )
    assert str(pickle.loads(pickle.dumps(error.message))) == "A. B. has a watch Shop already."  # noqa: S301 - made here
    with translation.override("zh-hans"):
        assert in_words(error) == "A. B. 已有名为 Shop 的监测。一次最多决定 200 个。"
        assert in_words(pickle.loads(pickle.dumps(error.message))) == "A. B. 已有名为 Shop 的监测。"  # noqa: S301


def test_a_piece_of_a_sentence_is_translated_in_it_and_never_alone() -> None:
    with translation.override("zh-hans"):
        assert in_words(
            Sentence("Case %(number)s has already been decided: %(decision)s.", number=3, decision="licensed")
        ) == ("案件 3 已决定：已获许可。")
        assert in_words("licensed") == "licensed"


def test_a_sentence_within_a_sentence_is_said_with_its_own_values() -> None:
    needed = Sentence("at most %(limit)s", limit="6")
    short = Sentence(
        "%(what)s: %(figure)s; required: %(limit)s.", what=Sentence("Rank by votes"), figure=7, limit=needed
    )
    assert short == "Place by votes: 7; needed: at most 6."
    with translation.override("zh-hans"):
        assert in_words(short) == "按投票的名次：7；需要最多 6。"


def test_every_obstacle_of_a_visit_is_said_in_the_readers_language() -> None:
    shows = "The page contains %(signs)s and %(does)s the image. Other visitors may see a different page."
    does = Sentence("does not show")
    said: list[str] = [Sentence(shows, signs=one, does=does) for one in (*SIGNS, BOTH_SIGNS)]
    facts = ConnectionFacts("a.example", (), "203.0.113.5", 443)
    for status in WALLS:
        wall = Visit("https://a.example/", (Step("https://a.example/", status, (), now(), now(), facts),))
        said.append(judge(wall, wall, Digest.of(b""))[1])
    with translation.override("zh-hans"):
        assert [one for one in said if re.search("[a-z]{3}", in_words(one).replace("%(status)s", ""))] == []


def test_an_error_with_its_hint_is_said_in_the_readers_language() -> None:
    error = WrongUseError(Sentence("The text is empty."), hint=Sentence("Explain why the decision is upheld."))
    assert str(error) == "There are no words. Say why the decision stands."
    with translation.override("zh-hans"):
        assert in_words(error) == in_words(error.sentence) == "没有填写内容。请说明为何维持原决定。"


def test_a_quote_stays_as_it_is_beside_a_sentence_too() -> None:
    disputed = following(Sentence("Disputed."), "", "Licensed. The picture isn't ours, I think.")
    with translation.override("zh-hans"):
        assert in_words(disputed) == "已提出争议。Licensed. The picture isn't ours, I think."
        assert in_words("Disputed.") == "Disputed."


def test_every_standing_and_decision_has_its_phrase() -> None:
    assert {f"again-{one}" for one in Standing} | set(Case.Decision) <= set(history.PHRASES)


@pytest.mark.django_db
def test_a_row_keeps_a_sentence_for_any_reader_and_a_quote_as_it_is() -> None:
    site = Sentence("Not visited: the operator's rules exclude %(host)s.", host=Sentence("a password field"))
    both = following(Sentence("The page is available."), '{"text": "Licensed.", "values": {}}', site)
    for said in (both, '{"text": "Licensed.", "values": {}}', "[1", '"', "", "Licensed."):
        pk = Picture.objects.create(digest=Digest.of(said.encode()), size=1, first_seen=now(), error=said).pk
        read = Picture.objects.get(pk=pk).error
        assert read == said
        assert Picture.objects.filter(error=said).get().pk == pk
        assert from_plain(json.loads(json.dumps(to_plain(read)))) == said
        with translation.override("zh-hans"):
            assert in_words(read) == in_words(to_plain(read)) == in_words(said)
    with translation.override("zh-hans"):
        read = Picture.objects.get(error=both).error
        assert in_words(read) == '页面存在。{"text": "Licensed.", "values": {}} ' + in_words(site)


def test_english_readers_read_what_is_kept() -> None:
    with translation.override("en"):
        assert in_words(Sentence("Bundle %(number)s was sealed.", number=2)) == "Bundle 2 was sealed."
