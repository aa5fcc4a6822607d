"""Images that style sheets name."""

import re
from collections.abc import Iterable, Iterator

import tinycss2
from tinycss2.ast import Node

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)  # one that isn't closed reaches to the end
_HINT = re.compile(r"url\(|image-set\(", re.IGNORECASE)
_IMPORT = re.compile(r"@import\b[^;}]{0,2000}", re.IGNORECASE)
_FONT_FACE = re.compile(r"@font-face\b", re.IGNORECASE)
_AT_ADDRESS = re.compile(r"\s*@(?:import|namespace)\b", re.IGNORECASE)
_BOUNDARY = re.compile(r"[;{]")
_FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def images_of(text: str) -> list[str]:
    """The addresses in ``url()`` and ``image-set()`` of a sheet or of declarations, as written, each once.

    tinycss2 reads (CSS Syntax Module Level 3), but only the blocks that can hold an address: reading a whole framework
    takes it a second. Fonts and imported sheets are left out.
    """
    if not _HINT.search(text):
        return []
    found: dict[str, None] = {}
    for block in _COMMENT.sub(" ", text).split("}"):
        if not _HINT.search(block) or _FONT_FACE.search(_prelude(block)):
            continue
        for declaration in block.split(";") if "data:" not in block else (block,):
            if _HINT.search(declaration) and not _AT_ADDRESS.match(declaration):
                found.update(dict.fromkeys(_addresses(tinycss2.parse_component_value_list(declaration))))
    return [address for address in found if not _is_font(address) and "\ufffd" not in address]


def imports_of(text: str) -> list[str]:
    """The addresses of the sheets that a sheet imports, as written."""
    if "@import" not in text.lower():
        return []
    found: list[str] = []
    for match in _IMPORT.finditer(_COMMENT.sub(" ", text)):
        nodes = tinycss2.parse_component_value_list(match[0])
        strings = (node.value for node in nodes if node.type in ("string", "url"))
        called = _addresses(node for node in nodes if node.type == "function")
        address = next((token for group in (strings, called) for token in group), "")
        if address:
            found.append(address)
    return found


def _prelude(block: str) -> str:
    """What stands before the innermost opening brace: the selector, or the at-rule."""
    return _BOUNDARY.split(block.rpartition("{")[0])[-1]


def _addresses(nodes: Iterable[Node]) -> Iterator[str]:
    waiting: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(nodes))]
    while waiting:
        node, in_set = waiting.pop()
        if node.type == "url" or (node.type == "string" and in_set):
            yield node.value
        elif node.type == "function":
            names_images = node.lower_name in ("url", "image-set", "-webkit-image-set")
            waiting += [(argument, names_images) for argument in reversed(node.arguments)]
        elif node.type in ("{} block", "() block", "[] block"):
            waiting += [(token, in_set) for token in reversed(node.content)]


def _is_font(address: str) -> bool:
    return address.partition("?")[0].partition("#")[0].lower().endswith(_FONTS)
