"""Test that pages are compressed."""

import gzip
import re

from django.test import Client

from registry.models import User
from tests.desk.web.middleware.test_assets import GZIP


def test_a_page_is_compressed_and_no_two_have_the_same_token_or_length(db: None) -> None:
    User.objects.create_user("ann@example.org", "ann@example.org", "not used at all")
    client = Client()
    answers = [client.get("/sign-in/", headers=GZIP) for _ in range(8)]
    assert {one.headers["Content-Encoding"] for one in answers} == {"gzip"}
    pages = [gzip.decompress(one.content).decode() for one in answers]
    tokens = [re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0] for page in pages]
    assert len(set(tokens)) == len(tokens)
    assert len({len(one.content) for one in answers}) > 1
    assert "Content-Encoding" not in client.get("/sign-in/").headers
