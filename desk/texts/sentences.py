"""Translation of sentences stored in rows and errors.

All packages except ``desk`` create sentences in English and keep their template and values, so that they can be
translated here. Quotations, such as a member's note or a server's message, are shown unchanged.
"""

from typing import Protocol

from django.utils.translation import get_language, pgettext

from exhibit.sentences import CONTEXT, Plain, Sentence, from_plain
from registry.cases.history import join_sentences


class DescribedError(Protocol):
    """An error with a message and a hint."""

    @property
    def sentence(self) -> str:
        """Message followed by the hint."""


def in_words(message: DescribedError | Plain) -> str:
    """Translate a sentence, an error, or the JSON form of a sentence into the reader's language."""
    text = from_plain(message) if isinstance(message, str | list | dict) else message.sentence
    if not isinstance(text, Sentence) or (get_language() or "en").startswith("en"):
        return str(text)
    return join_sentences(map(in_words, text.parts)) if text.parts else _translate(text)


def _translate(sentence: Sentence) -> str:
    template = pgettext(CONTEXT, sentence.template)
    return (
        template % {name: _translate_value(value) for name, value in sentence.values.items()}
        if sentence.values
        else template
    )


def _translate_value(value: object) -> object:
    if isinstance(value, Sentence):
        return in_words(value)
    return pgettext(CONTEXT, value) if isinstance(value, str) and value else value
