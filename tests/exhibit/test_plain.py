import pytest

from exhibit.plain import fold_name, has_visible_letter, remove_control_chars, replace_unprintable, to_one_line


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_control_characters_are_removed_and_words_are_kept(text: str, expected: str) -> None:
    assert remove_control_chars(text) == expected
    assert remove_control_chars(expected) == expected


def test_text_is_reduced_to_one_line_with_single_spaces() -> None:
    assert to_one_line("  Two\n\n lines\t\x07 of  words ") == "Two lines of words"


def test_spaces_of_every_width_are_kept_and_deceptive_characters_are_not() -> None:
    words = "\u00c9ditions\u00a0Dupont 5\u202f000\u2009km \u4f5c\u8005\u3000\u738b\n"
    assert replace_unprintable(words) == words
    assert (
        replace_unprintable("a\x1b[2J\u202eb\u2066c\u200bd\u2028e\tf\x85")
        == "a\ufffd[2J\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffd"
    )


@pytest.mark.parametrize("name", ["Ann", "山水", "7", "\u200bÉ", "ـب"])
def test_text_with_a_visible_letter_is_accepted_as_a_name(name: str) -> None:
    assert has_visible_letter(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u3164",
        "\uffa0\u115f\u1160",
        "\u2800",
        "\u200b\u2060\ufeff",
        "\u00ad",
        "\u034f",
        "\ufe0f",
        "--",
        "\U000e0041",
    ],
)
def test_text_without_visible_letters_is_not_a_name(name: str) -> None:
    assert not has_visible_letter(name)


def test_indistinguishable_names_are_equal() -> None:
    same = ["Ann Lee", "ann lee", " ANN  LEE\n", "\uff21nn Lee", "A\u200bnn\u3000Lee", "Ann\u3164 Lee"]
    assert len({fold_name(name) for name in same}) == 1
    marked = ("Ann\u034f", "A\ufe0fnn", "\u17b4Ann", "An\u180bn", "Ann\U000e0100")
    assert {fold_name(name) for name in marked} == {"ann"}
    assert len({fold_name(name) for name in ("Ann", "Anne", "A nn", "Bea", "")}) == 5
