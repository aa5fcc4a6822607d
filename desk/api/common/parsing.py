"""How bodies are read: numbers as JSON Schema understands them."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser as UsualParser


class Parser(UsualParser):
    """Takes ``1.0`` and ``1e3`` for the whole numbers that they are; fields of whole numbers take no others."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The JSON of a body."""
        found: dict[str, Any] = json.loads(request.body, parse_float=_number)
        return found


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number
