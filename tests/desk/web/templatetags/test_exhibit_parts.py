from datetime import UTC, date, datetime, timedelta

from django.http import HttpRequest
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.utils import timezone, translation

from registry.models import Owner

OWNER = Owner(slug="works", name="Works")


def shown(text: str, request: HttpRequest | None = None, **values: object) -> str:
    return Template(text).render(RequestContext(request or RequestFactory().get("/"), values))


def test_a_moment_is_in_the_zone_of_the_reader_with_utc_beside_it() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        told = shown("{{ at|as_time }}", at=at)
    assert told.startswith('<time datetime="2024-05-31T22:30:01+00:00" title="2024-05-31 22:30:01 UTC">')
    assert "6:30" in told
    assert shown('{{ at|as_time|default:"–" }}{{ of.nothing|as_time }}', at=None) == "–"
    with timezone.override("Asia/Shanghai"):
        assert shown("{{ at|as_last_time }}", at=at) == f"{told}."


def test_a_moment_for_anybody_names_its_zone() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    with timezone.override("Asia/Kolkata"):
        assert shown("{{ at|as_time_anywhere }}", at=at).endswith("</time> (UTC+05:30)")
    assert shown("{{ at|as_time_anywhere }}", at=at).endswith("</time> (UTC)")


def test_only_addresses_of_the_web_are_links_and_none_tells_whence_somebody_comes() -> None:
    link = '<a class="url" href="{}" rel="noreferrer noopener nofollow">{}</a>'
    told = shown("{{ url|as_link }}", url='HTTPS://shop.example/?a=1&b="x')
    assert told == link.format(*["HTTPS://shop.example/?a=1&amp;b=&quot;x"] * 2)
    assert shown("{{ url|as_link:words }}", url="http://shop.example/", words="<b>") == link.format(
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
        assert shown("{{ url|as_link }}", url=url) == f'<span class="url">{url}</span>'
    assert len(shown("{{ url|as_link:'' }}", url="x" * 5_000)) < 200


def test_a_table_has_a_head_and_a_region_where_it_is_named() -> None:
    body = "<tr></tr>{% endtable %}"
    head = '<thead><tr><th scope="col">Name</th><th class="number" scope="col">How &lt;many&gt;</th></tr></thead>'
    table = f"{head}<tbody><tr></tr></tbody></table></div>"
    plain = '<div class="scroll" tabindex="0"><table class="stacked">'
    many = "How <many>"
    assert shown('{% table "Name" many numbers="2" %}' + body, many=many) == plain + table
    named = '<div aria-labelledby="work" class="scroll" role="region" tabindex="0"><table class="stacked">'
    assert shown('{% table "Name" many numbers="2" named="work" %}' + body, many=many) == named + table
    labelled = '<div aria-label="&lt;Files&gt;" class="scroll" role="region" tabindex="0"><table class="results">'
    assert (
        shown('{% table "Name" many numbers="2" css="results" label=files %}' + body, many=many, files="<Files>")
        == labelled + table
    )


def test_a_row_names_its_columns_and_says_numbers_moments_and_nothing_in_the_readers_form() -> None:
    at = datetime(2024, 5, 31, 22, 30, 1, tzinfo=UTC)
    told = shown(
        '{% table name "Many" "At" "Last" numbers="12" %}{% row 7 1234 at none %}{% endtable %}',
        at=at,
        name="<N>",
    )
    assert told.partition("<tbody>")[2] == (
        '<tr><td class="number" data-label="&lt;N&gt;">7</td><td class="number" data-label="Many">1,234</td>'
        f'<td data-label="At">{shown("{{ at|as_time }}", at=at)}</td><td data-label="Last">–</td></tr>'
        "</tbody></table></div>"
    )
    one = "{% table 'N' %}{% link_to 'cases' owner.slug label='7' as to %}{% row first %}{% endtable %}"
    assert "<tr><td>&lt;a&gt;</td></tr>" in shown(one, owner=OWNER, first="<a>")
    linked = '<tr><td data-label="N"><a href="/o/works/cases/">7</a></td></tr>'
    assert linked in shown(one.replace("row first", "row to"), owner=OWNER)


def test_a_field_has_its_label_and_escapes_what_was_typed() -> None:
    text = '{% field "title" "Title" typed.title maxlength=5 required=True aria_describedby="help" %}'
    assert shown(text, typed={"title": '"><script>'}) == (
        '<label for="title">Title</label>\n<input aria-describedby="help" id="title" maxlength="5" name="title" '
        'value="&quot;&gt;&lt;script&gt;" required>'
    )
    assert shown('{% field "q" "Find" %}') == '<label for="q">Find</label>\n<input id="q" name="q">'
    assert shown('{% field "a" "A" "" name="b" %}') == '<label for="a">A</label>\n<input id="a" name="b" value="">'


def test_what_helps_with_a_field_stands_below_it_and_is_read_aloud_with_it() -> None:
    told = shown('{% field "works" "Works" "" helped=help %}', help="Numbers, <all>")
    assert '<input aria-describedby="works-help" id="works"' in told
    assert told.endswith('\n<p class="help-text" id="works-help">Numbers, &lt;all&gt;</p>')


def test_a_field_of_several_lines_escapes_what_was_typed() -> None:
    told = shown('{% area "body" "Letter" typed rows=4 required=True %}', typed="</textarea><script>")
    assert told == (
        '<label for="body">Letter</label>\n'
        '<textarea id="body" name="body" rows="4" required>&lt;/textarea&gt;&lt;script&gt;</textarea>'
    )


def test_a_link_to_a_page_has_what_follows_in_its_address() -> None:
    told = shown(
        '{% link_to "cases" owner.slug further="?a=1&b=2" label=name class="quiet" %}', owner=OWNER, name="<b>"
    )
    assert told == '<a class="quiet" href="/o/works/cases/?a=1&amp;b=2">&lt;b&gt;</a>'


def test_a_choice_has_its_label_and_marks_what_is_chosen() -> None:
    options = [(None, "Any"), ("a", "Of A")]
    told = shown('{% choice "kind" "Kind" options "a" %}', options=options)
    assert '<label for="kind">Kind</label>' in told
    assert '<option value="">Any</option>' in told
    assert '<option value="a" selected>Of A</option>' in told
    named = shown('{% choice "of-7" "Kind" options None name="kind" required=True %}', options=options)
    assert '<label for="of-7">Kind</label>\n<select id="of-7" name="kind" required>' in named


def test_a_form_of_one_button_posts_with_a_token_against_forgery() -> None:
    told = shown(
        '{% button_to "leave" owner.slug label="Leave" inline=said name="a" value="b" %}', owner=OWNER, said="Leave <b>"
    )
    assert '<form action="/o/works/members/leave" class="inline" method="post">' in told
    assert '<input type="hidden" name="csrfmiddlewaretoken" value="' in told
    assert '<button aria-label="Leave &lt;b&gt;" class="plain-link" name="a" value="b">Leave</button></form>' in told
    filled = shown('{% button_to "leave" owner.slug label="Leave" class="" %}', owner=OWNER)
    assert "<button>Leave</button>" in filled


def test_the_way_that_the_reader_is_on_is_marked_whatever_the_owner_is_called() -> None:
    below = RequestFactory().get("/o/works/cases/3/")
    assert shown('{% ways "cases" "works" %}', below, owner=OWNER) == (
        '<a aria-current="page" href="/o/works/cases/">Cases</a>\n<a href="/o/works/works/">Works</a>'
    )
    for path in ("party/cases.example", "demands/2/", "fees/"):
        about = RequestFactory().get(f"/o/party/{path}")
        marked = shown('{% ways "cases" "parties" %}', about, owner=Owner(slug="party"))
        assert '<a aria-current="page" href="/o/party/parties/">Parties</a>' in marked
    email = RequestFactory().get("/account/email/")
    assert shown('{% ways "account" "account_email" %}', email) == (
        '<a href="/account/">Your account</a>\n<a aria-current="page" href="/account/email/">E-mail address</a>'
    )
    assert "aria-current" not in shown('{% ways "account" %}')


def test_filters_keep_what_else_is_asked_for_and_begin_on_the_first_page() -> None:
    request = RequestFactory().get("/?q=x&page=3&state=open")
    choices = [(None, "all"), ("open", "open"), ("", "empty")]
    assert shown('{% filters "state" choices "open" %}', request, choices=choices) == (
        '<a href="?q=x">all</a>\n<a aria-current="true" href="?q=x&amp;state=open">open</a>\n'
        '<a href="?q=x&amp;state=">empty</a>'
    )
    assert shown('{% filters "state" choices "" %}', choices=choices[:1]) == '<a aria-current="true" href="">all</a>'


def test_parts_of_a_page_stand_below_their_names() -> None:
    held = shown('{% section of id="a" %}x{% endsection %}{% details "B" open=True %}y{% enddetails %}', of="<A>")
    assert held == ('<section id="a"><h2>&lt;A&gt;</h2>x</section><details open><summary>B</summary>y</details>')
    folded = shown('{% fold "c" "C" beside class="fold no-print" %}z{% endfold %}', beside="<3")
    assert folded == (
        '<details class="fold no-print"><summary><h2>C</h2> <span class="aside">&lt;3</span></summary>'
        '<div id="c">z</div></details>'
    )
    assert "aside" not in shown('{% fold "c" "C" %}{% endfold %}')
    assert shown('{% kept "of" %}<b>1</b>{% endkept %}2{{ of }}') == "2<b>1</b>"


def test_a_form_posts_with_a_token_and_ends_with_its_button() -> None:
    page = shown('{% form "works" owner.slug send="Go" class="a" %}<input>{% endform %}', owner=OWNER)
    assert page.startswith('<form action="/o/works/works/" class="a" method="post"><input type="hidden"')
    assert 'name="csrfmiddlewaretoken"' in page
    assert page.endswith('<input><p class="buttons"><button>Go</button></p></form>')
    own = shown('{% form "" enctype="multipart/form-data" %}{% endform %}')
    assert own.startswith('<form enctype="multipart/form-data" method="post"><input')
    assert "button" not in own


def test_one_of_two_is_said_and_a_link_may_be_its_words_alone() -> None:
    assert shown('{% either on "yes" no %}{% either off "yes" no %}', on=1, no="<no>") == "yes&lt;no&gt;"
    text = '{% link_to "works" owner.slug label=w unless=gone %}'
    assert shown(text, owner=OWNER, w="<W>") == '<a href="/o/works/works/">&lt;W&gt;</a>'
    assert shown(text, owner=OWNER, w="<W>", gone=True) == "&lt;W&gt;"


def test_a_day_that_is_past_is_marked() -> None:
    past, later = date(2024, 5, 31), timezone.localdate() + timedelta(days=1)
    assert shown('{{ day|as_due:"Due" }}', day=past) == '<span class="flag">Due 31 May 2024</span>'
    assert "flag" not in shown("{{ day|as_due }}", day=later)
    assert shown('{{ day|as_due|default:"–" }}', day=None) == "–"


def test_a_sentence_takes_values_and_a_value_follows_in_an_address() -> None:
    assert shown('{% said _("Notice {n} about {party}") n=1 party=party %}', party="<A>") == "Notice 1 about &lt;A&gt;"
    with translation.override("zh-hans"):
        assert "Notice" not in shown('{% said _("Notice {n}") n=1 %}')
    assert shown('{{ party|asked_as:"q" }}', party="a&b c") == "?q=a%26b+c"
    assert shown('{{ words|marked_as:"flag" }}{{ none|marked_as:"flag" }}', words="<a>", none="") == (
        '<span class="flag">&lt;a&gt;</span>'
    )
    assert shown('{{ first|above:"b" }}', first="<a>") == '&lt;a&gt;<br><span class="aside">b</span>'


def test_a_list_has_an_entry_for_each() -> None:
    text = '{% items name, n in many class="plain" %}{{ forloop.counter }}{{ name }}{{ n }}{% enditems %}'
    assert shown(text, many=[("<a>", 1), ("b", 2)]) == '<ul class="plain"><li>1&lt;a&gt;1</li><li>2b2</li></ul>'
    assert shown(text, many=[]) == ""
    assert shown("{% items one in many %}{{ one }}{% enditems %}", many="a") == "<ul><li>a</li></ul>"


def test_what_stands_in_the_place_of_an_empty_list_or_table_leads_on() -> None:
    asked = '{% items one in many %}{{ one }}{% empty %}{% nothing "None." %}{% enditems %}'
    assert shown(asked, many="a") == "<ul><li>a</li></ul>"
    assert shown(asked, many="") == '<p class="empty">None.</p>'
    table = '{% table "A" %}{% for one in many %}{% row one %}{% endfor %}{% empty %}-{% endtable %}'
    assert shown(table, many="") == "-"
    assert "<td>a</td></tr></tbody></table></div>" in shown(table, many="a")
    said = '{% nothing words label="All" %}{% nothing "" "cases" owner.slug label="On" further="?a=1" %}'
    assert shown(said, owner=OWNER, words="<b>") == (
        '<p class="empty">&lt;b&gt; <a href="?">All</a></p><p class="empty"> <a href="/o/works/cases/?a=1">On</a></p>'
    )


def test_a_host_in_letters_is_a_warning_where_they_look_like_others() -> None:
    assert shown("{{ host|letters }}", host="shop.example") == ""
    assert shown("{{ host|letters }}", host="xn--bcher-kva.example").startswith('<p class="aside">')
    assert shown("{{ host|letters }}", host="xn--pypal-4ve.example").startswith('<p class="message warning">')


def test_a_button_names_its_keys_and_a_label_has_words_beside_it() -> None:
    told = shown('{% button label "G T" type="button" data_key="t" hidden=True disabled=False %}', label="<Go>")
    assert told == '<button data-key="t" type="button" hidden>&lt;Go&gt; <kbd>G</kbd> <kbd>T</kbd></button>'
    assert shown('{% field "a" "A" beside="optional" %}').startswith(
        '<label for="a">A <span class="aside">optional</span></label>'
    )
