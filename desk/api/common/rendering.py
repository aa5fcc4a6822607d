"""Rendering of responses as JSON."""

import json
import re
from functools import lru_cache

from django.http import HttpRequest
from ninja.renderers import JSONRenderer

from exhibit.plain import plain

_ESCAPED = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}|\\.")
"""Every character that JSON of ASCII doesn't write as itself, one that a terminal would act on among them."""


class Renderer(JSONRenderer):
    """Escape control characters, which old rows may contain."""

    def render(self, request: HttpRequest, data: object, *, response_status: int) -> str:
        """The text of an answer."""
        text = super().render(request, data, response_status=response_status)
        return _ESCAPED.sub(lambda match: _cleaned(match[0]), text)


@lru_cache(maxsize=4096)
def _cleaned(escaped: str) -> str:
    return escaped if plain(json.loads(f'"{escaped}"')) else ""
