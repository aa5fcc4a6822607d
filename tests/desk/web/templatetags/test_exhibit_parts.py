from datetime import UTC, date, datetime, timedelta

from django.http import HttpRequest
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.utils import timezone, translation

from registry.models import Owner

OWNER = Owner(slug="works", name="Works")


def render(text: str, request: HttpRequest | None = None, **values: object) -> str:
    return Template(text).render(RequestContext(request or RequestFactory().get("/"), values))


def test_time_is_shown_in_the_readers_zone_and_utc() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        html = render("{{ at|as_time }}", at=at)
    assert html.startswith('<time datetime="2024-05-31T22:30:01+00:00" title="2024-05-31 22:30:01 UTC">')
    assert "6:30" in html
    assert render('{{ at|as_time|default:"–" }}{{ of.nothing|as_time }}', at=None) == "–"
    with timezone.override("Asia/Shanghai"):
        assert render("{{ at|as_time_with_period }}", at=at) == f"{html}."


def test_time_for_anonymous_readers_includes_its_zone() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    with timezone.override("Asia/Kolkata"):
        assert render("{{ at|as_time_anywhere }}", at=at).endswith("</time> (UTC+05:30)")
    assert render("{{ at|as_time_anywhere }}", at=at).endswith("</time> (UTC)")


def test_only_web_urls_are_links_without_referrer() -> None:
    link = '<a class="url" href="{}" rel="noreferrer noopener nofollow">{}</a>'
    html = render("{{ url|as_link }}", url='HTTPS://shop.example/?a=1&b="x')
    assert html == link.format(*["HTTPS://shop.example/?a=1&amp;b=&quot;x"] * 2)
    assert render("{{ url|as_link:words }}", url="http://shop.example/", words="<b>") == link.format(
        "http://shop.example/", "&lt;b&gt;"
    )
    for url in (
        "javascript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "//shop.example/",
        " http://x",
        "",
    ):
        assert render("{{ url|as_link }}", url=url) == f'<span class="url">{url}</span>'
    assert len(render("{{ url|as_link:'' }}", url="x" * 5_000)) < 200


def test_named_table_has_a_header_and_a_region() -> None:
    body = "<tr></tr>{% endtable %}"
    thead = '<thead><tr><th scope="col">Name</th><th class="number" scope="col">How &lt;many&gt;</th></tr></thead>'
    table = f"{thead}<tbody><tr></tr></tbody></table></div>"
    scroll_region = '<div class="scroll" tabindex="0"><table class="stacked">'
    many = "How <many>"
    assert render('{% table "Name" many numbers="2" %}' + body, many=many) == scroll_region + table
    wrapper = '<div aria-labelledby="work" class="scroll" role="region" tabindex="0"><table class="stacked">'
    assert render('{% table "Name" many numbers="2" labelled_by="work" %}' + body, many=many) == wrapper + table
    labelled = '<div aria-label="&lt;Files&gt;" class="scroll" role="region" tabindex="0"><table class="results">'
    assert (
        render('{% table "Name" many numbers="2" css="results" label=files %}' + body, many=many, files="<Files>")
        == labelled + table
    )


def test_table_row_labels_columns_and_formats_values() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    html = render(
        '{% table name "Many" "At" "Last" numbers="12" %}{% row 7 1234 at none %}{% endtable %}',
        at=at,
        name="<N>",
    )
    assert html.partition("<tbody>")[2] == (
        '<tr><td class="number" data-label="&lt;N&gt;">7</td><td class="number" data-label="Many">1,234</td>'
        f'<td data-label="At">{render("{{ at|as_time }}", at=at)}</td><td data-label="Last">–</td></tr>'
        "</tbody></table></div>"
    )
    template = "{% table 'N' %}{% link_to 'cases' owner.slug label='7' as to %}{% row first %}{% endtable %}"
    assert "<tr><td>&lt;a&gt;</td></tr>" in render(template, owner=OWNER, first="<a>")
    linked_row = '<tr><td data-label="N"><a href="/o/works/cases/">7</a></td></tr>'
    assert linked_row in render(template.replace("row first", "row to"), owner=OWNER)


def test_field_has_a_label_and_escapes_typed_text() -> None:
    text = '{% field "title" "Title" typed.title maxlength=5 required=True aria_describedby="help" %}'
    assert render(text, typed={"title": '"><script>'}) == (
        '<label for="title">Title</label>\n<input aria-describedby="help" id="title" maxlength="5" name="title" '
        'value="&quot;&gt;&lt;script&gt;" required>'
    )
    assert render('{% field "q" "Find" %}') == '<label for="q">Find</label>\n<input id="q" name="q">'
    assert render('{% field "a" "A" "" name="b" %}') == '<label for="a">A</label>\n<input id="a" name="b" value="">'


