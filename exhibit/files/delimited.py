"""Reader of delimited text (CSV, RFC 4180), used for all imported tables.

The reader is strict, and skips only unreadable lines: an invalid line yields a problem with its number, and reading
continues with the next line. Lines may end with CR, LF or both, and a quoted field may span several lines. A missing
closing quotation mark invalidates only its own line, even if a later row contains quotation marks.
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
_BLANK_CHARS = "".join(SEPARATORS) + ' "'
MAX_LINE_LENGTH = 1 << 20
"""Maximum characters in a line. Longer lines are skipped."""
MAX_ROW_LINES = 1_000
"""Maximum number of lines that one row may span."""
MAX_SHOWN_LENGTH = 80
"""Maximum number of characters shown of a line with a problem."""
_BLOCK_BYTES = 1 << 18
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UNDECODABLE_CHAR = "\udfff"
"""Replacement for bytes that cannot be decoded. It never occurs in text."""
codecs.register_error("exhibit-marked", lambda error: (_UNDECODABLE_CHAR, error.end))  # type: ignore[attr-defined]


class RowProblem(StrEnum):
    """Reason why a line could not be read as a row."""

    ENCODING = "encoding"
    TOO_LONG = "line-too-long"
    NOT_TEXT = "not-text"
    QUOTES = "not-a-row"
    FIELDS = "fields"


class Row(NamedTuple):
    """Row of a table, or a line with a problem."""

    line: int  # number of its first line in the file, from 1
    cells: Sequence[str]
    problem: RowProblem | None = None
    text: str = ""  # beginning of a line with a problem


class DelimitedTable:
    """Table with its separator, its header row, and an iterator over its rows. The rows can be read once."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        is_heading: Callable[[str], bool] = lambda _head: False,
        starts_row: Callable[[Sequence[str], Sequence[str]], bool] = lambda _heads, _cells: False,
        sample_bytes: int = _BLOCK_BYTES,
        encoding: str = "",
    ) -> None:
        """Read the header row.

        Args:
            stream: Table as bytes.
            is_heading: Returns True for known headings. The separator that yields the most known headings is used.
            starts_row: Called with the headings and the fields of a line within a quoted field. Returns True if the
                line is a row of its own, so that the previous quotation mark was left open.
            sample_bytes: Number of bytes used to detect the encoding.
            encoding: Encoding of the table; detected if empty.

        Raises:
            RefusedError: The header row cannot be read.
        """
        self._starts_row = starts_row
        self._decoder = _Decoder(encoding)
        self._lines = _LineReader(_read_lines(stream, sample_bytes, self._decoder))
        self.separator, self.headings, self.first_line = self._read_headings(is_heading)

    @property
    def encoding(self) -> str:
        """Detected encoding, "ascii" until then. If it is empty (unknown), lines with other characters are problems."""
        return self._decoder.encoding

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows after the header, without empty lines."""
        width = len(self.headings)
        while (row := self._read_row(self.separator, width)) is not None:
            cells = row.cells
            if row.problem is None and len(cells) != width:
                while len(cells) > width and not cells[-1]:
                    cells = cells[:-1]
                has_wrong_width = len(cells) != width
                row = Row(
                    row.line,
                    cells,
                    RowProblem.FIELDS if has_wrong_width else None,
                    self.separator.join(row.cells)[:MAX_SHOWN_LENGTH],
                )
            yield row

    def _read_headings(self, is_heading: Callable[[str], bool]) -> tuple[str, list[str], int]:
        separators: Sequence[str] = SEPARATORS
        while (first := self._lines.next()) is not None and first.problem is None:
            if first.text[:4].lower() == "sep=" and first.text[4:] in SEPARATORS:  # Excel's line with the separator
                separators = [first.text[4:]]
            elif first.text.strip(_BLANK_CHARS):  # a table may start with blank lines
                break
        if first is None:
            return separators[0], [], 0
        self._lines.push_back([first])

        def count_known_headings(separator: str) -> tuple[int, int]:
            try:
                cells = next(csv.reader([first.text[:_BLOCK_BYTES]], delimiter=separator), [])
            except csv.Error:  # a field longer than the limit of the csv module
                return 0, 0
            return sum(is_heading(cell.strip()) for cell in cells), len(cells)

        separator = max(separators, key=count_known_headings) if first.problem is None else separators[0]
        row = self._read_row(separator, 0)
        assert row is not None
        if row.problem is not None:
            sentence = Sentence(
                "Line %(line)d, which contains the column headings, cannot be read as text.", line=row.line
            )
            hint = Sentence("Check for a missing closing quotation mark, or save the file as CSV UTF-8.")
            raise RefusedError(sentence, reason="unreadable", hint=hint)
        headings = [cell.strip() for cell in row.cells]
        while headings and not headings[-1]:
            headings.pop()
        return separator, headings, row.line

    def _read_row(self, separator: str, width: int) -> Row | None:
        """Return the next row. Rows that span several lines must have ``width`` fields; 0 allows any number."""
        while (first := self._lines.next()) is not None:
            text = first.text
            if first.problem is not None:
                return Row(first.number, (), first.problem, text[:MAX_SHOWN_LENGTH])
            if not text:
                continue
            if '"' not in text:
                return Row(first.number, text.split(separator))
            cells = _parse_line(text, separator)
            if cells is None:
                cells = self._parse_multiline_row(text, separator, width)
            return Row(
                first.number,
                cells or (),
                None if cells else RowProblem.QUOTES,
                "" if cells else text[:MAX_SHOWN_LENGTH],
            )
        return None

    def _parse_multiline_row(self, text: str, separator: str, width: int) -> list[str] | None:
        """Return the fields of a row that continues on the next lines.

        Returns ``None``, and pushes the lines back, if they do not complete the row.
        """
        cells = _parse_line(text + '"', separator)
        if cells is None:  # no field is open: the quotation marks do not match
            return None
        further_lines: list[_Line] = []
        size = len(text)
        while len(further_lines) < MAX_ROW_LINES and size < MAX_LINE_LENGTH:
            if (line := self._lines.next()) is None:
                break
            further_lines.append(line)
            size += len(line.text)
            if line.problem is not None or (width and self._is_row(line.text, separator, width)):
                break
            if '"' not in line.text:
                cells[-1] += f"\n{line.text}"
                continue
            further_cells = _parse_line(f'"{line.text}', separator)
            is_complete = further_cells is not None
            further_cells = further_cells or _parse_line(f'"{line.text}"', separator)
            if further_cells is None:
                break
            cells[-1] += f"\n{further_cells[0]}"
            cells += further_cells[1:]
            if is_complete:
                if width and len(cells) != width:
                    break
                return cells
        self._lines.push_back(further_lines)
        return None

    def _is_row(self, text: str, separator: str, width: int) -> bool:
        cells = _parse_line(text, separator)
        return cells is not None and len(cells) == width and self._starts_row(self.headings, cells)


def read_records(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table file as dictionaries. Raises ``RefusedError`` with the line number of invalid rows."""
    with path.open("rb") as file:
        table = DelimitedTable(file)
        for row in table:
            if row.problem is not None:
                problem = Sentence("Line %(line)d of %(name)s cannot be read as a row.", name=path.name, line=row.line)
                raise RefusedError(
                    problem, reason="unreadable", hint=Sentence("Check the quotation marks and fields of this line.")
                )
            yield dict(zip(table.headings, row.cells, strict=True))


