"""Update the site's translation catalogues: add new messages, remove unused ones, and compile the catalogues.

    python3 tools/messages.py

Run it after changing messages, translate those that it lists in ``desk/locale/*/LC_MESSAGES/django.po``, and run it
again. GNU gettext is not needed: Django converts templates to Python, Babel parses Python, polib writes the catalogues.
"""

import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib
from babel.messages.extract import extract
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("desk", "workers", "registry", "evidence", "indexer", "crawler", "exhibit")
LOCALE_FOLDER = ROOT / "desk" / "locale"
ACCOUNTS_FOLDER = ROOT / "desk" / "locale_of_accounts"
"""Overrides of messages of allauth and Django on account pages. They are written by hand and compiled here."""
LANGUAGES = ("zh_Hans",)
ACCOUNTS_LANGUAGES = ("en", *LANGUAGES)
"""English is included to replace terms of these packages that differ from Exhibit's."""
KEYWORDS = {
    **dict.fromkeys(("gettext", "gettext_lazy", "gettext_noop", "_"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
SENTENCE_CONTEXT = "sentence"
"""Message context that is defined in ``exhibit.sentences``."""
MessageKey = tuple[str | None, str, str]
"""Context, message, and plural message. The last is empty for messages without a number."""


@cache
def find_marked_messages() -> dict[MessageKey, set[str]]:
    """Return all messages marked for translation, with the files that contain them."""
    messages: dict[MessageKey, set[str]] = {}
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            for identity in _extract_messages(path):
                messages.setdefault(identity, set()).add(path.relative_to(ROOT).as_posix())
    return messages


def _extract_messages(path: Path) -> Iterator[MessageKey]:
    if path.suffix == ".py":
        source = path.read_text(encoding="utf-8")
    elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
        template_code = templatize(path.read_text(encoding="utf-8"), origin=path.name)
        # Indentation in templates has no meaning.
        source = "\n".join(line.lstrip() for line in template_code.splitlines())
    else:
        return
    file = io.BytesIO(source.encode("utf-8"))
    for _line, message, _comments, context in extract("python", file, keywords=KEYWORDS, options={"encoding": "utf-8"}):
        singular, plural = (message[0], message[1]) if isinstance(message, tuple) else (message, "")
        if singular:
            yield context, singular, plural
    file.seek(0)
    for _line, message, *_more in extract("python", file, keywords={"Sentence": (1,)}, options={"encoding": "utf-8"}):
        if isinstance(message, str) and message:
            yield SENTENCE_CONTEXT, message, ""


def get_catalogue_path(language: str, folder: Path = LOCALE_FOLDER) -> Path:
    """Return the path of a language's editable catalogue."""
    return folder / language / "LC_MESSAGES" / "django.po"


def get_compiled_path(language: str, folder: Path = LOCALE_FOLDER) -> Path:
    """Return the path of the compiled catalogue that the site reads."""
    return get_catalogue_path(language, folder).with_suffix(".mo")


def update_catalogue(language: str) -> int:
    """Update a catalogue from the sources and compile it. Returns the number of untranslated messages."""
    path = get_catalogue_path(language)
    old = {_get_key(entry): entry for entry in polib.pofile(str(path))} if path.exists() else {}
    new = polib.POFile(wrapwidth=110)
    new.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    for identity, files in sorted(
        find_marked_messages().items(), key=lambda entry: (min(entry[1]), entry[0][1], entry[0][0] or "")
    ):
        entry = old.get(identity) or _create_entry(identity)
        entry.occurrences, entry.flags = [(file, "") for file in sorted(files)], []
        if "%(" in entry.msgid:
            entry.flags = ["python-format"]
        new.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(path))
    new.save_as_mofile(str(get_compiled_path(language)))
    return len(new.untranslated_entries())


def _get_key(entry: polib.POEntry) -> MessageKey:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def _create_entry(identity: MessageKey) -> polib.POEntry:
    context, singular, plural_form = identity
    plural = {"msgid_plural": plural_form, "msgstr_plural": {0: ""}} if plural_form else {}
    return polib.POEntry(msgctxt=context, msgid=singular, **plural)


def main() -> int:
    """Update all catalogues. Returns 1 if any message is untranslated."""
    settings.configure(USE_I18N=False)
    for language in ACCOUNTS_LANGUAGES:
        polib.pofile(str(get_catalogue_path(language, ACCOUNTS_FOLDER))).save_as_mofile(
            str(get_compiled_path(language, ACCOUNTS_FOLDER))
        )
    untranslated = {language: update_catalogue(language) for language in LANGUAGES}
    for language, count in untranslated.items():
        print(f"{language}: {count} of {len(find_marked_messages())} messages are not translated.")
    return int(any(untranslated.values()))


if __name__ == "__main__":
    sys.exit(main())
