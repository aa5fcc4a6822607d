"""Sentences that keep their template and values, so that they can be translated later, when they are shown."""

import json
from collections.abc import Mapping
from typing import Self, TypeAlias

CONTEXT = "sentence"
"""Message context of these sentences in the translation catalogues."""
Plain: TypeAlias = str | list["Plain"] | dict[str, object]
"""JSON form of a message: a quote, a list of consecutive sentences, or a template with its values."""
_JSON_START_CHARS = ("{", "[", '"')


class Sentence(str):
    """English sentence, or part of one, with a template with placeholders such as ``%(name)s`` and their values.

    Errors, logs and documents use it as plain text; database rows store the template and the values.
    ``tools/messages.py`` collects the templates. A value that is itself a template of the catalogue is translated as
    well. A template without values is used as written, percent signs included. Any other string counts as a quote, and
    is shown unchanged.
    """

    __slots__ = ("parts", "template", "values")
    parts: tuple[str, ...]
    """Sentences and quotes that are joined in this text. A text with parts has no template."""
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Create a sentence by formatting the template with the values."""
        sentence = super().__new__(cls, template % values if values else template)
        sentence.parts, sentence.template, sentence.values = (), template, values
        return sentence


def concatenate_sentences(*sentences: str) -> str:
    """Join sentences and quotes with spaces, omitting empty ones."""
    texts = tuple(filter(None, sentences))
    if len(texts) < 2:
        return texts[0] if texts else ""
    text = " ".join(texts)
    joined_sentence = Sentence(text)
    joined_sentence.parts, joined_sentence.template = texts, ""
    return joined_sentence


def to_plain(text: str) -> Plain:
    """Convert a sentence or quote to plain JSON."""
    if not isinstance(text, Sentence):
        return text
    if text.parts:
        return [to_plain(part) for part in text.parts]
    return {"text": text.template, "values": {name: _plain_value(value) for name, value in text.values.items()}}


def from_plain(plain: Plain) -> str:
    """Restore a sentence or quote from the JSON of :func:`to_plain`."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list):
        return concatenate_sentences(*map(from_plain, plain))
    values = plain["values"]
    assert isinstance(values, dict)
    return Sentence(
        str(plain["text"]),
        **{name: from_plain(value) if isinstance(value, list | dict) else value for name, value in values.items()},
    )


def to_text(text: str) -> str:
    """Encode a sentence for a text column. A quote stays unchanged unless it could be mistaken for JSON."""
    plain = to_plain(text)
    is_quote = isinstance(plain, str) and not plain.startswith(_JSON_START_CHARS)
    return text if is_quote else json.dumps(plain, ensure_ascii=False)


def from_text(text: str) -> str:
    """Restore a sentence or quote from the text of :func:`to_text`."""
    return from_plain(json.loads(text)) if text.startswith(_JSON_START_CHARS) else text


def _plain_value(value: object) -> object:
    if isinstance(value, str):
        return to_plain(value)
    return value if isinstance(value, int | float) else str(value)
