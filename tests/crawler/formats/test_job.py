import json
from typing import Any

import pytest

from crawler.formats.job import Job, Kind, Scope, UserAgent
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError

SMALLEST = {"bytes_dir": "b", "urls": [{"url": "http://example.org/"}]}


def test_job_round_trips_through_json() -> None:
    known_pictures = {"http://example.org/i.jpg": {"etag": '"1"', "digest": "ab" * 32}}
    more = {
        "follow": False,
        "kinds": ["page", "image"],
        "limits": {"pages": 5, "seconds": 2},
        "politeness": {"host_delays": {"cdn.example": 2}},
        "user_agent": {"token": "Someone", "email": "a@example.org"},
        "allowed_networks": ["127.0.0.0/8"],
        "denied_hosts": {"example.net": "asked"},
        "known": known_pictures,
        "scope": {"hosts": ["example.org"]},
    }
    job = Job.from_json(json.dumps(SMALLEST | more))
    assert Job.from_json(job.to_json()) == job
    assert job.limits.seconds == 2.0
    assert job.known["http://example.org/i.jpg"].digest == Digest.from_hex("ab" * 32)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"urls": []}, "job: enter either sources or urls"),
        ({"urls": [{"url": 5}]}, "job.urls[0].url must be a text"),
        ({"urls": [{"uri": "x"}]}, "job.urls[0].uri is not a known field. Did you mean url?"),
        ({"urls": [{}]}, "job.urls[0].url is missing"),
        ({"urls": "x"}, "job.urls must be a list"),
        ({"urls": [{"url": "x", "kind": "book"}]}, "job.urls[0].kind must be one of page"),
        ({"bytes_dir": None}, "job.bytes_dir must be a path"),
        ({"limits": {"pages": 0}}, "limits.pages must be at least 1"),
        ({"limits": {"pages": True}}, "job.limits.pages must be a whole number"),
        ({"limits": {"seconds": "9"}}, "job.limits.seconds must be a number"),
        ({"limits": {"seconds": float("nan")}}, "limits.seconds must be at least"),
        ({"limits": 3}, "job.limits must be an object"),
        ({"politeness": {"delay": -1}}, "politeness.delay must be at least 0"),
        ({"politeness": {"host_delays": {"a": "b"}}}, "job.politeness.host_delays['a'] must be a number"),
        ({"user_agent": {"token": "no spaces"}}, "user_agent.token must consist"),
        ({"user_agent": {"email": "a b"}}, "user_agent.email must be ASCII"),
        ({"user_agent": {"url": "x\r\ny"}}, "user_agent.url must be ASCII"),
        ({"allowed_networks": ["all"]}, "job.allowed_networks[0] is not a network"),
        ({"known": {"u": {"digest": "ab"}}}, "job.known['u'].digest must be 64 hexadecimal digits"),
        ({"follow": "yes"}, "job.follow must be true or false"),
        ({"folow": True}, "job.folow is not a known field. Did you mean follow?"),
        ({"urls": [], "sources": [{"kind": "site"}]}, "a source of kind site needs url"),
        ({"urls": [], "sources": [{"kind": "site", "url": "x", "path": "y"}]}, "a source of kind site has no path"),
        (
            {"urls": [], "sources": [{"kind": "folder", "path": "x"}, {"kind": "site", "url": "y"}]},
            "cannot be combined",
        ),
    ],
)
def test_invalid_job_error_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Job.from_json(json.dumps(SMALLEST | change))
    assert field in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", "5", "[]", "null", "[" * 100_000])
def test_non_job_input_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        Job.from_json(text)


def test_sources_define_targets_and_scope() -> None:
    sources = [
        {"kind": "site", "url": "https://www.example.co.uk/"},
        {"kind": "sitemap", "url": "https://a.example.com/s.xml"},
        {"kind": "feed", "url": "https://example.com/feed"},
        {"kind": "list", "urls": ["https://example.com/1", "https://someone.github.io/2"]},
    ]
    job = Job.from_json(json.dumps({"bytes_dir": "b", "sources": sources}))
    assert [target.kind for target in job.list_targets()] == [Kind.PAGE, Kind.SITEMAP, Kind.FEED, Kind.PAGE, Kind.PAGE]
    assert job.resolve_scope().domains == ("example.co.uk", "example.com", "someone.github.io")


def test_scope_contains_hosts_and_whole_domains() -> None:
    scope = Scope(hosts=("one.example.org",), domains=("example.com",))
    assert scope.contains("http://one.example.org:81/a")
    assert scope.contains("https://deep.www.example.com/")
    assert not scope.contains("https://two.example.org/")
    assert not scope.contains("https://notexample.com/")
    assert Scope(domains=("*",)).contains("https://anything.example/")


def test_user_agent_identifies_operator_and_contact() -> None:
    assert UserAgent().to_header() == "ExhibitBot/0.1"
    agent = UserAgent(token="Bot", version="2", url="https://e.org/bot", email="a@e.org")
    assert agent.to_header() == "Bot/2 (+https://e.org/bot; a@e.org)"
