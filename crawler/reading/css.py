"""Images and imported sheets that style sheets name."""

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
_URL_HINT = re.compile(r"url\(|image-set\(|@import", re.IGNORECASE)
_FONT_SUFFIXES = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def read_sheet(text: str) -> tuple[list[str], list[str]]:
    """Return the images in ``url()`` and ``image-set()`` of a sheet or declarations, and the imported sheets.

    URLs are returned as written, each once; fonts are omitted. One pass cuts out the tokens that can contain URLs, as
    CSS Syntax Module Level 3 defines them. tinycss2 parses only those, because it takes a second for the sheet of a
    framework.
    """
    images: dict[str, None] = {}
    imports: dict[str, None] = {}
    if not _URL_HINT.search(text):
        return [], []
    at_rule, bracket_depth = "", 0  # the open at-rule; number of open brackets since the start of the image-set
    for match in _TOKEN.finditer(text):
        kind, lexeme = match.lastgroup, match[0]
        if kind == "at":
            at_rule = match["at"].lower()
        elif kind == "set":
            bracket_depth = 1
        elif kind == "sign" and lexeme in "()":
            bracket_depth += {"(": 1, ")": -1}[lexeme] if bracket_depth else 0
        elif kind == "sign":
            bracket_depth = 0
            at_rule = "" if lexeme == "}" or (lexeme == ";" and at_rule != "font-face") else at_rule
        elif (kind == "url" or (kind == "string" and (bracket_depth == 1 or at_rule == "import"))) and at_rule in (
            "",
            "import",
        ):
            (imports if at_rule == "import" else images)[_read_token(lexeme)] = None
            at_rule = ""
    return [address for address in images if _is_image(address)], [address for address in imports if address]


def _read_token(lexeme: str) -> str:
    """Return the value of a string or ``url()`` lexeme, unescaped."""
    nodes = tinycss2.parse_component_value_list(lexeme)
    if nodes and nodes[0].type == "function":
        nodes = [node for node in nodes[0].arguments if node.type != "whitespace"]
    return nodes[0].value if nodes and nodes[0].type in ("url", "string") else ""


def _is_image(address: str) -> bool:
    path = address.partition("?")[0].partition("#")[0]
    return bool(path) and "\ufffd" not in address and not path.lower().endswith(_FONT_SUFFIXES)
