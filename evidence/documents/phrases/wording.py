"""Formatting of values: times, fractions, rotations. Values are never rounded up, so none overstates a measurement."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from evidence.documents.phrases import Phrases
from evidence.documents.typeset.blocks import Bullets, FactSource, Line, Row, Style
from evidence.facts.field_origins import BACKINGS, FieldOrigin
from exhibit.errors import InvalidRequestError
from exhibit.types import Verification

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』", '"'))
MAX_TEXT_CHARS = 600  # maximum number of characters shown of one value; the attached data contains the full text


@dataclass(frozen=True, slots=True)
class Wording:
    """Language and settings of one document."""

    phrases: Phrases
    zone: ZoneInfo | None = None  # time zone for local times beside UTC, or ``None``
    clip: str = "document.clipped"  # key of the sentence that marks a truncated text and states where the full text is
    sealed: bool = True  # true if the content is in a bundle; only sealed content can be checked

    def render(self, key: str, **values: object) -> str:
        """Return a sentence from the catalogue with its placeholders filled."""
        return self.phrases.render(key, **values)

    def translate(self, text: str) -> str:
        """Translate generated English sentences into this language; text written by a user stays unchanged."""
        return self.phrases.translate(text)

    def get_language_settings(self) -> dict[str, str]:
        """Return the language settings for typesetting, and the footer texts."""
        return {name: self.phrases.sentences[f"document.{name}"] for name in ("lang", "region", "footer", "page_of")}

    def build_bullets(self, group: str, keys: Iterable[str]) -> Bullets:
        """Return sentences from one group of the catalogue as a bulleted list."""
        return Bullets(tuple(self.render(f"{group}.{key}") for key in keys))

    def get_headings(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return column headings, taken from the column labels, row labels or section headings."""
        return tuple(self.phrases.find_first(name, "column", "label", "heading") for name in names)

    def build_row(self, label: str, origin: str, *texts: str, style: Style = Style.PLAIN) -> Row:
        """Return a labelled value with its source; an empty value is shown as "not stated".

        ``origin`` is a :class:`FactSource` or the path of a field in the facts.
        """
        value = tuple(Line(self.clip_text(text), style) for text in texts if text)
        unknown = (Line(self.render("document.unknown"), Style.QUIET),)
        return Row(self.render(f"label.{label}"), value or unknown, self.get_source_label(origin))

    def get_source_label(self, origin: str) -> str:
        """Return the label of a source: a :class:`FactSource`, or the path of a field in the facts."""
        backing = BACKINGS.get(origin)
        if backing is None:
            return self.render(f"speaker.{FactSource(origin)}")
        if backing.origin is not FieldOrigin.CHECKED:
            return self.render(f"speaker.{backing.origin}")
        if not self.sealed:
            return self.render("speaker.recorded")
        if backing.check == "facts":  # such fields are digests, which leave no room for a longer label
            return self.render("speaker.sealed")
        return self.render("speaker.checked", check=backing.check)

    def join_numbers(self, values: Iterable[int]) -> str:
        """Join numbers with the list separator of this language."""
        return self.render("document.joined").join(map(str, values))

    def build_time_row(self, label: str, value: datetime | None, origin: str = FactSource.RECORDED) -> Row:
        """Return a row with a time in UTC and local time; ``None`` is shown as "no time"."""
        line = (
            Line(self.render("document.no_time"), Style.QUIET) if value is None else Line(self.format_both_times(value))
        )
        return Row(self.render(f"label.{label}"), (line,), self.get_source_label(origin))

    def format_both_times(self, value: datetime) -> str:
        """Return the time in UTC, followed by the local time if a time zone is set."""
        utc = self.format_time(value)
        if self.zone is None:
            return utc
        local = value.astimezone(self.zone)
        time, offset = f"{local:%Y-%m-%d %H:%M:%S}", f"{local:%z}"
        return f"{utc} · {self.render('time.local', time=time, offset=offset, zone=self.zone.key)}"

    def format_time(self, value: datetime) -> str:
        """Return the time in UTC, truncated to the second."""
        return self.render("time.utc", time=value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))

    def format_day(self, value: datetime) -> str:
        """Return the date in the configured time zone, or in UTC if none is set."""
        return value.astimezone(self.zone or UTC).strftime("%Y-%m-%d")

    def clip_text(self, text: str, limit: int = MAX_TEXT_CHARS) -> str:
        """Truncate text after ``limit`` characters and append the number of omitted characters."""
        return text if len(text) <= limit else self.render(self.clip, text=text[:limit], n=len(text) - limit)

    def quote_text(self, text: str) -> str:
        """Return untrusted text, truncated and in quotation marks."""
        return self.render("document.quoted", text=self.replace_quotes(text))

    def replace_quotes(self, text: str) -> str:
        """Return text for use inside quotation marks: truncated, with its own quotation marks replaced."""
        return self.clip_text(text.translate(_QUOTES))

    def describe_alignment(self, verification: Verification) -> str:
        """Describe the alignment in one sentence, such as "aligned over 94% of the registered picture, mirrored"."""
        if verification.transform is None:
            return self.render("match.not_aligned")
        orientation = self.render("match.mirrored") if verification.mirrored else ""
        if verification.rotation % 360:
            orientation += self.render("match.turned", degrees=verification.rotation % 360)
        return self.render("match.aligned", share=format_percent(verification.overlap_work), turned=orientation)


def format_ratio(value: float) -> str:
    """Format a likelihood ratio, truncated: whole from 10, one decimal from 1, two significant digits below 1."""
    if value >= 1:
        return f"{math.floor(value + 1e-9):,}" if value >= 10 else f"{truncate_decimals(value, 1):.1f}"
    digits = 1 - math.floor(math.log10(value))
    return f"{truncate_decimals(value, digits):.{digits}f}"


def format_percent(fraction: float) -> str:
    """Format a fraction as whole percent, rounded down: 0.949 is ``94%``."""
    return f"{math.floor(fraction * 100 + 1e-9)}%"


def format_fraction(fraction: float) -> str:
    """Format a fraction with three decimals, truncated: 0.9499 is ``0.949``."""
    return f"{truncate_decimals(fraction, 3):.3f}"


def truncate_decimals(value: float, digits: int) -> float:
    """Truncate a number to ``digits`` decimals, without rounding up."""
    scale = float(10**digits)
    return math.floor(value * scale + 1e-9) / scale


def load_time_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with an IANA name, or ``None`` for UTC.

    Raises ``InvalidRequestError`` for an unknown name.
    """
    if name in {"", "UTC"}:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        hint = "Use an IANA name such as Asia/Shanghai, or UTC."
        raise InvalidRequestError(f"The time zone {name!r} is unknown.", hint=hint) from error
