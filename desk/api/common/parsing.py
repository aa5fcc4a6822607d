"""Parsing of request bodies, with numbers as in JSON Schema."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser as UsualParser


class Parser(UsualParser):
    """Accept ``1.0`` and ``1e3`` as integers. Fields of integers accept no other floats."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Parse the JSON body of a request."""
        body: dict[str, Any] = json.loads(request.body, parse_float=_parse_number)
        return body


def _parse_number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number
