"""What the software never checks, in the words of the catalogues, so that facts and documents say it alike."""

from collections.abc import Sequence

from evidence.documents.phrases import languages, load_phrases

STANDING = ("permission", "exceptions", "respondent", "title", "scripts", "elsewhere", "damages")


def standing_unchecked(language: str) -> tuple[str, ...]:
    """The sentences on what no case and no report checks; raises ``WrongUseError`` for an unknown language."""
    phrases = load_phrases(language)
    return tuple(phrases.say(f"unchecked.{key}") for key in STANDING)


def own_unchecked(sentences: Sequence[str]) -> tuple[str, ...]:
    """Those of a case's sentences that aren't standing ones, in whichever language they were written."""
    standing = {sentence for language in languages() for sentence in standing_unchecked(language)}
    return tuple(sentence for sentence in sentences if sentence not in standing)
