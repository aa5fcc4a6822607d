"""Updates the site's translation catalogues: adds new messages, removes unused ones, and compiles the catalogues.

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
LOCALE = ROOT / "desk" / "locale"
ACCOUNTS = ROOT / "desk" / "locale_of_accounts"
"""Overrides of the messages of allauth and Django on account pages; written by hand, compiled here."""
LANGUAGES = ("zh_Hans",)
OF_ACCOUNTS = ("en", *LANGUAGES)
"""Includes English, so that all pages use the same term where these packages use another."""
KEYWORDS = {
    **dict.fromkeys(("gettext", "gettext_lazy", "gettext_noop", "_"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
CONTEXT = "sentence"
"""The context defined in ``exhibit.sentences``."""
Identity = tuple[str | None, str, str]
"""Context, message, and plural message, which is empty for messages without a number."""


@cache
def marked_messages() -> dict[Identity, set[str]]:
    """Return all messages marked for translation, with the files that contain them."""
    messages: dict[Identity, set[str]] = {}
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            for identity in _marked(path):
                messages.setdefault(identity, set()).add(path.relative_to(ROOT).as_posix())
    return messages


def _marked(path: Path) -> Iterator[Identity]:
    if path.suffix == ".py":
        source = path.read_text(encoding="utf-8")
    elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
        turned = templatize(path.read_text(encoding="utf-8"), origin=path.name)
        source = "\n".join(line.lstrip() for line in turned.splitlines())  # indentation in templates is meaningless
    else:
        return
    file = io.BytesIO(source.encode("utf-8"))
    for _line, message, _comments, context in extract("python", file, keywords=KEYWORDS, options={"encoding": "utf-8"}):
        single, several = (message[0], message[1]) if isinstance(message, tuple) else (message, "")
        if single:
            yield context, single, several
    file.seek(0)
    for _line, message, *_more in extract("python", file, keywords={"Sentence": (1,)}, options={"encoding": "utf-8"}):
        if isinstance(message, str) and message:
            yield CONTEXT, message, ""


def catalogue(language: str, folder: Path = LOCALE) -> Path:
    """Return the path of a language's editable catalogue."""
    return folder / language / "LC_MESSAGES" / "django.po"


def compiled(language: str, folder: Path = LOCALE) -> Path:
    """Return the path of the compiled catalogue that the site reads."""
    return catalogue(language, folder).with_suffix(".mo")


def update_catalogue(language: str) -> int:
    """Update a catalogue from the sources and compile it. Returns the number of untranslated messages."""
    path = catalogue(language)
    old = {_identity(entry): entry for entry in polib.pofile(str(path))} if path.exists() else {}
    new = polib.POFile(wrapwidth=110)
    new.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    for identity, files in sorted(
        marked_messages().items(), key=lambda entry: (min(entry[1]), entry[0][1], entry[0][0] or "")
    ):
        entry = old.get(identity) or _empty(identity)
        entry.occurrences, entry.flags = [(file, "") for file in sorted(files)], []
        if "%(" in entry.msgid:
            entry.flags = ["python-format"]
        new.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(path))
    new.save_as_mofile(str(compiled(language)))
    return len(new.untranslated_entries())


def _identity(entry: polib.POEntry) -> Identity:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def _empty(identity: Identity) -> polib.POEntry:
    context, single, several = identity
    plural = {"msgid_plural": several, "msgstr_plural": {0: ""}} if several else {}
    return polib.POEntry(msgctxt=context, msgid=single, **plural)


def main() -> int:
    """Update all catalogues. Returns 1 if any message is untranslated."""
    settings.configure(USE_I18N=False)
    for language in OF_ACCOUNTS:
        polib.pofile(str(catalogue(language, ACCOUNTS))).save_as_mofile(str(compiled(language, ACCOUNTS)))
    untranslated = {language: update_catalogue(language) for language in LANGUAGES}
    for language, count in untranslated.items():
        print(f"{language}: {count} of {len(marked_messages())} messages are not translated.")
    return int(any(untranslated.values()))


if __name__ == "__main__":
    sys.exit(main())