def test_field_help_is_shown_below_and_announced() -> None:
    html = render('{% field "works" "Works" "" help_text=help %}', help="Numbers, <all>")
    assert '<input aria-describedby="works-help" id="works"' in html
    assert html.endswith('\n<p class="help-text" id="works-help">Numbers, &lt;all&gt;</p>')


def test_text_area_escapes_typed_text() -> None:
    html = render('{% text_area "body" "Letter" typed rows=4 required=True %}', typed="</textarea><script>")
    assert html == (
        '<label for="body">Letter</label>\n'
        '<textarea id="body" name="body" rows="4" required>&lt;/textarea&gt;&lt;script&gt;</textarea>'
    )


def test_page_link_appends_its_query() -> None:
    html = render(
        '{% link_to "cases" owner.slug suffix="?a=1&b=2" label=name class="quiet" %}', owner=OWNER, name="<b>"
    )
    assert html == '<a class="quiet" href="/o/works/cases/?a=1&amp;b=2">&lt;b&gt;</a>'


def test_select_has_a_label_and_marks_the_chosen_option() -> None:
    options = [(None, "Any"), ("a", "Of A")]
    html = render('{% choice "kind" "Kind" options "a" %}', options=options)
    assert '<label for="kind">Kind</label>' in html
    assert '<option value="">Any</option>' in html
    assert '<option value="a" selected>Of A</option>' in html
    select_html = render('{% choice "of-7" "Kind" options None name="kind" required=True %}', options=options)
    assert '<label for="of-7">Kind</label>\n<select id="of-7" name="kind" required>' in select_html


def test_form_with_a_single_button_includes_a_csrf_token() -> None:
    html = render(
        '{% button_to "leave" owner.slug label="Leave" inline=said name="a" value="b" %}', owner=OWNER, said="Leave <b>"
    )
    assert '<form action="/o/works/members/leave" class="inline" method="post">' in html
    assert '<input type="hidden" name="csrfmiddlewaretoken" value="' in html
    assert '<button aria-label="Leave &lt;b&gt;" class="plain-link" name="a" value="b">Leave</button></form>' in html
    button_html = render('{% button_to "leave" owner.slug label="Leave" class="" %}', owner=OWNER)
    assert "<button>Leave</button>" in button_html


def test_current_section_is_marked_for_any_owner_name() -> None:
    below = RequestFactory().get("/o/works/cases/3/")
    assert render('{% nav_links "cases" "works" %}', below, owner=OWNER) == (
        '<a aria-current="page" href="/o/works/cases/">Cases</a>\n<a href="/o/works/works/">Works</a>'
    )
    for path in ("party/cases.example", "demands/2/", "fees/"):
        request = RequestFactory().get(f"/o/party/{path}")
        html = render('{% nav_links "cases" "parties" %}', request, owner=Owner(slug="party"))
        assert '<a aria-current="page" href="/o/party/parties/">Sites</a>' in html
    email = RequestFactory().get("/account/email/")
    assert render('{% nav_links "account" "account_email" %}', email) == (
        '<a href="/account/">Your account</a>\n<a aria-current="page" href="/account/email/">Email address</a>'
    )
    assert "aria-current" not in render('{% nav_links "account" %}')


def test_filters_keep_other_parameters_and_return_to_the_first_page() -> None:
    request = RequestFactory().get("/?q=x&page=3&state=open")
    choices = [(None, "all"), ("open", "open"), ("", "empty")]
    assert render('{% filters "state" choices "open" %}', request, choices=choices) == (
        '<a href="?q=x">all</a>\n<a aria-current="true" href="?q=x&amp;state=open">open</a>\n'
        '<a href="?q=x&amp;state=">empty</a>'
    )
    assert render('{% filters "state" choices "" %}', choices=choices[:1]) == '<a aria-current="true" href="">all</a>'


def test_page_sections_follow_their_headings() -> None:
    html = render(
        '{% section heading id="a" %}x{% endsection %}{% details "B" open=True %}y{% enddetails %}', heading="<A>"
    )
    assert html == ('<section id="a"><h2>&lt;A&gt;</h2>x</section><details open><summary>B</summary>y</details>')
    folded = render('{% fold "c" "C" beside class="fold no-print" %}z{% endfold %}', beside="<3")
    assert folded == (
        '<details class="fold no-print"><summary><h2>C</h2> <span class="aside">&lt;3</span></summary>'
        '<div id="c">z</div></details>'
    )
    assert "aside" not in render('{% fold "c" "C" %}{% endfold %}')
    assert render('{% capture_as "of" %}<b>1</b>{% endcapture_as %}2{{ of }}') == "2<b>1</b>"


