"""Reader of delimited text (CSV, RFC 4180), used for all such tables.

It is strict, and skips only what it cannot read: an invalid line yields a problem with its number, and reading
continues with the next line. Lines may end with CR, LF or both, and a quoted field may span several lines. A quotation
mark that is never closed, or is closed by one in a later row, invalidates only its own line.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import islice, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from exhibit.errors import RefusedError
from exhibit.sentences import Sentence

SEPARATORS = (",", ";", "\t", "|")
_EMPTY = "".join(SEPARATORS) + ' "'
MAX_LINE = 1 << 20
"""Maximum characters in a line. Longer lines are skipped."""
MAX_SPAN = 1_000
"""Maximum number of lines that one row may span."""
MAX_SHOWN = 80
"""Number of characters shown of a line with a problem."""
_BLOCK = 1 << 18
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BAD = "\udfff"
"""Replacement for bytes that cannot be decoded. It never occurs in text."""
codecs.register_error("exhibit-marked", lambda error: (_BAD, error.end))  # type: ignore[attr-defined]


class Problem(StrEnum):
    """Reason why a line is not a row."""

    ENCODING = "encoding"
    TOO_LONG = "line-too-long"
    NOT_TEXT = "not-text"
    QUOTES = "not-a-row"
    FIELDS = "fields"


class Row(NamedTuple):
    """A row, or the problem of a line."""

    line: int  # number of its first line in the file, from 1
    cells: Sequence[str]
    problem: Problem | None = None
    text: str = ""  # beginning of a line with a problem


class Delimited:
    """A table with its separator, its header row and an iterator over its rows, which can be read once."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        is_heading: Callable[[str], bool] = lambda _head: False,
        begins: Callable[[Sequence[str], Sequence[str]], bool] = lambda _heads, _cells: False,
        sample: int = _BLOCK,
        encoding: str = "",
    ) -> None:
        """Read the header row.

        Args:
            stream: Table as bytes.
            is_heading: Returns True for known headings. The separator that yields most known headings is chosen.
            begins: Returns True if a line within a quoted field, given the headings and its fields, would be a row of
                its own. Then the previous quotation mark was left open.
            sample: Number of bytes used to detect the encoding.
            encoding: Encoding of the table; detected if empty.

        Raises:
            RefusedError: The header row cannot be read.
        """
        self._begins = begins
        self._decoder = _Decoder(encoding)
        self._lines = _Lines(_texts(stream, sample, self._decoder))
        self.separator, self.heads, self.first_line = self._read_heads(is_heading)

    @property
    def encoding(self) -> str:
        """Encoding detected so far. Empty if it is unknown; lines with non-ASCII characters are then problems."""
        return self._decoder.encoding

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows after the header, without empty lines."""
        width = len(self.heads)
        while (row := self._next(self.separator, width)) is not None:
            cells = row.cells
            if row.problem is None and len(cells) != width:
                while len(cells) > width and not cells[-1]:
                    cells = cells[:-1]
                wrong = len(cells) != width
                row = Row(
                    row.line, cells, Problem.FIELDS if wrong else None, self.separator.join(row.cells)[:MAX_SHOWN]
                )
            yield row

    def _read_heads(self, is_heading: Callable[[str], bool]) -> tuple[str, list[str], int]:
        separators: Sequence[str] = SEPARATORS
        while (first := self._lines.next()) is not None and first.problem is None:
            if first.text[:4].lower() == "sep=" and first.text[4:] in SEPARATORS:  # Excel's own first line
                separators = [first.text[4:]]
            elif first.text.strip(_EMPTY):  # a sheet may begin with blank lines
                break
        if first is None:
            return separators[0], [], 0
        self._lines.put_back([first])

        def fit(separator: str) -> tuple[int, int]:
            try:
                cells = next(csv.reader([first.text[:_BLOCK]], delimiter=separator), [])
            except csv.Error:  # a field longer than the limit of the csv module
                return 0, 0
            return sum(is_heading(cell.strip()) for cell in cells), len(cells)

        separator = max(separators, key=fit) if first.problem is None else separators[0]
        row = self._next(separator, 0)
        assert row is not None
        if row.problem is not None:
            sentence = Sentence(
                "Line %(line)d, which contains the column headings, cannot be read as text.", line=row.line
            )
            hint = Sentence("Check for a missing closing quotation mark, or save the file as CSV UTF-8.")
            raise RefusedError(sentence, reason="unreadable", hint=hint)
        heads = [cell.strip() for cell in row.cells]
        while heads and not heads[-1]:
            heads.pop()
        return separator, heads, row.line

    def _next(self, separator: str, width: int) -> Row | None:
        """Return the next row. ``width`` is the number of fields of rows that span several lines, 0 for any number."""
        while (first := self._lines.next()) is not None:
            text = first.text
            if first.problem is not None:
                return Row(first.number, (), first.problem, text[:MAX_SHOWN])
            if not text:
                continue
            if '"' not in text:
                return Row(first.number, text.split(separator))
            cells = _parsed(text, separator)
            if cells is None:
                cells = self._over_lines(text, separator, width)
            return Row(first.number, cells or (), None if cells else Problem.QUOTES, "" if cells else text[:MAX_SHOWN])
        return None

    def _over_lines(self, text: str, separator: str, width: int) -> list[str] | None:
        """Return the fields of a row that continues on the next lines; else ``None``, with those lines unread."""
        cells = _parsed(text + '"', separator)
        if cells is None:  # no field is open: the quotation marks do not match
            return None
        further_lines: list[_Text] = []
        size = len(text)
        while len(further_lines) < MAX_SPAN and size < MAX_LINE:
            if (line := self._lines.next()) is None:
                break
            further_lines.append(line)
            size += len(line.text)
            if line.problem is not None or (width and self._is_row(line.text, separator, width)):
                break
            if '"' not in line.text:
                cells[-1] += f"\n{line.text}"
                continue
            rest = _parsed(f'"{line.text}', separator)
            ends = rest is not None
            rest = rest or _parsed(f'"{line.text}"', separator)
            if rest is None:
                break
            cells[-1] += f"\n{rest[0]}"
            cells += rest[1:]
            if ends:
                if width and len(cells) != width:
                    break
                return cells
        self._lines.put_back(further_lines)
        return None

    def _is_row(self, text: str, separator: str, width: int) -> bool:
        cells = _parsed(text, separator)
        return cells is not None and len(cells) == width and self._begins(self.heads, cells)


def records(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table file as dictionaries. Raises ``RefusedError``, naming the line, for an invalid row."""
    with path.open("rb") as file:
        table = Delimited(file)
        for row in table:
            if row.problem is not None:
                problem = Sentence("Line %(line)d of %(name)s cannot be read as a row.", name=path.name, line=row.line)
                raise RefusedError(problem, reason="unreadable", hint=Sentence("Check its quotation marks and fields."))
            yield dict(zip(table.heads, row.cells, strict=True))


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Format rows as CSV (RFC 4180), escaping formulas so that no spreadsheet evaluates user content."""
    out = io.StringIO(newline="")
    lines = ([escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue()


def escape_formula(text: str) -> str:
    """Prefix a text with an apostrophe if a spreadsheet would evaluate it (OWASP, CSV Injection).

    Formulas begin with =, +, - or @, or with a character that is normalised to one of them, such as the full-width
    forms. Leading blanks and invisible characters are ignored. Tabs and line breaks begin another cell.
    """
    begin = next((sign for sign in text if not (sign.isspace() or unicodedata.category(sign) in _INVISIBLE)), "")
    is_formula = unicodedata.normalize("NFKC", begin)[:1] in _FORMULA_SIGNS if begin else False
    return f"'{text}" if is_formula or text.startswith(("\t", "\r", "\n")) else text


_INVISIBLE = frozenset({"Cc", "Cf", "Mn"})
_FORMULA_SIGNS = frozenset("=+-@−")


def _parsed(text: str, separator: str) -> list[str] | None:
    """Return the fields of a line, or ``None`` if its quotation marks do not match."""
    try:
        return next(csv.reader([text], strict=True, delimiter=separator))
    except csv.Error:
        return None


class _Text(NamedTuple):
    number: int
    text: str
    problem: Problem | None = None


class _Lines:
    """An iterator of lines with push-back."""

    def __init__(self, lines: Iterator[_Text]) -> None:
        self._lines, self._waiting = lines, deque[_Text]()

    def next(self) -> _Text | None:
        """Return the next line, or ``None`` at the end."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def put_back(self, lines: Sequence[_Text]) -> None:
        """Push lines back, to be returned next."""
        self._waiting.extendleft(reversed(lines))


