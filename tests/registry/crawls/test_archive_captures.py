"""Test watches of a domain's captures in web archives: from the index to a sighting and a case."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.digests import Digest
from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError, RefusedError
from registry.crawls import archive_captures, crawling, watch_settings
from registry.crawls.watches import set_up_watch
from registry.db import steps
from registry.models import Case, Crawl, FrontierUrl, HostDenial, Inquiry, Owner, Pace, Refusal, Sighting, Watch
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import FAST, LOOPBACK
from tests.assets.site import Answer, Site, picture
from tests.assets.web_archive_server import ArchivedCapture, WebArchive, digest
from workers.tasks.sync_runner import SyncRunner

COPY = recompress(photograph(1))
URL = "http://photos.example/copy.jpg"
EACH_ARCHIVE = pytest.mark.parametrize("name", archive_captures.ARCHIVE_NAMES)


@pytest.fixture
def site(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for module in ("wayback", "common_crawl"):
        monkeypatch.setattr(f"crawler.archives.{module}.REQUEST_INTERVAL_SECONDS", 0.0)
    with Site(host="127.0.0.13") as running:
        inline.services.config = replace(
            inline.services.config,
            allowed_networks=(LOOPBACK,),
            wayback_url=running.url(""),
            common_crawl_url=running.url(""),
            common_crawl_data_url=running.url(""),
        )
        yield running


@pytest.fixture
def archived(site: Site) -> WebArchive:
    """Serve one copy of a work at three times, and another image."""
    archive = WebArchive([ArchivedCapture(URL, f"20{year}0303120000", COPY) for year in ("24", "19", "20")])
    archive.captures.append(ArchivedCapture("http://www.photos.example/other.jpg", "20240101000000", picture(7)))
    archive.serve(site)
    return archive


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    new_owner = owner("studio")
    register(inline.services, new_owner, photograph(1))
    return new_owner


def add_archive_watch(inline: SyncRunner, rights_holder: Owner, name: str, pages: int = 100, **options: str) -> Watch:
    subject = {"domains": ["photos.example"], **options}
    times = {"every": timedelta(days=7), "by": "Ann"}
    limits = {"budget": {"pages": pages}, "politeness": FAST}
    return set_up_watch(inline.services, rights_holder, name, [("archive", name)], **times, **limits, **subject)  # type: ignore[arg-type]


def run(inline: SyncRunner, watch: Watch) -> tuple[Crawl, Inquiry]:
    crawl = watch_settings.start_crawl_now(watch)
    inline.run_until_idle()
    crawl.refresh_from_db()
    return crawl, crawl.inquiries.get()


@pytest.mark.long
@EACH_ARCHIVE
@pytest.mark.usefixtures("archived")
def test_archived_copy_becomes_sighting_and_case_at_archive_time(
    name: str, inline: SyncRunner, studio: Owner, site: Site
) -> None:
    crawl, inquiry = run(inline, add_archive_watch(inline, studio, name))
    assert (crawl.state, crawl.reason, crawl.pages, inquiry.outcome) == ("done", "finished", 2, "")
    sighting = Sighting.objects.get(image_url=URL)
    assert (sighting.first_seen, sighting.last_seen, sighting.period) == (None, None, "2019-03-03T12:00Z")
    (statement,) = sighting.elsewhere
    expected = ("search-saw", archive_captures.ARCHIVE_TITLES[name], "2019-03-03T12:00:00Z")
    assert (statement["kind"], statement["by"], statement["stated"]) == expected
    archive_path = f"/web/20190303120000/{sighting.image_url}" if name == "wayback" else ""
    assert statement.get("where", "").endswith(archive_path)
    assert (sighting.found_in, sighting.page_url, sighting.party, sighting.private_to) == (
        name,
        URL,
        "photos.example",
        studio,
    )
    assert sighting.final_url.startswith(site.url("/web/20190303120000id_/" if name == "wayback" else "/crawl-data/"))
    assert sighting.peer == f"127.0.0.13:{site.port}"
    assert (sighting.status, sighting.media_type) == (200, "image/jpeg")
    assert sighting.picture.digest == Digest.from_bytes(COPY)
    assert inline.services.blobs.get(Digest.from_bytes(COPY)) == COPY
    assert Case.objects.get().owner == studio
    assert Sighting.objects.count() == 2
    assert not any("robots" in path for path in site.requested_paths())
    assert {request.headers["user-agent"].partition("/")[0] for request in site.requests} == {"ExhibitBot"}


@pytest.mark.long
@EACH_ARCHIVE
def test_bytes_not_matching_index_digest_are_rejected(
    name: str, inline: SyncRunner, studio: Owner, archived: WebArchive
) -> None:
    archived.captures[:] = [ArchivedCapture(URL, "20190303120000", COPY, digest=digest(b"other"))]
    crawl, _ = run(inline, add_archive_watch(inline, studio, name))
    refusal = Refusal.objects.get()
    assert (crawl.reason, refusal.reason, refusal.page_url) == ("finished", "wrong-digest", URL)
    assert not Sighting.objects.exists()


@pytest.mark.long
def test_mismatched_or_missing_capture_is_rejected(inline: SyncRunner, studio: Owner, archived: WebArchive) -> None:
    later = (("Memento-Datetime", "Mon, 04 Mar 2024 00:00:00 GMT"),)
    answers = {
        "2019": Answer(COPY, "image/jpeg", headers=later),
        "2020": Answer(b"", status=302, headers=(("Location", "/web/20240303120000id_/" + URL),)),
        "2021": Answer(b"", status=403),
    }
    archived.captures[:] = [
        ArchivedCapture(f"http://photos.example/{year}.jpg", f"{year}0303120000", COPY, digest=digest(year.encode()))
        for year in answers
    ]
    archived.answer = lambda request: answers.get(request.path[5:9]) if request.path.startswith("/web/") else None
    run(inline, add_archive_watch(inline, studio, "wayback"))
    reasons = dict(Refusal.objects.values_list("page_url", "reason"))
    assert [reasons[f"http://photos.example/{year}.jpg"] for year in answers] == [
        "other-capture", "other-capture", "excluded",
    ]  # fmt: skip
    assert not Sighting.objects.exists()


def test_rate_limited_record_stays_pending(inline: SyncRunner, studio: Owner, archived: WebArchive, site: Site) -> None:
    archived.answer = lambda request: (
        Answer(b"blocked", status=403) if request.path.startswith("/crawl-data/") else None
    )
    crawl = watch_settings.start_crawl_now(add_archive_watch(inline, studio, "common-crawl"))
    inline.run_until_idle()
    assert not Refusal.objects.filter(reason="excluded").exists()
    assert crawl.frontier.filter(kind="capture", state=FrontierUrl.State.PENDING).exists()
    assert crawling.list_paused_hosts(crawl)
    ranges = [call.headers["range"] for call in site.requests if call.path.startswith("/crawl-data/")]
    assert ranges
    assert len(ranges) == len(set(ranges)), "no record is requested again at once"


@pytest.mark.long
@EACH_ARCHIVE
def test_archive_runs_continue_where_the_previous_run_stopped_without_duplicates(
    name: str, inline: SyncRunner, studio: Owner, archived: WebArchive, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_captures, "PAGE_SIZE", 4)
    archived.captures[:] = [
        ArchivedCapture(f"http://photos.example/{number:02}.jpg", f"2019030312{attempt}000", picture(number))
        for number in range(7)
        for attempt in (1, 2)
    ]
    watch = add_archive_watch(inline, studio, name, pages=3)
    ends = [(*run(inline, watch),) for _ in range(3)]
    assert [crawl.pages for crawl, _ in ends] == [3, 3, 1]
    assert ends[0][1].outcome == "more"
    requests = [path for path in site.requested_paths() if path.startswith("/web/")]
    requests += [request.headers["range"] for request in site.requests if request.path.startswith("/crawl-data/")]
    assert len(requests) == len(set(requests)) == 7
    assert Sighting.objects.values("picture").distinct().count() == 7


@pytest.mark.long
def test_archive_retry_after_is_respected(inline: SyncRunner, studio: Owner, archived: WebArchive) -> None:
    busy = iter([Answer(b"", status=429, headers=(("Retry-After", "900"),))])
    archived.answer = lambda request: next(busy, None) if request.path.startswith("/cdx") else None
    watch_settings.start_crawl_now(add_archive_watch(inline, studio, "wayback"))
    inline.run_until_idle()
    row = Inquiry.objects.get()
    assert row.not_before is not None
    assert timedelta(minutes=14) < row.not_before - row.claimed_at < timedelta(minutes=16)  # type: ignore[operator]
    assert "Wayback Machine" in row.error
    Inquiry.objects.update(not_before=None)
    Pace.objects.all().delete()  # all other users of this archive wait as well
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    assert Sighting.objects.count() == 2


@pytest.mark.usefixtures("archived")
def test_watches_query_the_same_archive_one_at_a_time(
    inline: SyncRunner, studio: Owner, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = watch_settings.start_crawl_now(add_archive_watch(inline, studio, "wayback")).inquiries.get()
    steps.claim(Inquiry, [row.pk], inline.services.stale_after)
    with monkeypatch.context() as patch:
        patch.setattr(archive_captures, "hold_long", lambda *_given, **_more: nullcontext(enter_result=False))
        archive_captures.continue_inquiry(inline.services, row)
    row.refresh_from_db()
    assert (row.state, row.requests, len(site.requests)) == ("queued", 0, 0)
    assert row.not_before is not None


@pytest.mark.long
def test_archive_search_resumes_with_the_next_index_page_after_its_worker_is_killed(
    inline: SyncRunner, studio: Owner, archived: WebArchive, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_captures, "PAGE_SIZE", 2)
    archived.captures[:] = [
        ArchivedCapture(f"http://photos.example/{n}.jpg", "20190303120000", picture(n)) for n in range(6)
    ]

    crawl = watch_settings.start_crawl_now(add_archive_watch(inline, studio, "wayback"))
    with monkeypatch.context() as patch:
        original = archive_captures._store_captures

        def store_and_die(*args: object) -> bool:
            original(*args)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        patch.setattr(archive_captures, "_store_captures", store_and_die)
        row = crawl.inquiries.get()
        steps.claim(Inquiry, [row.pk], inline.services.stale_after)
        with pytest.raises(KeyboardInterrupt):
            archive_captures.continue_inquiry(inline.services, row)
        Inquiry.objects.update(state="queued", claimed_at=None)
    inline.run_until_idle()
    assert Sighting.objects.count() == 6
    queries = [path for path in site.requested_paths() if path.startswith("/cdx")]
    assert len(queries) == len(set(queries)) == 3


@EACH_ARCHIVE
def test_archive_without_pictures_is_reported(
    name: str, inline: SyncRunner, studio: Owner, archived: WebArchive
) -> None:
    archived.captures.clear()
    crawl, inquiry = run(inline, add_archive_watch(inline, studio, name))
    assert (crawl.reason, inquiry.outcome, inquiry.found) == ("finished", "nothing", 0)


def test_domain_excluded_by_an_archive_is_reported(inline: SyncRunner, studio: Owner, archived: WebArchive) -> None:
    archived.answer = lambda _: Answer(b"Blocked Site Error", status=403)
    run(inline, add_archive_watch(inline, studio, "wayback"))
    refusal = Refusal.objects.get()
    assert (refusal.reason, refusal.url) == ("excluded", "search:wayback?photos.example")


@pytest.mark.long
@pytest.mark.usefixtures("archived")
def test_denied_host_is_not_fetched_from_archive(inline: SyncRunner, studio: Owner, site: Site) -> None:
    HostDenial.objects.create(host="www.photos.example", reason="asked us")
    run(inline, add_archive_watch(inline, studio, "wayback"))
    assert list(Sighting.objects.values_list("image_url", flat=True)) == [URL]
    assert Refusal.objects.get().reason == "denied-host"
    assert not any("other.jpg" in path for path in site.requested_paths())


@pytest.mark.usefixtures("archived")
def test_estimate_of_a_run_fetches_no_capture(inline: SyncRunner, site: Site) -> None:
    (estimate,) = archive_captures.estimate_runs(
        inline.services, ["wayback"], {"pages": 1}, archive_captures.build_archive_query(["photos.example"], "", "")
    )
    assert (estimate.pictures, estimate.more, estimate.indexes, estimate.seconds) == (2, False, 1, 1)
    (other,) = archive_captures.estimate_runs(
        inline.services, ["common-crawl"], {}, archive_captures.build_archive_query(["photos.example"], "", "")
    )
    assert (other.pictures, other.more, other.indexes) == (1, True, 2)
    assert not any(path.startswith(("/web/", "/crawl-data/")) for path in site.requested_paths())
    assert not FrontierUrl.objects.exists()


@pytest.mark.long
def test_repeated_captures_of_same_picture_are_queued_once(
    inline: SyncRunner, studio: Owner, archived: WebArchive, site: Site
) -> None:
    archived.captures[:] = [
        ArchivedCapture(
            f"http://photos.example/{number}.jpg",
            f"2019{1 + number % 12:02}01000000",
            b"",
            digest=digest(bytes([number % 5])),
        )
        for number in range(10_000)
    ]
    crawl = watch_settings.start_crawl_now(add_archive_watch(inline, studio, "wayback"))
    row = crawl.inquiries.get()
    steps.claim(Inquiry, [row.pk], inline.services.stale_after)
    archive_captures.continue_inquiry(inline.services, row)
    row.refresh_from_db()
    assert (row.requests, row.found, FrontierUrl.objects.count()) == (2, 5, 5)
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    "text",
    ["", "com", "co.uk", "github.io", "127.0.0.1", "[::1]", "localhost", "no domain.example", "http://", "ex_ample"],
)
def test_invalid_domain_is_rejected_with_example(text: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        archive_captures.parse_domain(text)
    assert "example.com" in str(error.value)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Photos.Example.com", "photos.example.com"),
        ("https://www.example.org/a?b", "www.example.org"),
        ("münchen.de", "xn--mnchen-3ya.de"),
    ],
)
def test_domain_is_extracted_from_url(text: str, domain: str) -> None:
    assert archive_captures.parse_domain(text) == domain


@pytest.mark.parametrize(
    ("since", "until"),
    [("soon", ""), ("2019-13", ""), ("3000", ""), ("2020", "2019"), ("2019-0", ""), ("201903031", "")],
)
def test_invalid_time_is_rejected(since: str, until: str) -> None:
    with pytest.raises(InvalidRequestError):
        archive_captures.build_archive_query(["example.com"], since, until)


@pytest.mark.usefixtures("archived")
def test_time_limit_is_stored_as_entered_and_sent_to_the_archive_in_digits(inline: SyncRunner, site: Site) -> None:
    subject = archive_captures.build_archive_query(["photos.example"], "201903", "2020-01-31")
    assert (subject["since"], subject["until"]) == ("2019-03", "2020-01-31")
    (estimate,) = archive_captures.estimate_runs(inline.services, ["wayback"], {}, subject)
    assert estimate.pictures == 1
    assert "from=201903&to=20200131" in site.requests[0].path


def test_unsupported_archive_watch_is_rejected(inline: SyncRunner, studio: Owner, site: Site) -> None:
    def get_refusal(sources: list[tuple[str, str]], **options: object) -> ExhibitError:
        times = {"every": timedelta(days=7), "by": "Ann", "budget": {}, "politeness": {}}
        with pytest.raises(ExhibitError) as error:
            set_up_watch(inline.services, studio, "w", sources, **times, **options)  # type: ignore[arg-type]
        return error.value

    assert isinstance(get_refusal([("archive", "memento")], domains=["example.com"]), NotFoundError)
    assert isinstance(get_refusal([("archive", "wayback")]), InvalidRequestError)
    assert isinstance(get_refusal([("site", "https://example.com/")], domains=["example.com"]), InvalidRequestError)
    mixed_sources = [("archive", "wayback"), ("site", "https://example.com/")]
    assert isinstance(get_refusal(mixed_sources, domains=["example.com"]), InvalidRequestError)
    HostDenial.objects.create(host="example.com", reason="")
    assert isinstance(get_refusal([("archive", "wayback")], domains=["www.example.com"]), RefusedError)
    inline.services.config = replace(inline.services.config, wayback_url="")
    assert isinstance(get_refusal([("archive", "wayback")], domains=["example.org"]), NotFoundError)
