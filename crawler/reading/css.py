"""Images and sheets that style sheets name."""

import re

import tinycss2

_TOKEN = re.compile(
    r"""
    /\*.*?(?:\*/|\Z)  # a comment; one that isn't closed reaches to the end
    | (?P<url>(?<![\w-])url\(\s*+(?:
        "(?:\\.|[^"\\\n])*+"\s*+(?:\)|\Z) | '(?:\\.|[^'\\\n])*+'\s*+(?:\)|\Z) | (?:\\.|[^()"'\\])*+(?:\)|\Z)))
    | (?P<set>(?<![\w-])(?:-webkit-)?image-set\()
    | (?P<string>"(?:\\.|[^"\\\n])*+(?:"|\n|\Z) | '(?:\\.|[^'\\\n])*+(?:'|\n|\Z))
    | \\.  # an escape outside of strings
    | @(?P<at>import|namespace|font-face)\b
    | (?P<sign>[(){};])
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_HINT = re.compile(r"url\(|image-set\(|@import", re.IGNORECASE)
_FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def read_sheet(text: str) -> tuple[list[str], list[str]]:
    """The images in ``url()`` and ``image-set()`` of a sheet or of declarations, and the sheets that it imports.

    Addresses are as written, each once; fonts are left out. The tokens that can name something are cut out in one pass,
    as CSS Syntax Module Level 3 tells them apart, and tinycss2 reads those: for a whole framework it takes a second.
    """
    images: dict[str, None] = {}
    imports: dict[str, None] = {}
    if not _HINT.search(text):
        return [], []
    at, inside = "", 0  # the at-rule that is open; brackets that are open since the image-set began
    for match in _TOKEN.finditer(text):
        kind, cut = match.lastgroup, match[0]
        if kind == "at":
            at = match["at"].lower()
        elif kind == "set":
            inside = 1
        elif kind == "sign" and cut in "()":
            inside += {"(": 1, ")": -1}[cut] if inside else 0
        elif kind == "sign":
            inside = 0
            at = "" if cut == "}" or (cut == ";" and at != "font-face") else at
        elif (kind == "url" or (kind == "string" and (inside == 1 or at == "import"))) and at in ("", "import"):
            (imports if at == "import" else images)[_address(cut)] = None
            at = ""
    return [address for address in images if _is_image(address)], [address for address in imports if address]


def _address(token: str) -> str:
    """What a string or a ``url()`` means, its escapes undone."""
    nodes = tinycss2.parse_component_value_list(token)
    if nodes and nodes[0].type == "function":
        nodes = [part for part in nodes[0].arguments if part.type != "whitespace"]
    return nodes[0].value if nodes and nodes[0].type in ("url", "string") else ""


def _is_image(address: str) -> bool:
    path = address.partition("?")[0].partition("#")[0]
    return bool(path) and "\ufffd" not in address and not path.lower().endswith(_FONTS)
