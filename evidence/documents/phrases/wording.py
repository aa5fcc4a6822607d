"""Values in words: times, shares, rotations. Nothing is rounded up, so that no figure claims more than was measured."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from evidence.documents.phrases import Phrases
from evidence.documents.typeset.blocks import Bullets, Line, Row, Speaker, Style
from evidence.facts.field_origins import BACKINGS, FieldOrigin
from exhibit.errors import WrongUseError
from exhibit.types import Verification

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』", '"'))
MAX_TEXT = 600  # characters shown of one value; the attached data has the rest


@dataclass(frozen=True, slots=True)
class Wording:
    """Language and settings of one document."""

    phrases: Phrases
    zone: ZoneInfo | None = None  # time zone for local times beside UTC, or ``None``
    clip: str = "document.clipped"  # key of the sentence on where to find the rest of a long text
    sealed: bool = True  # true if a bundle has the content; without one nothing can be checked

    def say(self, key: str, **values: object) -> str:
        """Return a sentence of the catalogue."""
        return self.phrases.say(key, **values)

    def translate(self, text: str) -> str:
        """Translate what the software wrote in English into this language; a person's words stay unchanged."""
        return self.phrases.translate(text)

    def setting(self) -> dict[str, str]:
        """Return the language settings for typesetting, and the footer texts."""
        return {name: self.phrases.sentences[f"document.{name}"] for name in ("lang", "region", "footer", "page_of")}

    def bullets(self, group: str, keys: Iterable[str]) -> Bullets:
        """Return sentences of one group of the catalogue as a list."""
        return Bullets(tuple(self.say(f"{group}.{key}") for key in keys))

    def heads(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the headings of a table's columns; they reuse the names of rows or sections."""
        return tuple(self.phrases.first(name, "column", "label", "heading") for name in names)

    def row(self, label: str, origin: str, *texts: str, style: Style = Style.PLAIN) -> Row:
        """Return a labelled value with its source or its field of the facts; an empty value reads "not stated"."""
        value = tuple(Line(self.clipped(text), style) for text in texts if text)
        unknown = (Line(self.say("document.unknown"), Style.QUIET),)
        return Row(self.say(f"label.{label}"), value or unknown, self.speaker(origin))

    def speaker(self, origin: str) -> str:
        """Return the word for a source: a :class:`Speaker`, or the source of a field of the facts."""
        backing = BACKINGS.get(origin)
        if backing is None:
            return self.say(f"speaker.{Speaker(origin)}")
        if backing.standing is not FieldOrigin.CHECKED:
            return self.say(f"speaker.{backing.standing}")
        if not self.sealed:
            return self.say("speaker.recorded")
        if backing.check == "facts":  # a digest leaves no room for more words
            return self.say("speaker.sealed")
        return self.say("speaker.checked", check=backing.check)

    def numbers(self, every: Iterable[int]) -> str:
        """Join several numbers."""
        return self.say("document.joined").join(map(str, every))

    def time_row(self, label: str, moment: datetime | None, origin: str = Speaker.RECORDED) -> Row:
        """Return a row with a time, in UTC and local."""
        line = Line(self.say("document.no_time"), Style.QUIET) if moment is None else Line(self.both_times(moment))
        return Row(self.say(f"label.{label}"), (line,), self.speaker(origin))

    def both_times(self, moment: datetime) -> str:
        """Return the time in UTC, then local if there is a zone."""
        utc = self.time(moment)
        if self.zone is None:
            return utc
        local = moment.astimezone(self.zone)
        time, offset = f"{local:%Y-%m-%d %H:%M:%S}", f"{local:%z}"
        return f"{utc} · {self.say('time.local', time=time, offset=offset, zone=self.zone.key)}"

    def time(self, moment: datetime) -> str:
        """Return the time in UTC, truncated to the second."""
        return self.say("time.utc", time=moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))

    def day(self, moment: datetime) -> str:
        """Return the date in the local zone, or in UTC without one."""
        return moment.astimezone(self.zone or UTC).strftime("%Y-%m-%d")

    def clipped(self, text: str, limit: int = MAX_TEXT) -> str:
        """Return the text, cut after ``limit`` characters with a note of how many follow."""
        return text if len(text) <= limit else self.say(self.clip, text=text[:limit], n=len(text) - limit)

    def quoted(self, text: str) -> str:
        """Return text that an installation's operator may have written, clipped and in quotation marks."""
        return self.say("document.quoted", text=self.quotable(text))

    def quotable(self, text: str) -> str:
        """Return text for use inside quotation marks: clipped, and with none that would end them."""
        return self.clipped(text.translate(_QUOTES))

    def aligned(self, verification: Verification) -> str:
        """Describe the alignment in one sentence, such as "aligned over 94% of the registered picture, mirrored"."""
        if verification.transform is None:
            return self.say("match.not_aligned")
        turned = self.say("match.mirrored") if verification.mirrored else ""
        if verification.rotation % 360:
            turned += self.say("match.turned", degrees=verification.rotation % 360)
        return self.say("match.aligned", share=percent(verification.overlap_work), turned=turned)


def ratio_words(value: float) -> str:
    """Format a likelihood ratio, truncated: whole from 10, one decimal from 1, two significant digits below 1."""
    if value >= 1:
        return f"{math.floor(value + 1e-9):,}" if value >= 10 else f"{floored(value, 1):.1f}"
    digits = 1 - math.floor(math.log10(value))
    return f"{floored(value, digits):.{digits}f}"


def percent(share: float) -> str:
    """Format a share in whole percent, rounded down: 0.949 is ``94%``."""
    return f"{math.floor(share * 100 + 1e-9)}%"


def figure(share: float) -> str:
    """Format a share with three decimals, truncated: 0.9499 is ``0.949``."""
    return f"{floored(share, 3):.3f}"


def floored(value: float, digits: int) -> float:
    """Truncate a number to this many decimals: nothing is rounded up."""
    steps = float(10**digits)
    return math.floor(value * steps + 1e-9) / steps


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone, or ``None`` for UTC; raises ``WrongUseError`` if there is no such zone."""
    if name in {"", "UTC"}:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        hint = "Use an IANA name such as Asia/Shanghai, or UTC."
        raise WrongUseError(f"The time zone {name!r} isn't known here.", hint=hint) from error
