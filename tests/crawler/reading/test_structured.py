from crawler.reading.webpage import read_page

PAGE_URL = "http://example.org/a/b.html"


def test_structured_data_is_searched_to_depth_limit_and_skips_malformed() -> None:
    html = """<script type="application/ld+json">{"@graph": [{"image": ["1.jpg", {"url": "2.jpg", "caption": "Two"}]},
      {"@type": ["Thing", "ImageObject"], "contentUrl": "3.jpg"},
      {"image": {"@id": "4.jpg"}, "logo": "no.jpg"}]}</script>
      <script type="application/ld+json">{"image": "5.jpg",}</script><script type="APPLICATION/LD+JSON">[[[</script>
      <script type="application/ld+json">"text"</script>"""
    images = read_page(html, PAGE_URL).images
    names = {image.url.rpartition("/")[2] for image in images if image.found_in == "json-ld"}
    assert names >= {"1.jpg", "2.jpg", "3.jpg", "4.jpg"}
    assert next(image.context for image in images if image.url.endswith("2.jpg")).startswith("Two")
    assert not any("no.jpg" in image.url for image in images)


def test_page_reports_publication_date_unless_it_is_a_listing() -> None:
    dated = '<script type="application/ld+json">{"@type": "Article", "datePublished": "%s"}</script>'
    meta = '<meta property="article:published_time" content="2019-03-03T10:00:00+02:00">'
    assert read_page(dated % "2019-03-03", PAGE_URL).published == "2019-03-03"
    assert read_page(dated % "2019-03-03" * 2, PAGE_URL).published == "2019-03-03"
    assert read_page(dated % "2019-03-03" + dated % "2020-01-01", PAGE_URL).published == ""
    assert read_page(meta + dated % "2020-01-01", PAGE_URL).published == "2019-03-03T08:00:00Z"
    assert read_page(dated % "yesterday", PAGE_URL).published == ""
