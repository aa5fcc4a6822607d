"""Test that pages are compressed."""

import gzip
import re

from django.test import Client

from registry.models import User
from tests.desk.web.middleware.test_assets import GZIP


def test_compressed_pages_vary_in_csrf_token_and_length(db: None) -> None:
    User.objects.create_user("ann@example.org", "ann@example.org", "not used at all")
    client = Client()
    responses = [client.get("/sign-in/", headers=GZIP) for _ in range(8)]
    assert {answer.headers["Content-Encoding"] for answer in responses} == {"gzip"}
    pages = [gzip.decompress(answer.content).decode() for answer in responses]
    tokens = [re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0] for page in pages]
    assert len(set(tokens)) == len(tokens)
    assert len({len(answer.content) for answer in responses}) > 1
    assert "Content-Encoding" not in client.get("/sign-in/").headers
