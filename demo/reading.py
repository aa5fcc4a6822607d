"""Reads the JSON of the product's command line into the few facts that the demonstration needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from exhibit.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class RegisteredWork:
    """One line of `work add --json`. `flags` says why it can't be matched safely, `conflicts` who was earlier."""

    number: int
    file: str
    flags: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenUse:
    """A match at a place, within a case."""

    page_url: str
    image_url: str
    decision: str
    licence: int | None


@dataclass(frozen=True, slots=True)
class SeenCase:
    """One line of `case list --json`. `sealed` counts bundles, `anchored` those whose witnesses have all answered."""

    number: int
    work: str
    party: str
    decision: str
    uses: tuple[SeenUse, ...]
    sealed: int
    anchored: int

    @property
    def is_certain(self) -> bool:
        """Whether a use in it is certain and no licence covers it."""
        return any(use.decision == "certain" and use.licence is None for use in self.uses)


@dataclass(frozen=True, slots=True)
class SeenRefusal:
    """One refusal of `crawl show --json`."""

    url: str
    reason: str


def works_of(answer: object) -> list[RegisteredWork]:
    """Read `work add --json`: `{"works": [{"number", "file", "flags": […], "conflicts": [{"sentence"}]}]}`."""
    return [
        RegisteredWork(
            _number(one, "number"),
            _text(one, "file"),
            tuple(map(str, _list(one, "flags"))),
            tuple(_text(conflict, "sentence") for conflict in _list(one, "conflicts")),
        )
        for one in _list(answer, "works")
    ]


def cases_of(answer: object) -> list[SeenCase]:
    """Read `case list --json`.

    `{"cases": [{"number", "work": {"file"}, "party", "decision", "uses": [{"page_url", "image_url", "match",
    "licence"}], "bundles": [{"seal", "receipts": [{"subject", "state"}]}]}]}`, where `match` is `certain` or `review`,
    `licence` the number of the licence that covers the use, or null, and `seal` null before a bundle is sealed.
    """
    return [
        SeenCase(
            _number(one, "number"),
            _text(_value(one, "work"), "file"),
            _text(one, "party"),
            _text(one, "decision"),
            tuple(map(_use, _list(one, "uses"))),
            sum(_value(bundle, "seal") is not None for bundle in _list(one, "bundles")),
            sum(_answered(_list(bundle, "receipts")) for bundle in _list(one, "bundles")),
        )
        for one in _list(answer, "cases")
    ]


def _answered(receipts: list[object]) -> bool:
    """Whether the log's checkpoint is witnessed, and no witness is still to answer in full."""
    complete = all(_text(receipt, "state") == "complete" for receipt in receipts)
    return complete and any(_text(receipt, "subject") == "checkpoint" for receipt in receipts)


def _use(one: object) -> SeenUse:
    licence = _value(one, "licence")
    return SeenUse(
        _text(one, "page_url"),
        _text(one, "image_url"),
        _text(one, "match"),
        licence if isinstance(licence, int) else None,
    )


def refusals_of(answer: object) -> list[SeenRefusal]:
    """Read `crawl show --json`: `{"refusals": [{"url", "reason"}]}`."""
    return [SeenRefusal(_text(one, "url"), _text(one, "reason")) for one in _list(answer, "refusals")]


def files_of(answer: object) -> list[str]:
    """Read `report make --json` or `bundle get --json`: `{"files": ["path", …]}`."""
    return [str(file) for file in _list(answer, "files")]


def verdicts_of(answer: object) -> dict[str, str]:
    """Read `verify --json`: `{"bundles": [{"file", "verdict"}]}`; return the verdict by file."""
    return {_text(one, "file"): _text(one, "verdict") for one in _list(answer, "bundles")}


def _value(holder: object, key: str) -> object:
    if not isinstance(holder, Mapping) or key not in holder:
        raise IntegrityError(f"An answer of the command line lacks {key!r}.", hint="Look into the demonstration's log.")
    found: object = holder[key]
    return found


def _text(holder: object, key: str) -> str:
    return str(_value(holder, key))


def _number(holder: object, key: str) -> int:
    found = _value(holder, key)
    if not isinstance(found, int):
        raise IntegrityError(f"{key!r} isn't a number in an answer of the command line.")
    return found


def _list(holder: object, key: str) -> list[object]:
    found = _value(holder, key)
    if not isinstance(found, list):
        raise IntegrityError(f"{key!r} isn't a list in an answer of the command line.")
    return found