def test_form_includes_a_csrf_token_and_ends_with_its_button() -> None:
    page = render('{% form "works" owner.slug send="Go" class="a" %}<input>{% endform %}', owner=OWNER)
    assert page.startswith('<form action="/o/works/works/" class="a" method="post"><input type="hidden"')
    assert 'name="csrfmiddlewaretoken"' in page
    assert page.endswith('<input><p class="buttons"><button>Go</button></p></form>')
    own = render('{% form "" enctype="multipart/form-data" %}{% endform %}')
    assert own.startswith('<form enctype="multipart/form-data" method="post"><input')
    assert "button" not in own


def test_either_and_link_to_tags_render_by_their_condition() -> None:
    assert render('{% either on "yes" no %}{% either off "yes" no %}', on=1, no="<no>") == "yes&lt;no&gt;"
    text = '{% link_to "works" owner.slug label=w unless=gone %}'
    assert render(text, owner=OWNER, w="<W>") == '<a href="/o/works/works/">&lt;W&gt;</a>'
    assert render(text, owner=OWNER, w="<W>", gone=True) == "&lt;W&gt;"


def test_past_due_date_is_flagged() -> None:
    past, later = date(2024, 5, 31), timezone.localdate() + timedelta(days=1)
    assert render('{{ day|as_due:"Due" }}', day=past) == '<span class="flag">Due 31 May 2024</span>'
    assert "flag" not in render("{{ day|as_due }}", day=later)
    assert render('{{ day|as_due|default:"–" }}', day=None) == "–"


def test_sentence_tags_and_filters_insert_and_escape_their_values() -> None:
    assert (
        render('{% format_text _("Notice {n} about {party}") n=1 party=party %}', party="<A>")
        == "Notice 1 about &lt;A&gt;"
    )
    with translation.override("zh-hans"):
        assert "Notice" not in render('{% format_text _("Notice {n}") n=1 %}')
    assert render('{{ party|as_query:"q" }}', party="a&b c") == "?q=a%26b+c"
    assert render('{{ words|with_class:"flag" }}{{ none|with_class:"flag" }}', words="<a>", none="") == (
        '<span class="flag">&lt;a&gt;</span>'
    )
    assert render('{{ first|with_subline:"b" }}', first="<a>") == '&lt;a&gt;<br><span class="aside">b</span>'


def test_list_renders_every_item() -> None:
    text = '{% items name, n in many class="plain" %}{{ forloop.counter }}{{ name }}{{ n }}{% enditems %}'
    assert render(text, many=[("<a>", 1), ("b", 2)]) == '<ul class="plain"><li>1&lt;a&gt;1</li><li>2b2</li></ul>'
    assert render(text, many=[]) == ""
    assert render("{% items one in many %}{{ one }}{% enditems %}", many="a") == "<ul><li>a</li></ul>"


def test_empty_list_or_table_offers_a_next_step() -> None:
    list_template = '{% items one in many %}{{ one }}{% empty %}{% empty_message "None." %}{% enditems %}'
    assert render(list_template, many="a") == "<ul><li>a</li></ul>"
    assert render(list_template, many="") == '<p class="empty">None.</p>'
    table = '{% table "A" %}{% for one in many %}{% row one %}{% endfor %}{% empty %}-{% endtable %}'
    assert render(table, many="") == "-"
    assert "<td>a</td></tr></tbody></table></div>" in render(table, many="a")
    empty_template = (
        '{% empty_message words label="All" %}{% empty_message "" "cases" owner.slug label="On" suffix="?a=1" %}'
    )
    assert render(empty_template, owner=OWNER, words="<b>") == (
        '<p class="empty">&lt;b&gt; <a href="?">All</a></p><p class="empty"> <a href="/o/works/cases/?a=1">On</a></p>'
    )


def test_look_alike_host_shows_a_warning() -> None:
    assert render("{{ host|decoded_host }}", host="shop.example") == ""
    assert render("{{ host|decoded_host }}", host="xn--bcher-kva.example").startswith('<p class="aside">')
    assert render("{{ host|decoded_host }}", host="xn--pypal-4ve.example").startswith('<p class="message warning">')


def test_button_shows_its_keys_and_a_label() -> None:
    html = render('{% button label "G T" type="button" data_key="t" hidden=True disabled=False %}', label="<Go>")
    assert html == '<button data-key="t" type="button" hidden>&lt;Go&gt; <kbd>G</kbd> <kbd>T</kbd></button>'
    assert render('{% field "a" "A" beside="optional" %}').startswith(
        '<label for="a">A <span class="aside">optional</span></label>'
    )
