from crawler.reading.webpage import read_page

HERE = "http://example.org/a/b.html"


def test_structured_data_is_searched_to_its_depth_and_broken_data_left_out() -> None:
    html = """<script type="application/ld+json">{"@graph": [{"image": ["1.jpg", {"url": "2.jpg", "caption": "Two"}]},
      {"@type": ["Thing", "ImageObject"], "contentUrl": "3.jpg"},
      {"image": {"@id": "4.jpg"}, "logo": "no.jpg"}]}</script>
      <script type="application/ld+json">{"image": "5.jpg",}</script><script type="APPLICATION/LD+JSON">[[[</script>
      <script type="application/ld+json">"text"</script>"""
    found = read_page(html, HERE).images
    names = {one.url.rpartition("/")[2] for one in found if one.found_in == "json-ld"}
    assert names >= {"1.jpg", "2.jpg", "3.jpg", "4.jpg"}
    assert next(one.context for one in found if one.url.endswith("2.jpg")).startswith("Two")
    assert not any("no.jpg" in one.url for one in found)


def test_a_page_states_when_it_was_published_unless_it_lists_what_was() -> None:
    dated = '<script type="application/ld+json">{"@type": "Article", "datePublished": "%s"}</script>'
    meta = '<meta property="article:published_time" content="2019-03-03T10:00:00+02:00">'
    assert read_page(dated % "2019-03-03", HERE).published == "2019-03-03"
    assert read_page(dated % "2019-03-03" * 2, HERE).published == "2019-03-03"
    assert read_page(dated % "2019-03-03" + dated % "2020-01-01", HERE).published == ""
    assert read_page(meta + dated % "2020-01-01", HERE).published == "2019-03-03T08:00:00Z"
    assert read_page(dated % "yesterday", HERE).published == ""
