import pytest

from exhibit.plain import one_line, plain, printable


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


def test_spaces_of_every_width_are_printed_and_what_deceives_is_not() -> None:
    words = "\u00c9ditions\u00a0Dupont 5\u202f000\u2009km \u4f5c\u8005\u3000\u738b\n"
    assert printable(words) == words
    assert (
        printable("a\x1b[2J\u202eb\u2066c\u200bd\u2028e\tf\x85")
        == "a\ufffd[2J\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffd"
    )
