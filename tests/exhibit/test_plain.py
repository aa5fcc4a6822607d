import pytest

from exhibit.plain import one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x07", "a[31mb"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\u2028b\u2066c\x85d", "abcd"),
        ("half \ud83d\ude00", "half "),
        ("\ufffe\uffff\x00", ""),
        ("lines\nstay\tso\r\n", "lines\nstay\tso\r\n"),
        ("山水 é 😀 \u200fשלום", "山水 é 😀 \u200fשלום"),
    ],
)
def test_what_acts_goes_and_words_stay(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(shown) == shown


def test_one_line_has_single_spaces() -> None:
    assert one_line("  Two\n\n lines\t\x07 of  words ") == "Two lines of words"
