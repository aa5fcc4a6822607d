"""Test that sentences about rows and errors are translated, and that errors on pages are in the catalogue."""

import ast
import json
import pickle
import re
from collections.abc import Iterator

import pytest
from django.utils import translation

from desk.texts.sentences import in_words
from evidence.capture.outcomes import determine_outcome
from evidence.capture.visitor import OBSTACLE_SENTENCES, Visit, VisitStep
from exhibit.browser.loading import BOTH_WALL_SIGNS, WALL_SIGNS
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.network.http import ConnectionFacts
from exhibit.sentences import Sentence, concatenate_sentences, from_plain, to_plain
from registry.cases import history
from registry.cases.recaptures import PlaceState
from registry.models import Case, Picture
from tests import CHECKOUT

REACH_PAGES = (
    "exhibit/network/guard.py",
    "exhibit/pictures/decode.py",
    "exhibit/helper.py",
    "exhibit/pictures/picture_file.py",
    "evidence/capture/visitor.py",
    "registry/crawls/copy_checks.py",
    "registry/crawls/watch_settings.py",
    "registry/works/public_works.py",
    "registry/works/registration.py",
    "registry/works/exporting.py",
    "registry/works/upload_registration.py",
    "registry/bundles/bundles.py",
    "registry/cases/decisions.py",
    "registry/retention/picture_reports.py",
    "registry/notices/send_notice.py",
    "registry/bundles/make_package.py",
    "registry/bundles/sealing.py",
    "registry/notifications/webhooks.py",
)
"""Modules whose untranslated errors a member could see on a page."""

NOT_ON_PAGES = (
    "has no case ",
    "To list reported pictures: exhibit doctor",
    "is open, or was decided by another member.",
    "'time'",
)
"""Errors that only settings or a terminal cause, or that pages phrase themselves."""


def iter_error_texts(source: str) -> Iterator[str]:
    """Yield the untranslated messages and hints of errors that a module raises."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            arguments = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "hint")]
            yield from (
                ast.unparse(argument) for argument in arguments if isinstance(argument, ast.Constant | ast.JoinedStr)
            )


@pytest.mark.parametrize("module", REACH_PAGES)
def test_every_error_on_a_page_is_translatable(module: str) -> None:
    error_texts = set(iter_error_texts((CHECKOUT / module).read_text(encoding="utf-8")))
    assert [text for text in error_texts if not any(part in text for part in NOT_ON_PAGES)] == []


def test_error_is_formatted_from_its_template_and_values() -> None:
    hint = Sentence("You can decide at most %(most)s cases at once.", most=200)
    error = InvalidRequestError(
        Sentence("%(owner)s already has a watch named %(name)s.", owner="A. B.", name="Shop"), hint=hint
    )
    assert str(pickle.loads(pickle.dumps(error.message))) == "A. B. already has a watch named Shop."  # noqa: S301 - made here
    with translation.override("zh-hans"):
        assert in_words(error) == "A. B. 已有名为 Shop 的监测。一次最多决定 200 个案件。"
        assert in_words(pickle.loads(pickle.dumps(error.message))) == "A. B. 已有名为 Shop 的监测。"  # noqa: S301


def test_sentence_fragment_is_translated_only_inside_its_sentence() -> None:
    with translation.override("zh-hans"):
        assert in_words(
            Sentence("Case %(number)s has already been decided: %(decision)s.", number=3, decision="licensed")
        ) == ("案件 3 已决定：已获许可。")
        assert in_words("licensed") == "licensed"


def test_nested_sentence_uses_its_own_values() -> None:
    needed = Sentence("at most %(limit)s", limit="6")
    short = Sentence(
        "%(what)s: %(figure)s; required: %(limit)s.", what=Sentence("Rank by votes"), figure=7, limit=needed
    )
    assert short == "Rank by votes: 7; required: at most 6."
    with translation.override("zh-hans"):
        assert in_words(short) == "按投票的名次：7；需要最多 6。"


def test_every_visit_obstacle_is_translated() -> None:
    shows = "The page contains %(signs)s and %(does)s the image. Other visitors may see a different page."
    does = Sentence("does not show")
    messages: list[str] = [Sentence(shows, signs=item, does=does) for item in (*WALL_SIGNS, BOTH_WALL_SIGNS)]
    facts = ConnectionFacts("a.example", (), "203.0.113.5", 443)
    for status in OBSTACLE_SENTENCES:
        wall = Visit("https://a.example/", (VisitStep("https://a.example/", status, (), now(), now(), facts),))
        messages.append(determine_outcome(wall, wall, Digest.from_bytes(b""))[1])
    with translation.override("zh-hans"):
        assert [item for item in messages if re.search("[a-z]{3}", in_words(item).replace("%(status)s", ""))] == []


def test_error_with_a_hint_is_translated() -> None:
    error = InvalidRequestError(Sentence("The text is empty."), hint=Sentence("Explain why the decision is upheld."))
    assert str(error) == "The text is empty. Explain why the decision is upheld."
    with translation.override("zh-hans"):
        assert in_words(error) == in_words(error.sentence) == "没有填写内容。请说明为何维持原决定。"


def test_quote_next_to_a_sentence_is_unchanged() -> None:
    disputed = concatenate_sentences(Sentence("Disputed."), "", "Licensed. The picture isn't ours, I think.")
    with translation.override("zh-hans"):
        assert in_words(disputed) == "已提出争议。Licensed. The picture isn't ours, I think."
        assert in_words("Disputed.") == "Disputed."


def test_every_page_status_and_decision_has_a_label() -> None:
    assert {f"again-{standing}" for standing in PlaceState} | set(Case.Decision) <= set(history.PHRASES)


@pytest.mark.django_db
def test_stored_sentence_is_translated_and_a_quote_is_unchanged() -> None:
    site = Sentence("Not visited: the operator's rules exclude %(host)s.", host=Sentence("a password field"))
    both = concatenate_sentences(Sentence("The page is available."), '{"text": "Licensed.", "values": {}}', site)
    for value in (both, '{"text": "Licensed.", "values": {}}', "[1", '"', "", "Licensed."):
        pk = Picture.objects.create(digest=Digest.from_bytes(value.encode()), size=1, first_seen=now(), error=value).pk
        error = Picture.objects.get(pk=pk).error
        assert error == value
        assert Picture.objects.filter(error=value).get().pk == pk
        assert from_plain(json.loads(json.dumps(to_plain(error)))) == value
        with translation.override("zh-hans"):
            assert in_words(error) == in_words(to_plain(error)) == in_words(value)
    with translation.override("zh-hans"):
        error = Picture.objects.get(error=both).error
        assert in_words(error) == '页面存在。{"text": "Licensed.", "values": {}} ' + in_words(site)


def test_english_readers_see_the_stored_text() -> None:
    with translation.override("en"):
        assert in_words(Sentence("Bundle %(number)s was sealed.", number=2)) == "Bundle 2 was sealed."
