"""Celery tasks, one line each: a message says which rows wait, the step does the work."""

from registry import events, invitations, repeats, running, sessions
from workers import index_upkeep, links, uploads, votes_upkeep
from workers.celery import LONG_SECONDS, app
from workers.steps import (
    capture,
    crawl,
    deliver,
    inquire,
    ledger,
    mail,
    match,
    notice,
    package,
    plan,
    refingerprint,
    report,
    retain,
    seal,
    search,
    take_in,
    tick,
    witness,
)
from workers.wiring import house


@app.task(name="exhibit.match")
def match_pictures(ids: list[int]) -> None:
    """Match crawled pictures."""
    match.match_pictures(house(), ids)


@app.task(name="exhibit.register")
def take_in_files(ids: list[int]) -> None:
    """Register files of uploads."""
    take_in.take_in(house(), ids)


@app.task(name="exhibit.search")
def search_pictures(ids: list[int]) -> None:
    """Let new works search the pictures already seen."""
    search.search_pictures(house(), ids)


@app.task(name="exhibit.refingerprint")
def describe_anew(ids: list[int]) -> None:
    """Describe pictures with a network that is to come into use."""
    refingerprint.describe_anew(house(), ids)


@app.task(name="exhibit.slice")
def crawl_slice(ids: list[int]) -> None:
    """Work off slices of crawls."""
    for pk in ids:
        crawl.crawl_slice(house(), pk)


@app.task(name="exhibit.inquire")
def ask_searches(ids: list[int]) -> None:
    """Ask image searches and marketplaces."""
    inquire.inquire(house(), ids)


@app.task(name="exhibit.plan")
def plan_crawls(ids: list[int]) -> None:
    """Plan the next slices of crawls."""
    plan.plan_crawls(house(), ids)


@app.task(name="exhibit.capture")
def capture_sightings(ids: list[int]) -> None:
    """Visit sightings again."""
    capture.capture_sightings(house(), ids)


@app.task(name="exhibit.capture_asked")
def capture_for_a_person(ids: list[int]) -> None:
    """Visit the sightings of a case that a person has confirmed, ahead of what a crawl brings."""
    capture.capture_sightings(house(), ids)


@app.task(name="exhibit.seal")
def seal_bundles(ids: list[int]) -> None:
    """Seal bundles."""
    seal.seal_bundles(house(), ids)


@app.task(name="exhibit.witness")
def ask_witnesses(ids: list[int]) -> None:
    """Ask outside witnesses."""
    witness.ask_witnesses(house(), ids)


@app.task(name="exhibit.report")
def make_reports(ids: list[int]) -> None:
    """Make reports."""
    report.make_reports(house(), ids)


@app.task(name="exhibit.ledger")
def look_at_ledger(ids: list[int]) -> None:
    """Look at the cases that a change of the licence ledger concerns."""
    ledger.look_at_ledger(house(), ids)


@app.task(name="exhibit.notice")
def send_notices(ids: list[int]) -> None:
    """Send signed notices by mail."""
    notice.send_notices(house(), ids)


@app.task(name="exhibit.package")
def make_packages(ids: list[int]) -> None:
    """Put bundles together."""
    package.make_packages(house(), ids)


@app.task(name="exhibit.deliver")
def tell_webhooks(ids: list[int]) -> None:
    """Tell webhooks what happened."""
    deliver.deliver(house(), ids)


@app.task(name="exhibit.mail")
def send_digests(ids: list[int]) -> None:
    """Send mails to members about what happened."""
    mail.send_digests(house(), ids)


@app.task(name="exhibit.tick")
def tick_once() -> None:
    """Look at the rows and send what waits."""
    tick.tick(house())
    running.beat(running.TICK)


@app.task(name="exhibit.retain")
def expire_bytes() -> None:
    """Remove bytes that have expired, what killed processes have left behind, and ways in that have ended."""
    retain.expire_bytes(house())
    retain.sweep(house())
    uploads.sweep(house())
    repeats.forget_old()
    package.expire_packages(house())
    events.forget_old()
    sessions.forget_ended()
    invitations.forget_ended()
    links.forget_ended()
    witness.complete_stamps(house())


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_SECONDS)
def keep_up_votes() -> None:
    """Mend indexes, look for damaged bytes, and let the local votes keep up with the works.

    A message that was lost is made good by the next one.
    """
    index_upkeep.mend_indexes(house())
    retain.look_for_damage(house())
    votes_upkeep.keep_up(house())