class _Decoder:
    """Incremental decoder that detects the encoding from the first block with non-ASCII bytes."""

    def __init__(self, encoding: str = "") -> None:
        self.encoding, self._given = "ascii", encoding
        self._inner: codecs.IncrementalDecoder | None = None

    def decode(self, block: bytes, final: bool = False) -> str:  # noqa: FBT001, FBT002 - as codecs have it
        if self._inner is None:
            if block.isascii() and not _SHIFTED.search(block) and b"\0" not in block:
                return block.decode("ascii")
            self.encoding = self._given or encoding_of(block)
            self._inner = codecs.getincrementaldecoder(self.encoding or "utf-8")("exhibit-marked")
            for mark, _encoding in _MARKS:
                block = block.removeprefix(mark)
        return self._inner.decode(block, final)


def _texts(stream: BinaryIO, sample: int, decoder: _Decoder) -> Iterator[_Text]:
    """Yield the lines without their line endings."""
    translated = io.IncrementalNewlineDecoder(decoder, translate=True)  # type: ignore[arg-type]
    number, rest, passed, size, block = 1, "", False, sample, b" "
    while block:
        block = stream.read1(size)  # type: ignore[attr-defined]
        size = _BLOCK
        *lines, rest = f"{rest}{translated.decode(block, final=not block)}".split("\n")
        for line in lines:
            yield _checked(number, line, passed=passed)
            number, passed = number + 1, False
        if len(rest) > MAX_LINE:
            rest, passed = rest[:MAX_SHOWN], True
    if rest:
        yield _checked(number, rest, passed=passed)


