"""Card of a descriptor model: preparation of its input, and form of its output."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import Metric, Space

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]{0,39}")
SIDE_RANGE = range(16, 1025)
WIDTH_RANGE = range(8, 4097)
MAX_TEXT = 300
RESERVED_NAMES = frozenset({"phash256", "descriptor"})
"""Names reserved for Exhibit's own spaces."""

Channels = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Take = Literal["vector", "first", "mean"]


class Resize(StrEnum):
    """Method by which a picture is fitted to the size of the input."""

    SQUASH = "squash"
    """Resize to the exact size, ignoring proportions."""
    CROP = "crop"
    """Resize the shorter side to the input, or to ``shorter``, and crop the centre."""
    PAD = "pad"
    """Resize the longer side to the input, and fill the rest with the mean colour."""


@dataclass(frozen=True, slots=True)
class Card:
    """Requirements and origin of a model."""

    name: str  # short name, such as `sscd`
    version: str  # must change whenever the vector of any picture changes
    licence: str  # licence of the weights
    source: str  # origin of the weights
    input_width: int  # pixels
    input_height: int  # pixels
    width: int  # components of a vector
    resize: Resize = Resize.SQUASH  # method by which a picture is fitted to that size
    shorter: int = 0  # for `crop`: shorter side before cropping, pixels; 0 for the size of the input
    channels: Channels = "rgb"  # order of the colour channels
    layout: Layout = "nchw"  # order of the input's axes
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)  # subtracted from each channel (scale 0 to 255)
    deviation: tuple[float, float, float] = (58.395, 57.12, 57.375)  # divisor of each channel (scale 0 to 255)
    output: str = ""  # name of the output; empty for the first one
    take: Take = "vector"  # the output itself, the first of its rows (one per position), or the mean of the rows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input for one picture."""
        if self.layout == "nchw":
            return 1, 3, self.input_height, self.input_width
        return 1, self.input_height, self.input_width, 3


def read_card(text: str) -> Card:
    """Parse a card in TOML.

    Raises:
        InvalidRequestError: A value is missing or invalid.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequestError(f"The card is not valid TOML: {error}.") from error
    values = _flatten(data)
    try:
        card = Card(**values)
    except TypeError as error:
        raise InvalidRequestError(f"The card is incomplete: {str(error).partition(') ')[2]}.", hint=_HINT) from error
    validate_card(card)
    return card


def card_from_dict(data: Mapping[str, Any]) -> Card:
    """Restore a card from the stored JSON form of its ``asdict``."""
    mean, deviation = tuple(data["mean"]), tuple(data["deviation"])
    return Card(**{**data, "resize": Resize(data["resize"]), "mean": mean, "deviation": deviation})


def create_space(card: Card, digest: Digest) -> Space:
    """Create the space of a model's vectors; its parameters contain everything on which the vectors depend."""
    values = asdict(card)
    names = ("channels", "deviation", "input_height", "input_width", "mean", "output", "resize", "shorter", "take")
    parameters = [("decoding", "reduced to a long side of at least 512"), ("sha256", digest.hex)]
    parameters += [(name, str(values[name])) for name in names]
    return Space(card.name, card.version, Metric.COSINE, card.width, tuple(sorted(parameters)))


_HINT = "See docs/reference/descriptors.md for an example."
_TABLES = {
    "": {"name": "name", "version": "version", "licence": "licence", "source": "source"},
    "input": {
        "width": "input_width",
        "height": "input_height",
        "resize": "resize",
        "shorter": "shorter",
        "channels": "channels",
        "layout": "layout",
        "mean": "mean",
        "deviation": "deviation",
    },
    "output": {"name": "output", "take": "take", "width": "width"},
}
"""Tables and keys of the file, with the field of each value."""


def _flatten(data: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for table, names in _TABLES.items():
        part = data.get(table, {}) if table else {key: value for key, value in data.items() if key not in _TABLES}
        if not isinstance(part, dict):
            raise InvalidRequestError(f"In the card, {table} must be a table: [{table}].", hint=_HINT)
        for key, value in part.items():
            location = f"{table}.{key}" if table else key
            if key not in names:
                raise InvalidRequestError(f"The card contains an unknown key: {location}.", hint=_HINT)
            values[names[key]] = _convert_value(location, names[key], value)
    return values


def _convert_value(location: str, name: str, value: object) -> object:
    """Return a value of the correct type.

    Raises:
        InvalidRequestError: The value has another type.
    """
    if name in {"mean", "deviation"}:
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 3 or not all(isinstance(number, int | float) for number in numbers):
            raise InvalidRequestError(
                f"In the card, {location} must be three numbers, one for each channel.", hint=_HINT
            )
        return tuple(float(number) for number in numbers)
    if name in {"input_width", "input_height", "shorter", "width"}:
        if type(value) is not int:
            raise InvalidRequestError(f"In the card, {location} must be a whole number.", hint=_HINT)
        return value
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise InvalidRequestError(
            f"In the card, {location} must be a text of at most {MAX_TEXT} characters.", hint=_HINT
        )
    return _check_choice(location, value, name)


def _check_choice(location: str, value: str, name: str) -> str:
    choices: dict[str, tuple[str, ...]] = {
        "resize": tuple(Resize), "channels": get_args(Channels), "layout": get_args(Layout), "take": get_args(Take),
    }  # fmt: skip
    if name in choices and value not in choices[name]:
        raise InvalidRequestError(f"In the card, {location} must be one of {', '.join(choices[name])}.", hint=_HINT)
    return Resize(value) if name == "resize" else value


def validate_card(card: Card) -> None:
    """Raise ``InvalidRequestError`` for a card with invalid values."""
    texts = [value for value in asdict(card).values() if isinstance(value, str)]
    problems = {
        f"A text of the card has more than {MAX_TEXT} characters, or unprintable ones.": not all(
            len(text) <= MAX_TEXT and text.isprintable() for text in texts
        ),
        f"The name {card.name} is not valid. Use lower-case letters, digits and -.": not NAME.fullmatch(card.name),
        f"The name {card.name} is reserved for Exhibit.": card.name in RESERVED_NAMES,
        f"The version {card.version} is not valid. Use letters, digits, . and _.": not VERSION.fullmatch(card.version),
        "The card must contain a licence and a source.": not (card.licence and card.source),
        "The input must have 16 to 1024 pixels on a side.": not {card.input_width, card.input_height}
        <= set(SIDE_RANGE),
        "A vector must have 8 to 4096 components.": card.width not in WIDTH_RANGE,
        "The deviation of each channel must be greater than 0.": min(card.deviation) <= 0,
        "The shorter side must not be below the input.": 0 < card.shorter < max(card.input_width, card.input_height),
    }
    for sentence, is_violated in problems.items():
        if is_violated:
            raise InvalidRequestError(sentence, hint=_HINT)