def format_csv(rows: Iterable[Iterable[object]]) -> str:
    """Format rows as CSV (RFC 4180), escaping formulas so that no spreadsheet evaluates user content."""
    out = io.StringIO(newline="")
    lines = ([escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue()


def escape_formula(text: str) -> str:
    """Prefix a text with an apostrophe if a spreadsheet would evaluate it (OWASP, CSV Injection).

    Formulas start with =, +, - or @, or with a character that is normalised to one of them, such as the full-width
    forms. Leading blanks and invisible characters are ignored. Leading tabs and line breaks may start a new cell, so
    they are escaped as well.
    """
    first_char = next(
        (char for char in text if not (char.isspace() or unicodedata.category(char) in _INVISIBLE_CATEGORIES)), ""
    )
    is_formula = unicodedata.normalize("NFKC", first_char)[:1] in _FORMULA_CHARS if first_char else False
    return f"'{text}" if is_formula or text.startswith(("\t", "\r", "\n")) else text


_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Mn"})
_FORMULA_CHARS = frozenset("=+-@−")


def _parse_line(text: str, separator: str) -> list[str] | None:
    """Return the fields of a line, or ``None`` if its quotation marks do not match."""
    try:
        return next(csv.reader([text], strict=True, delimiter=separator))
    except csv.Error:
        return None


class _Line(NamedTuple):
    number: int
    text: str
    problem: RowProblem | None = None


class _LineReader:
    """Iterator of lines with push-back."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines, self._pushed_back = lines, deque[_Line]()

    def next(self) -> _Line | None:
        """Return the next line, or ``None`` at the end."""
        return self._pushed_back.popleft() if self._pushed_back else next(self._lines, None)

    def push_back(self, lines: Sequence[_Line]) -> None:
        """Push lines back, to be returned next."""
        self._pushed_back.extendleft(reversed(lines))


class _Decoder:
    """Incremental decoder that detects the encoding from the first block with non-ASCII bytes."""

    def __init__(self, encoding: str = "") -> None:
        self.encoding, self._declared_encoding = "ascii", encoding
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, block: bytes, final: bool = False) -> str:  # noqa: FBT001, FBT002 - as codecs have it
        if self._decoder is None:
            if block.isascii() and not _ESCAPE_SEQUENCE.search(block) and b"\0" not in block:
                return block.decode("ascii")
            self.encoding = self._declared_encoding or detect_encoding(block)
            self._decoder = codecs.getincrementaldecoder(self.encoding or "utf-8")("exhibit-marked")
            for bom, _encoding in _BOMS:
                block = block.removeprefix(bom)
        return self._decoder.decode(block, final)


def _read_lines(stream: BinaryIO, sample_bytes: int, decoder: _Decoder) -> Iterator[_Line]:
    """Yield the lines without their line endings."""
    newline_decoder = io.IncrementalNewlineDecoder(decoder, translate=True)  # type: ignore[arg-type]
    number, remainder, is_truncated, size, block = 1, "", False, sample_bytes, b" "
    while block:
        block = stream.read1(size)  # type: ignore[attr-defined]
        size = _BLOCK_BYTES
        *lines, remainder = f"{remainder}{newline_decoder.decode(block, final=not block)}".split("\n")
        for line in lines:
            yield _check_line(number, line, is_truncated=is_truncated)
            number, is_truncated = number + 1, False
        if len(remainder) > MAX_LINE_LENGTH:
            remainder, is_truncated = remainder[:MAX_SHOWN_LENGTH], True
    if remainder:
        yield _check_line(number, remainder, is_truncated=is_truncated)


def _check_line(number: int, text: str, *, is_truncated: bool) -> _Line:
    if is_truncated or len(text) > MAX_LINE_LENGTH:
        return _Line(number, text[:MAX_SHOWN_LENGTH].replace(_UNDECODABLE_CHAR, "\ufffd"), RowProblem.TOO_LONG)
    if _UNDECODABLE_CHAR in text:
        return _Line(number, text.replace(_UNDECODABLE_CHAR, "\ufffd"), RowProblem.ENCODING)
    return _Line(number, text, RowProblem.NOT_TEXT) if "\0" in text else _Line(number, text)


_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿŠŽšžŒœŸ"
_UNLIKELY_TEXT = re.compile(
    r"[\x80-\x9f¤¦¬¯¶¸¨±µ¹÷×ÐÞðþÝý]"  # undefined in Windows-1252, or rare in any text
    r"|[À-ÖØ-öø-ÿŠŽšžŒœŸ]{3}"  # three such letters in a row: another alphabet
    rf"|(?<![{_LETTERS}])[À-ÖØ-öø-ÿŠŽšžŒœŸ]{{2}}(?![{_LETTERS}])"
    rf"|(?<=[{_LETTERS}])[^\x00-\x7f{_LETTERS}’‘“”»«–—…™®©ªº°²³ ](?=[{_LETTERS}])"  # a symbol within a word
    rf"|[£¥§](?=[{_LETTERS}])|(?<=[{_LETTERS}])[‚„ƒ‹¡¿²³ªº°](?=[{_LETTERS}])"
    r"|[€‚ƒ„†‡ˆ‰‹•˜™›¡¢£¥§©«ª®°²³´·º»¼½¾¿]{2}"
    r"|[a-zß-öø-ÿ][À-ÖØ-ÞŠŽŒŸ](?![À-ÖØ-ÞA-Z])"  # a capital letter within a word
    r"|(?<=[A-Z])[ŠŽŸ](?=[a-z])"  # after another capital, before a small letter: vowels of MacRoman
)
_GBK_SYMBOLS = frozenset({0xA1, 0xA2})
_ESCAPE_SEQUENCE = re.compile(rb"\x1b[$(][@-Z]")
"""Escape sequences of ISO-2022-JP, which is otherwise ASCII (RFC 1468)."""
_NON_ASCII = re.compile(rb"[\x80-\xff]|\x1b[$(][@-Z]")
_RARE_LETTERS = re.compile("[\u0250-\u02ff\u0460-\u048f\u0590-\u05cf\u0700-\u07ff]")
"""Rare letters with two bytes in UTF-8: Syriac, Thaana, phonetic and historic ones."""
_NON_ASCII_IN_WORD = re.compile("[A-Za-z][^\x00-\x7f][A-Za-z]")

ENCODINGS: Mapping[str, str] = MappingProxyType({
    "UTF-8": "utf-8", "UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be",
    "windows-1252": "cp1252", "macintosh": "mac_roman", "windows-1250": "cp1250", "ISO-8859-2": "iso8859_2",
    "windows-1251": "cp1251", "KOI8-R": "koi8_r", "windows-1253": "cp1253", "windows-1254": "cp1254",
    "windows-1257": "cp1257", "GBK": "gb18030", "Big5": "cp950", "Shift_JIS": "cp932", "EUC-JP": "euc_jp",
    "ISO-2022-JP": "iso2022_jp", "EUC-KR": "cp949", "TIS-620": "cp874", "IBM850": "cp850",
})  # fmt: skip
"""Encodings that a user can select: IANA name to Python codec. Each codec is the superset in common use."""
_EAST_ASIAN_CHARS = re.compile("[\u2e80-\u9fff\uac00-\ud7a3]")
_SCRIPTS = re.compile(r"^(LATIN|CYRILLIC|GREEK|HANGUL|CJK|HIRAGANA|KATAKANA|THAI)")
MAX_COMPARED_LINES = 200
"""Number of lines with non-ASCII letters that are used to compare encodings."""
MAX_IMPLAUSIBLE_FRACTION = 0.5
SAMPLE_LINES, MAX_SAMPLE_LENGTH = 3, 120
"""Number of sample lines of a text in an encoding, and maximum characters of each."""


class EncodingCandidate(NamedTuple):
    """A possible encoding of a text, with sample lines decoded in it."""

    encoding: str  # IANA name, a key of :data:`ENCODINGS`
    lines: tuple[str, ...]


def find_encodings(data: bytes) -> list[EncodingCandidate]:
    """Return the possible encodings of a text, likeliest first. Only one of several with equal results is included."""
    readings: dict[tuple[str, ...], tuple[float, str]] = {}
    for name, encoding in ENCODINGS.items():
        lines = _decode_non_ascii_lines(data, encoding)
        score = _compute_implausible_fraction("\n".join(lines))
        if lines and score < MAX_IMPLAUSIBLE_FRACTION and lines not in readings:
            readings[lines] = score, name
    # The samples are the lines in which the encodings differ most.
    distinct_counts = [len(set(column)) for column in zip(*readings, strict=False)]
    line_numbers = sorted(sorted(range(len(distinct_counts)), key=lambda index: -distinct_counts[index])[:SAMPLE_LINES])
    ordered = sorted(readings.items(), key=lambda reading: reading[1][0])
    return [
        EncodingCandidate(name, tuple(lines[line_number][:MAX_SAMPLE_LENGTH] for line_number in line_numbers))
        for lines, (_score, name) in ordered
    ]


def _decode_non_ascii_lines(data: bytes, encoding: str) -> tuple[str, ...]:
    """Decode the first lines with non-ASCII letters; none if the beginning is not valid in this encoding."""
    head = data[_find_non_ascii(data) :][:_BLOCK_BYTES]
    for bom, _encoding in _BOMS:
        head = head.removeprefix(bom)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return ()
    if encoding.startswith("utf-16") != (0 in head) or "\0" in text:  # only UTF-16 has zero bytes in separators
        return ()
    lines = re.split("\r\n|\r|\n", text)
    return tuple(islice((line for line in lines if not line.isascii()), MAX_COMPARED_LINES))


def _find_non_ascii(data: bytes) -> int:
    """Return the offset of the first line with non-ASCII bytes or an escape sequence; 0 for text with NUL bytes."""
    match = None if b"\0" in data[:_BLOCK_BYTES] else _NON_ASCII.search(data)
    return 0 if match is None else max(data.rfind(b"\n", 0, match.start()), data.rfind(b"\r", 0, match.start())) + 1


def _compute_implausible_fraction(text: str) -> float:
    """Return the fraction of the non-ASCII characters that are unlikely in any table, 0 to 1.

    Symbols within words, control characters, words in several scripts, and capitals and East Asian characters after
    small letters are unlikely.
    """
    strange_count = non_ascii_count = 0
    for word in re.findall(r"[^\s,;|\"]+", text):
        chars = [char for char in word if char > "\x7f"]
        non_ascii_count += len(chars)
        scripts = {match[1] for char in word if (match := _SCRIPTS.match(unicodedata.name(char, "")))}
        if scripts >= {"CJK", "HANGUL"} or len(scripts - {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}) > 1:
            strange_count += len(chars)
            continue
        strange_count += sum(
            unicodedata.category(char) in _IMPLAUSIBLE_CATEGORIES and char not in _COMMON_SYMBOLS for char in chars
        )
        strange_count += len(_SYMBOL_IN_WORD.findall(word))
        strange_count += sum(a.islower() and b.isupper() for a, b in pairwise(word) if b > "\x7f")
        strange_count += sum("a" <= a <= "z" and bool(_EAST_ASIAN_CHARS.match(b)) for a, b in pairwise(word))
    return min(1.0, strange_count / non_ascii_count) if non_ascii_count else 1.0


_COMMON_SYMBOLS = frozenset("©®™°€£¥«»“”„‘’–—…·•ªº²³½×¿¡")
_SYMBOL_IN_WORD = re.compile("(?<=[^\\W\\d_])[©®™°€£¥§“”„…•ªº²³½×¿¡](?=[^\\W\\d_])")
_IMPLAUSIBLE_CATEGORIES = frozenset({"Cc", "Cn", "Co", "Cs", "Sm", "Sk", "No", "Lm", "So", "Sc", "Cf"})


def detect_encoding(data: bytes) -> str:
    """Detect the encoding from the beginning of a text. Returns a Python codec name, or an empty string if unknown.

    Detects UTF-8; UTF-16; GBK (GB 18030), if no other East Asian or Cyrillic encoding yields likely words; and
    Windows-1252 for words of Western Europe. Windows-1252 is only the likeliest encoding: others with single bytes can
    also yield likely words, so users must see the result before names are used. A text with mostly valid UTF-8 lines
    counts as UTF-8 with damaged lines.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    zero_count, non_ascii_count = data.count(0), len(data.translate(None, bytes(range(128))))
    if _is_valid(data, "utf-8") and zero_count * 5 < len(data):
        return "" if _ESCAPE_SEQUENCE.search(data) or _may_be_double_byte(data) else "utf-8"
    if zero_count and max(zero_count, non_ascii_count) * 5 >= len(data):
        # Every other byte of a separator is zero; the position of the zeros shows the byte order.
        encoding = "utf-16-be" if data[0::2].count(0) > data[1::2].count(0) else "utf-16-le"
        return encoding if _is_valid(data, encoding) else ""
    if _is_mostly_utf_8(data):
        return "utf-8"
    if _looks_like_gbk(data):
        return "" if _may_be_other_encoding(data) else "gb18030"
    text = data.decode("cp1252", "exhibit-marked")
    return "" if _UNDECODABLE_CHAR in text or _UNLIKELY_TEXT.search(text) else "cp1252"


def _is_valid(data: bytes, encoding: str) -> bool:
    """Return True if the first bytes of a text are valid in an encoding. They may end within a character."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _may_be_double_byte(data: bytes) -> bool:
    """Return True if valid UTF-8 may also be short words in a two-byte encoding, such as 小雪 in GBK.

    In that case, all non-ASCII characters have two bytes in UTF-8, and some of them are rare letters.
    """
    text = data[_find_non_ascii(data) :][:_BLOCK_BYTES].decode("utf-8", "ignore")
    chars = [char for char in text if char > "\x7f"]
    rare_count = sum(bool(_RARE_LETTERS.match(char)) for char in chars)
    return rare_count * 4 >= max(1, len(chars)) and all(char <= "\u07ff" for char in chars)


def _is_mostly_utf_8(data: bytes) -> bool:
    """Return True if at least two non-ASCII lines, and the majority of them, are valid UTF-8."""
    lines = [line for line in re.split(rb"[\r\n]+", data[:_BLOCK_BYTES])[:-1] if not line.isascii()]
    valid_count = sum(_is_valid(line, "utf-8") for line in lines)
    return valid_count > 1 and valid_count * 2 > len(lines)


def _may_be_other_encoding(text: bytes) -> bool:
    """Return True if a text that looks like GBK may also be Korean, Japanese or Cyrillic.

    Only short texts are ambiguous. Chinese words use characters from the whole GB 2312 table. In EUC-KR and EUC-JP,
    everyday words use only a part of it, and in Cyrillic encodings all non-ASCII bytes are letters.
    """
    data = text[:_BLOCK_BYTES]
    with suppress(UnicodeDecodeError):
        chars = [char for char in codecs.getincrementaldecoder("cp949")().decode(data) if char > "\x7f"]
        if sum("가" <= char <= "힣" for char in chars) >= 0.8 * sum(char.isalpha() for char in chars):
            return True
    with suppress(UnicodeDecodeError):
        japanese = codecs.getincrementaldecoder("euc_jp")().decode(data)
        chars = [char for char in japanese if char > "\x7f" and char.isalpha()]
        common_count = sum("\u3041" <= char <= "\u30ff" or char.encode("euc_jp")[0] <= 0xCF for char in chars)
        if common_count >= 0.95 * len(chars):
            return True
    non_ascii = bytes(byte for byte in data if byte > 0x7F)
    return any(
        sum("\u0410" <= char <= "\u044f" for char in non_ascii.decode(encoding, "replace")) >= 0.95 * len(non_ascii)
        for encoding in ("cp1251", "koi8_r", "iso8859_5", "mac_cyrillic")
    )


def _looks_like_gbk(data: bytes) -> bool:
    """Return True if nearly all non-ASCII characters are common Chinese characters when decoded as GBK."""
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(data)
    except UnicodeDecodeError:
        return False
    if _NON_ASCII_IN_WORD.search(text):  # two letters of a Central European word, decoded as one character
        return False
    codes = [char.encode("gb18030") for char in text if ord(char) > 0x7F]
    common_count = sum(
        len(code) == 2 and code[1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] == 0xA3) for code in codes
    )
    symbol_count = sum(len(code) == 2 and code[1] >= 0xA1 and code[0] in _GBK_SYMBOLS for code in codes)
    return bool(codes) and common_count > 0 and common_count + symbol_count >= 0.8 * len(codes)
