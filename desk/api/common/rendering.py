"""Rendering of responses as JSON."""

import json
import re
from functools import lru_cache

from django.http import HttpRequest
from ninja.renderers import JSONRenderer

from exhibit.plain import remove_control_chars

_ESCAPE_SEQUENCE = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}|\\.")
"""Matches each escape sequence of ASCII-only JSON, including those of control characters."""


class Renderer(JSONRenderer):
    """Escape control characters, which old rows may contain."""

    def render(self, request: HttpRequest, data: object, *, response_status: int) -> str:
        """Return the JSON text of a response."""
        text = super().render(request, data, response_status=response_status)
        return _ESCAPE_SEQUENCE.sub(lambda match: _clean_escape(match[0]), text)


@lru_cache(maxsize=4096)
def _clean_escape(escaped: str) -> str:
    return escaped if remove_control_chars(json.loads(f'"{escaped}"')) else ""