def _checked(number: int, text: str, *, passed: bool) -> _Text:
    if passed or len(text) > MAX_LINE:
        return _Text(number, text[:MAX_SHOWN].replace(_BAD, "\ufffd"), Problem.TOO_LONG)
    if _BAD in text:
        return _Text(number, text.replace(_BAD, "\ufffd"), Problem.ENCODING)
    return _Text(number, text, Problem.NOT_TEXT) if "\0" in text else _Text(number, text)


_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿŠŽšžŒœŸ"
_UNLIKELY = re.compile(
    r"[\x80-\x9f¤¦¬¯¶¸¨±µ¹÷×ÐÞðþÝý]"  # undefined in Windows-1252, or rare in any text
    r"|[À-ÖØ-öø-ÿŠŽšžŒœŸ]{3}"  # three such letters in a row: another alphabet
    rf"|(?<![{_LETTERS}])[À-ÖØ-öø-ÿŠŽšžŒœŸ]{{2}}(?![{_LETTERS}])"
    rf"|(?<=[{_LETTERS}])[^\x00-\x7f{_LETTERS}’‘“”»«–—…™®©ªº°²³ ](?=[{_LETTERS}])"  # a symbol within a word
    rf"|[£¥§](?=[{_LETTERS}])|(?<=[{_LETTERS}])[‚„ƒ‹¡¿²³ªº°](?=[{_LETTERS}])"
    r"|[€‚ƒ„†‡ˆ‰‹•˜™›¡¢£¥§©«ª®°²³´·º»¼½¾¿]{2}"
    r"|[a-zß-öø-ÿ][À-ÖØ-ÞŠŽŒŸ](?![À-ÖØ-ÞA-Z])"  # a capital letter within a word
    r"|(?<=[A-Z])[ŠŽŸ](?=[a-z])"  # after another capital, before a small letter: vowels of MacRoman
)
_GBK_SIGNS = frozenset({0xA1, 0xA2})
_SHIFTED = re.compile(rb"\x1b[$(][@-Z]")
"""Escape sequences of ISO-2022-JP, which is otherwise ASCII (RFC 1468)."""
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]|\x1b[$(][@-Z]")
_RARE = re.compile("[\u0250-\u02ff\u0460-\u048f\u0590-\u05cf\u0700-\u07ff]")
"""Rare letters among those with two bytes in UTF-8: Syriac, Thaana, phonetic and historic ones."""
_WITHIN_A_WORD = re.compile("[A-Za-z][^\x00-\x7f][A-Za-z]")

ENCODINGS: Mapping[str, str] = MappingProxyType({
    "UTF-8": "utf-8", "UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be",
    "windows-1252": "cp1252", "macintosh": "mac_roman", "windows-1250": "cp1250", "ISO-8859-2": "iso8859_2",
    "windows-1251": "cp1251", "KOI8-R": "koi8_r", "windows-1253": "cp1253", "windows-1254": "cp1254",
    "windows-1257": "cp1257", "GBK": "gb18030", "Big5": "cp950", "Shift_JIS": "cp932", "EUC-JP": "euc_jp",
    "ISO-2022-JP": "iso2022_jp", "EUC-KR": "cp949", "TIS-620": "cp874", "IBM850": "cp850",
})  # fmt: skip
"""Encodings that a user can select: IANA name to Python codec. Each codec is the superset in common use."""
_EAST_ASIAN = re.compile("[\u2e80-\u9fff\uac00-\ud7a3]")
_SCRIPTS = re.compile(r"^(LATIN|CYRILLIC|GREEK|HANGUL|CJK|HIRAGANA|KATAKANA|THAI)")
MAX_COMPARED = 200
"""Number of lines with non-ASCII letters that are used to compare encodings."""
MOST_STRANGE = 0.5
SAMPLE_LINES, MAX_SAMPLE = 3, 120
"""Number of sample lines that show how a text reads in an encoding, and maximum characters of each."""


class Candidate(NamedTuple):
    """A possible encoding of a text, with sample lines decoded in it."""

    encoding: str  # IANA name, a key of :data:`ENCODINGS`
    lines: tuple[str, ...]


def candidates_of(data: bytes) -> list[Candidate]:
    """Return the possible encodings of a text, likeliest first. Of encodings with equal results, only one is listed."""
    readings: dict[tuple[str, ...], tuple[float, str]] = {}
    for name, encoding in ENCODINGS.items():
        lines = _lines_beyond_ascii(data, encoding)
        score = _strangeness("\n".join(lines))
        if lines and score < MOST_STRANGE and lines not in readings:
            readings[lines] = score, name
    # Show the lines in which the readings differ most.
    distinct = [len(set(same)) for same in zip(*readings, strict=False)]
    line_numbers = sorted(sorted(range(len(distinct)), key=lambda place: -distinct[place])[:SAMPLE_LINES])
    ordered = sorted(readings.items(), key=lambda reading: reading[1][0])
    return [Candidate(name, tuple(lines[at][:MAX_SAMPLE] for at in line_numbers)) for lines, (_score, name) in ordered]


def _lines_beyond_ascii(data: bytes, encoding: str) -> tuple[str, ...]:
    """Decode the first lines with non-ASCII letters; none if the beginning is not valid in this encoding."""
    head = data[_first_beyond_ascii(data) :][:_BLOCK]
    for mark, _encoding in _MARKS:
        head = head.removeprefix(mark)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return ()
    if encoding.startswith("utf-16") != (0 in head) or "\0" in text:  # only UTF-16 has zero bytes in separators
        return ()
    lines = re.split("\r\n|\r|\n", text)
    return tuple(islice((line for line in lines if not line.isascii()), MAX_COMPARED))


def _first_beyond_ascii(data: bytes) -> int:
    """Return the offset of the first line with non-ASCII bytes or an escape sequence; 0 for text with NUL bytes."""
    match = None if b"\0" in data[:_BLOCK] else _BEYOND_ASCII.search(data)
    return 0 if match is None else max(data.rfind(b"\n", 0, match.start()), data.rfind(b"\r", 0, match.start())) + 1


def _strangeness(text: str) -> float:
    """Return the share of the non-ASCII characters that are unlikely in any table, 0 to 1.

    Unlikely are symbols within words, control characters, words in several scripts, and capitals and East Asian
    characters after small letters.
    """
    strange = beyond = 0
    for word in re.findall(r"[^\s,;|\"]+", text):
        signs = [sign for sign in word if sign > "\x7f"]
        beyond += len(signs)
        scripts = {match[1] for sign in word if (match := _SCRIPTS.match(unicodedata.name(sign, "")))}
        if scripts >= {"CJK", "HANGUL"} or len(scripts - {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}) > 1:
            strange += len(signs)
            continue
        strange += sum(unicodedata.category(sign) in _STRANGE and sign not in _USUAL for sign in signs)
        strange += len(_SIGN_WITHIN_A_WORD.findall(word))
        strange += sum(a.islower() and b.isupper() for a, b in pairwise(word) if b > "\x7f")
        strange += sum("a" <= a <= "z" and bool(_EAST_ASIAN.match(b)) for a, b in pairwise(word))
    return min(1.0, strange / beyond) if beyond else 1.0


_USUAL = frozenset("©®™°€£¥«»“”„‘’–—…·•ªº²³½×¿¡")
_SIGN_WITHIN_A_WORD = re.compile("(?<=[^\\W\\d_])[©®™°€£¥§“”„…•ªº²³½×¿¡](?=[^\\W\\d_])")
_STRANGE = frozenset({"Cc", "Cn", "Co", "Cs", "Sm", "Sk", "No", "Lm", "So", "Sc", "Cf"})


def encoding_of(data: bytes) -> str:
    """Detect the encoding from the beginning of a text. Returns a Python codec name, or an empty string if unknown.

    Detects UTF-8; UTF-16; GBK (GB 18030), if no other East Asian or Cyrillic encoding yields likely words; and
    Windows-1252 for words of Western Europe. Windows-1252 is only the likeliest reading: other single-byte encodings
    can yield likely words, so users must see the result before names are used. A text with mostly valid UTF-8 lines is
    UTF-8 with damaged lines.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    zeros, beyond = data.count(0), len(data.translate(None, bytes(range(128))))
    if _decodes(data, "utf-8") and zeros * 5 < len(data):
        return "" if _SHIFTED.search(data) or _may_be_two_byte(data) else "utf-8"
    if zeros and max(zeros, beyond) * 5 >= len(data):
        # Every other byte of a separator is zero; the position of the zeros shows the byte order.
        encoding = "utf-16-be" if data[0::2].count(0) > data[1::2].count(0) else "utf-16-le"
        return encoding if _decodes(data, encoding) else ""
    if _is_mostly_utf_8(data):
        return "utf-8"
    if _looks_like_gbk(data):
        return "" if _may_be_another(data) else "gb18030"
    text = data.decode("cp1252", "exhibit-marked")
    return "" if _BAD in text or _UNLIKELY.search(text) else "cp1252"


def _decodes(data: bytes, encoding: str) -> bool:
    """Return True if this beginning of a text is valid in an encoding. It may end within a character."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _may_be_two_byte(data: bytes) -> bool:
    """Return True if valid UTF-8 may also be short words in a two-byte encoding, such as 小雪 in GBK.

    In that case all of it reads as two-byte letters, some of which are rare.
    """
    text = data[_first_beyond_ascii(data) :][:_BLOCK].decode("utf-8", "ignore")
    beyond = [sign for sign in text if sign > "\x7f"]
    rare = sum(bool(_RARE.match(sign)) for sign in beyond)
    return rare * 4 >= max(1, len(beyond)) and all(sign <= "\u07ff" for sign in beyond)


def _is_mostly_utf_8(data: bytes) -> bool:
    """Return True if at least two non-ASCII lines, and the majority of them, are valid UTF-8."""
    lines = [line for line in re.split(rb"[\r\n]+", data[:_BLOCK])[:-1] if not line.isascii()]
    sound = sum(_decodes(line, "utf-8") for line in lines)
    return sound > 1 and sound * 2 > len(lines)


def _may_be_another(text: bytes) -> bool:
    """Return True if a text that looks like GBK may be Korean, Japanese or Cyrillic; few words are ambiguous.

    Chinese words use characters from the whole GB 2312 table. In EUC-KR and EUC-JP, everyday words use only a part of
    it, and in Cyrillic encodings all non-ASCII bytes are letters.
    """
    data = text[:_BLOCK]
    with suppress(UnicodeDecodeError):
        signs = [sign for sign in codecs.getincrementaldecoder("cp949")().decode(data) if sign > "\x7f"]
        if sum("가" <= sign <= "힣" for sign in signs) >= 0.8 * sum(sign.isalpha() for sign in signs):
            return True
    with suppress(UnicodeDecodeError):
        japanese = codecs.getincrementaldecoder("euc_jp")().decode(data)
        signs = [sign for sign in japanese if sign > "\x7f" and sign.isalpha()]
        common = sum("\u3041" <= sign <= "\u30ff" or sign.encode("euc_jp")[0] <= 0xCF for sign in signs)
        if common >= 0.95 * len(signs):
            return True
    beyond = bytes(byte for byte in data if byte > 0x7F)
    return any(
        sum("\u0410" <= sign <= "\u044f" for sign in beyond.decode(encoding, "replace")) >= 0.95 * len(beyond)
        for encoding in ("cp1251", "koi8_r", "iso8859_5", "mac_cyrillic")
    )


def _looks_like_gbk(data: bytes) -> bool:
    """Return True if nearly all non-ASCII characters are common Chinese ones, as in no other encoding."""
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(data)
    except UnicodeDecodeError:
        return False
    if _WITHIN_A_WORD.search(text):  # two letters of Central Europe
        return False
    codes = [sign.encode("gb18030") for sign in text if ord(sign) > 0x7F]
    common = sum(len(code) == 2 and code[1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] == 0xA3) for code in codes)
    marks = sum(len(code) == 2 and code[1] >= 0xA1 and code[0] in _GBK_SIGNS for code in codes)
    return bool(codes) and common > 0 and common + marks >= 0.8 * len(codes)
