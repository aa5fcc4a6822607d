"""Values in words: times, shares, turns. Nothing is rounded up, so that no figure says more than was measured."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from evidence.documents.phrases import Phrases
from evidence.documents.typeset.blocks import Bullets, Line, Row, Speaker, Style
from evidence.facts.backing import BACKINGS, Standing
from exhibit.errors import WrongUseError
from exhibit.types import Verification

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』", '"'))
MAX_TEXT = 600  # characters of one value that are shown; the attached data holds the rest


@dataclass(frozen=True, slots=True)
class Wording:
    """How one document speaks."""

    phrases: Phrases
    zone: ZoneInfo | None = None  # in which local times are shown beside UTC, or ``None``
    clip: str = "document.clipped"  # the sentence that says where the rest of a long text lies
    sealed: bool = True  # whether a bundle holds what is told: without one nothing of it can be checked

    def say(self, key: str, **values: object) -> str:
        """A sentence of the catalogue."""
        return self.phrases.say(key, **values)

    def told(self, text: str) -> str:
        """What the software wrote down in English, in this language; a person's words stay as they are."""
        return self.phrases.told(text)

    def setting(self) -> dict[str, str]:
        """How the language is set, and what the foot of every page says in it."""
        return {name: self.phrases.sentences[f"document.{name}"] for name in ("lang", "region", "footer", "page_of")}

    def bullets(self, group: str, keys: Iterable[str]) -> Bullets:
        """Sentences of one group of the catalogue as a list."""
        return Bullets(tuple(self.say(f"{group}.{key}") for key in keys))

    def heads(self, names: Iterable[str]) -> tuple[str, ...]:
        """The heads of a table's columns; what rows or sections show too is called as there."""
        return tuple(self.phrases.first(name, "column", "label", "heading") for name in names)

    def row(self, label: str, said: str, *texts: str, style: Style = Style.PLAIN) -> Row:
        """A labelled value, with its speaker or the field of the facts that it is; an empty one reads "not stated"."""
        value = tuple(Line(self.clipped(text), style) for text in texts if text)
        unknown = (Line(self.say("document.unknown"), Style.QUIET),)
        return Row(self.say(f"label.{label}"), value or unknown, self.speaker(said))

    def speaker(self, said: str) -> str:
        """The word for who says it: a :class:`Speaker`, or whose word the table calls a field of the facts."""
        backing = BACKINGS.get(said)
        if backing is None:
            return self.say(f"speaker.{Speaker(said)}")
        if backing.standing is not Standing.CHECKED:
            return self.say(f"speaker.{backing.standing}")
        if not self.sealed:
            return self.say("speaker.recorded")
        if backing.check == "facts":  # a digest, beside which there is no room for more words
            return self.say("speaker.sealed")
        return self.say("speaker.checked", check=backing.check)

    def numbers(self, every: Iterable[int]) -> str:
        """Some numbers one after the other."""
        return self.say("document.joined").join(map(str, every))

    def time_row(self, label: str, moment: datetime | None, said: str = Speaker.RECORDED) -> Row:
        """A time, in UTC and local."""
        shown = Line(self.say("document.no_time"), Style.QUIET) if moment is None else Line(self.both_times(moment))
        return Row(self.say(f"label.{label}"), (shown,), self.speaker(said))

    def both_times(self, moment: datetime) -> str:
        """The time in UTC, then local when there is a zone."""
        utc = self.time(moment)
        if self.zone is None:
            return utc
        local = moment.astimezone(self.zone)
        time, offset = f"{local:%Y-%m-%d %H:%M:%S}", f"{local:%z}"
        return f"{utc} · {self.say('time.local', time=time, offset=offset, zone=self.zone.key)}"

    def time(self, moment: datetime) -> str:
        """The time in UTC, to the second, the rest cut off."""
        return self.say("time.utc", time=moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))

    def day(self, moment: datetime) -> str:
        """The date in the local zone, or in UTC without one."""
        return moment.astimezone(self.zone or UTC).strftime("%Y-%m-%d")

    def clipped(self, text: str, limit: int = MAX_TEXT) -> str:
        """The text, cut after ``limit`` characters with a note of how many follow."""
        return text if len(text) <= limit else self.say(self.clip, text=text[:limit], n=len(text) - limit)

    def quoted(self, text: str) -> str:
        """Text that an installation's operator may have written: clipped, and quoted as its words."""
        return self.say("document.quoted", text=self.quotable(text))

    def quotable(self, text: str) -> str:
        """Text as it stands between quotation marks: clipped, and with none that ends them."""
        return self.clipped(text.translate(_QUOTES))

    def aligned(self, verification: Verification) -> str:
        """The alignment in one sentence, such as "aligned over 94% of the registered picture, mirrored"."""
        if verification.transform is None:
            return self.say("match.not_aligned")
        turned = self.say("match.mirrored") if verification.mirrored else ""
        if verification.rotation % 360:
            turned += self.say("match.turned", degrees=verification.rotation % 360)
        return self.say("match.aligned", share=percent(verification.overlap_work), turned=turned)


def ratio_words(value: float) -> str:
    """A likelihood ratio: whole from 10 on, one decimal from 1 on, two digits below; the rest cut off."""
    if value >= 1:
        return f"{math.floor(value + 1e-9):,}" if value >= 10 else f"{floored(value, 1):.1f}"
    digits = 1 - math.floor(math.log10(value))
    return f"{floored(value, digits):.{digits}f}"


def percent(share: float) -> str:
    """Whole percent, rounded down: 0.949 is ``94%``."""
    return f"{math.floor(share * 100 + 1e-9)}%"


def figure(share: float) -> str:
    """Three decimals, the rest cut off: 0.9499 is ``0.949``."""
    return f"{floored(share, 3):.3f}"


def floored(value: float, digits: int) -> float:
    """The number with so many decimals, the rest cut off: nothing is rounded up."""
    steps = float(10**digits)
    return math.floor(value * steps + 1e-9) / steps


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone, or ``None`` for UTC; ``WrongUseError`` when there is no such zone."""
    if name in {"", "UTC"}:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        hint = "Use an IANA name such as Asia/Shanghai, or UTC."
        raise WrongUseError(f"The time zone {name!r} isn't known here.", hint=hint) from error
