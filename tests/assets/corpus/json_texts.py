"""JSON that two parsers could read differently, in every JSON file that is checked."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner
from evidence.schemas import build_schemas
from exhibit.entries import encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.corpus import Case, base, failing_case, pack_after
from tests.assets.resealing import FACTS, MANIFEST, seal_lie
from tests.assets.tampering import update_bag

Text = Callable[[str], str]


def replace_first(pattern: str, new: str | Callable[[re.Match[str]], str]) -> Text:
    """Return a function that replaces the first match of a pattern, which must exist."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, new, text, count=1)
        assert count
        return changed

    return change


def nest_brackets(depth: int) -> Text:
    """Return a function that adds a field in which ``depth`` brackets are open at once."""
    return lambda text: text.rstrip("}]") + ',"z":' + "[" * (depth - 1) + "]" * (depth - 1) + "}" * text.endswith("}")


def _escape_match(match: re.Match[str]) -> str:
    return f'{{"\\u{ord(match[1]):04x}{match[2]}":null,"{match[1]}{match[2]}":'


NUMBER = r'"(size|sequence)":(\d+)|"(development)":true'
TEXTS: dict[str, Text] = {
    "a byte order mark": lambda text: "\ufeff" + text,
    "a line at the end": lambda text: text + "\n",
    "a blank": replace_first(":", ": "),
    "a comment": lambda text: text + "/**/",
    "a comma too many": replace_first(r"\}(\]?)$", r",}\1"),
    "a name twice": replace_first(r'\{("\w+":)', r"{\1null,\1"),
    "a name twice, escaped": replace_first(r'\{"(\w)(\w+)":', _escape_match),
    "an unknown field": replace_first(r"\{", '{"a":1,'),
    "a field of null": replace_first(r'"(size|sequence|development)":(\w+)', r'"\1":null'),
    "a number as text": replace_first(NUMBER, r'"\1\3":"\2"'),
    "a fraction of zero": replace_first(NUMBER, r'"\1\3":\g<2>1.0'),
    "an exponent": replace_first(NUMBER, r'"\1\3":1e0'),
    "minus zero": replace_first(NUMBER, r'"\1\3":-0'),
    "a number beyond 2 to the 53rd": replace_first(NUMBER, r'"\1\3":9007199254740992'),
    "a giant number": replace_first(NUMBER, r'"\1\3":1e400'),
    "no number": replace_first(NUMBER, r'"\1\3":NaN'),
    "true for one": replace_first(NUMBER, r'"\1\3":[true]'),
    "capital digits": replace_first(r'[0-9]*[a-f][0-9a-f]{20,}"', lambda match: match[0].upper()),
    "half a character": replace_first(r"\{", '{"\\\\ud800":1,'),
    "65 brackets": nest_brackets(65),
    "64 brackets": nest_brackets(64),
    "a string that isn't closed": lambda text: text + '"' + '\\"' * 500_000,
    "nothing": lambda _: "",
    "null": lambda _: "null",
    "another object": lambda _: '{"x":1}',
    "only an array": lambda _: "[]",
}
LOG = ("entry", "inclusion", "checkpoint")
"""Checks that need both files of the log."""
FILES = {
    "proofs/log/entry.json": LOG,
    "proofs/log/inclusion.json": LOG,
    "proofs/log/consistency.json": ("consistency",),
    "proofs/anchors/index.json": ("anchors",),
}


def change_text(name: str, change: Text) -> Callable[[Files], Files]:
    """Change the text of a file and update the bag's lists."""
    return lambda files: update_bag({**files, name: change(files[name].decode()).encode()})


def seal_by_unpinned_key(files: Files) -> Files:
    """Seal the bundle with a stranger's key."""
    return seal_lie(files, lambda *_: None)


def seal_manifest_text(change: Text) -> Callable[[Files], Files]:
    """Change the manifest's text and sign it; everything around it is consistent."""

    def make(files: Files) -> Files:
        new = seal_by_unpinned_key(files)
        data = change(new[MANIFEST].decode()).encode("utf-8", "surrogatepass")
        signer = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
        return update_bag({**new, MANIFEST: data, "proofs/signature": signer.sign(data)})

    return make


def seal_facts_text(change: Text) -> Callable[[Files], Files]:
    """Change the text of the facts, and seal it."""
    return lambda files: seal_lie(files, lambda _, new: new.update({FACTS: change(new[FACTS].decode()).encode()}))


def set_null(path: tuple[str | int, ...]) -> Text:
    """Set a field of the facts to null."""

    def change(text: str) -> str:
        plain: Any = json.loads(text)
        place = plain
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = None
        return encode_canonical(plain).decode()

    return change


def nullable_paths(plain: Any, schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """Yield the paths of all fields that cannot be null; of each array only the first item is visited."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(plain, list) and plain and "items" in schema:
        yield from ((0, *path) for path in nullable_paths(plain[0], schema["items"], whole))
    if not isinstance(plain, dict):
        return
    for name, item in plain.items():
        inner = schema.get("properties", {}).get(name, {})
        if inner and "anyOf" not in inner:
            yield (name,)
            yield from ((name, *path) for path in nullable_paths(item, inner, whole))


SCHEMA = build_schemas()["facts"]
NULLS = sorted(nullable_paths(json.loads(base()[FACTS]), SCHEMA, SCHEMA), key=str)[::3]
CASES: dict[str, Case] = {
    f"{what} in {name}": failing_case(pack_after(change_text(name, text)), *checks)
    for name, checks in FILES.items()
    for what, text in list(TEXTS.items())[:: 1 if name.endswith("entry.json") else 3]
    if what != "only an array" or checks == LOG
}
CASES |= {
    f"{what} in the manifest": failing_case(pack_after(seal_manifest_text(text)), "manifest")
    for what, text in TEXTS.items()
}
CASES |= {
    f"{what} in the facts": failing_case(pack_after(seal_facts_text(text)), "facts") for what, text in TEXTS.items()
}
CASES |= {
    f"null for {'.'.join(map(str, path))}": failing_case(pack_after(seal_facts_text(set_null(path))), "facts")
    for path in NULLS
}
CASES["sealed by a stranger"] = Case(pack_after(seal_by_unpinned_key))
