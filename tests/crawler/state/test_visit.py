from crawler.formats.job import Kind, Target
from crawler.formats.lines import Refusal
from crawler.reading.document import Document, FoundImage
from crawler.state.visit import ResponseFacts, Visit
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import FetchedPicture

PAGE = "http://a.example/page"
FIRST_IMAGE, SECOND_IMAGE = (
    FoundImage("http://a.example/1.jpg", "img", "words"),
    FoundImage("http://a.example/2.jpg", "css"),
)


def image(url: str) -> FetchedPicture:
    return FetchedPicture(
        final_url=url, digest=Digest.from_bytes(url.encode()), size=1, media_type="image/jpeg", status=200,
        request_headers=(), response_headers=(("ETag", '"1"'),), peer="", fetched_at=now(),
    )  # fmt: skip


def start_visit() -> tuple[Visit, list[Visit]]:
    done: list[Visit] = []
    visit = Visit(Target(url=PAGE, depth=2), done.append, started=0.0)
    visit.facts, visit.document = ResponseFacts(final_url=PAGE, status=200), Document(title="Title")
    return visit, done


def test_visit_completes_once_when_all_images_have_a_result() -> None:
    visit, done = start_visit()
    assert [visit.add_image(item) for item in (FIRST_IMAGE, SECOND_IMAGE, FIRST_IMAGE)] == [True, True, False]
    visit.release()
    visit.record_result(SECOND_IMAGE, Refusal(url=SECOND_IMAGE.url, reason="http-404", sentence="Gone."))
    assert done == []
    visit.record_result(FIRST_IMAGE, image(FIRST_IMAGE.url))
    assert done == [visit]
    line = visit.build_line()
    assert (line.url, line.depth, line.title, line.status) == (PAGE, 2, "Title", 200)
    assert [(item.image_url, item.page_url, item.context) for item in line.sightings] == [
        (FIRST_IMAGE.url, PAGE, "words")
    ]
    assert [refusal.reason for refusal in visit.get_refusals()] == ["http-404"]


def test_images_keep_document_order_regardless_of_response_order() -> None:
    visit, _ = start_visit()
    visit.add_image(FIRST_IMAGE)
    visit.add_image(SECOND_IMAGE)
    visit.record_result(SECOND_IMAGE, image(SECOND_IMAGE.url))
    visit.record_result(FIRST_IMAGE, image(FIRST_IMAGE.url))
    assert [sighting.image_url for sighting in visit.get_sightings()] == [FIRST_IMAGE.url, SECOND_IMAGE.url]


def test_aborted_visit_refuses_pending_images_and_shortens_data_urls() -> None:
    visit, done = start_visit()
    inline = FoundImage("data:image/png;base64," + "A" * 400, "data-uri")
    for item in (FIRST_IMAGE, SECOND_IMAGE, inline):
        visit.add_image(item)
    visit.record_result(FIRST_IMAGE, image(FIRST_IMAGE.url))
    visit.abort("budget", "No time.")
    assert visit.is_over
    assert [(item.reason, len(item.url) < 50) for item in visit.get_refusals()] == [("budget", True)] * 2
    visit.release()
    assert done == []


def test_image_visited_directly_has_a_line_with_its_response() -> None:
    visit, _ = start_visit()
    visit.add_image(FIRST_IMAGE)
    visit.record_result(FIRST_IMAGE, image(FIRST_IMAGE.url))
    line = visit.build_image_line(visit.get_sightings()[0])
    assert (line.kind, line.etag, line.final_url) == (Kind.IMAGE, '"1"', FIRST_IMAGE.url)
