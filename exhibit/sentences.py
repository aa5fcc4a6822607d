"""A sentence that knows of what it was made, so that whoever shows it can say it in another language."""

import json
from collections.abc import Mapping
from typing import Self, TypeAlias

CONTEXT = "sentence"
"""What the catalogues of translations keep these sentences under."""
Plain: TypeAlias = str | list["Plain"] | dict[str, object]
"""What is said as JSON: a quote, sentences that follow each other, or a template with its values."""
_OPENS_JSON = ("{", "[", '"')


class Sentence(str):
    """An English sentence, or a piece of one, made of a template and values, which stand where it has ``%(name)s``.

    Errors, logs and documents take it as the text that it is; rows keep the template and the values.
    ``tools/messages.py`` collects the templates; a value that is itself a template of the catalogue is translated, too.
    A sentence without values is shown as it is written. Any other text is a quote: it is shown as it is.
    """

    __slots__ = ("parts", "template", "values")
    parts: tuple[str, ...]
    """Sentences and quotes of which this is the sequence; then it has no template."""
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Fill the template."""
        said = super().__new__(cls, template % values if values else template)
        said.parts, said.template, said.values = (), template, values
        return said


def following(*said: str) -> str:
    """Sentences and quotes one after the other; those that are empty are left out."""
    given = tuple(filter(None, said))
    if len(given) < 2:
        return given[0] if given else ""
    text = " ".join(given)
    sequence = Sentence(text)
    sequence.parts, sequence.template = given, ""
    return sequence


def to_plain(said: str) -> Plain:
    """What is said as JSON keeps it."""
    if not isinstance(said, Sentence):
        return said
    if said.parts:
        return [to_plain(part) for part in said.parts]
    return {"text": said.template, "values": {name: _plain_value(value) for name, value in said.values.items()}}


def from_plain(plain: Plain) -> str:
    """What :func:`to_plain` kept."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list):
        return following(*map(from_plain, plain))
    values = plain["values"]
    assert isinstance(values, dict)
    return Sentence(
        str(plain["text"]),
        **{name: from_plain(value) if isinstance(value, list | dict) else value for name, value in values.items()},
    )


def to_text(said: str) -> str:
    """What is said as a column of text keeps it: a quote as it is, unless it could be taken for what it isn't."""
    plain = to_plain(said)
    is_quote = isinstance(plain, str) and not plain.startswith(_OPENS_JSON)
    return said if is_quote else json.dumps(plain, ensure_ascii=False)


def from_text(text: str) -> str:
    """What :func:`to_text` kept."""
    return from_plain(json.loads(text)) if text.startswith(_OPENS_JSON) else text


def _plain_value(value: object) -> object:
    if isinstance(value, str):
        return to_plain(value)
    return value if isinstance(value, int | float) else str(value)
