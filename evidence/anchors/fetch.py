"""HTTP requests to timestamp services, with common limits and a common error if a service does not respond."""

from collections.abc import Mapping

import requests

from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import get_url_origin
from exhibit.network.http import read_limited
from exhibit.sentences import Sentence, concatenate_sentences

MAX_RESPONSE_BYTES = 1 << 20
_NO_RESPONSE_SENTENCES = {
    "https.": Sentence("https://%(place)s did not respond."),
    "https:": Sentence("https://%(place)s did not respond:"),
    "http.": Sentence("http://%(place)s did not respond."),
    "http:": Sentence("http://%(place)s did not respond:"),
}


def send_request(
    session: requests.Session,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    max_bytes: int = MAX_RESPONSE_BYTES,
) -> tuple[int, bytes]:
    """Send one request (``GET`` without a body, else ``POST``), and return status and response body.

    Raises:
        ServiceMissingError: There is no response in time, or the response exceeds the limit.
        RefusedError: The network guard blocks the request.
    """
    method = "GET" if body is None else "POST"
    try:
        response = session.request(method, url, data=body, headers=dict(headers or {}), auth=auth, stream=True)
        return response.status_code, read_limited(response, max_bytes)
    except requests.RequestException as error:
        raise ServiceMissingError(_describe_no_response(url, ".")) from error
    except RefusedError as error:
        if error.reason in {"too-slow", "too-many-bytes", "unresolvable"}:
            raise ServiceMissingError(concatenate_sentences(_describe_no_response(url, ":"), error.message)) from error
        raise


def _describe_no_response(url: str, ending: str) -> Sentence:
    """Return a sentence with scheme and host of a URL, without its path, which may contain an operator's API key."""
    scheme, _, host = get_url_origin(url).partition("://")
    return Sentence(_NO_RESPONSE_SENTENCES[f"{'https' if scheme == 'https' else 'http'}{ending}"], place=host)
