"""Template tags for parts used on many pages: times, tables, labelled fields, single-button forms, navigation."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from django import template
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.template import Context
from django.template.base import FilterExpression, TextNode, token_kwargs
from django.template.defaulttags import ForNode, querystring
from django.template.library import parse_bits
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext_lazy as _, pgettext, pgettext_lazy

from desk.texts import cases
from desk.texts.numbers import grouped
from exhibit.digests import Digest
from exhibit.network.addresses import is_confusable
from registry.models import Owner

register = template.Library()
TagOptions = dict[str, FilterExpression]
_SITE_PATHS = re.compile(r"^(/o/[^/]+/)(?:party|demands|fees)/")
_MARKUP = re.compile(r"(?<!`)`++([^`]++)`++|\[(\w+)\]\(#(\w+)\)")

PAGES = {
    "cases": _("Cases"),
    "parties": _("Sites"),
    "works": _("Works"),
    "watches": _("Watches"),
    "licences": _("Licences"),
    "notices": _("Notices"),
    "downloads": _("Downloads"),
    "told": _("Notifications"),
    "members": _("Members"),
    "tokens": _("API tokens"),
    "security": _("Keys and passkeys"),
    "account": _("Your account"),
    "account_email": _("Email address"),
    "account_change_password": _("Password"),
    "mfa_index": _("Two-factor authentication and passkeys"),
    "usersessions_list": _("Sessions"),
}
"""Pages in the navigation, by URL name."""

MAX_SHOWN_URL = 160
"""Maximum number of characters of a URL that are shown."""


@register.filter
def render_markup(text: str) -> SafeString:
    """Render API documentation text with its `code` and its [links](#to) on the same page."""
    html = _MARKUP.sub(lambda match: _render_match(*match.groups()), escape(text))
    return mark_safe(html)  # noqa: S308 - escaped before


def _render_match(code: str | None, text: str, anchor: str) -> str:
    return f"<code>{code}</code>" if code else f'<a href="#{anchor}">{text}</a>'


@register.filter
def decoded_host(host: str) -> str:
    """Render a paragraph with the readable form of an ``xn--`` host; empty for others."""
    text = cases.describe_decoded_host(host)
    css = "message warning" if is_confusable(host) else "aside"
    return format_html('<p class="{}">{}</p>', css, text) if text else ""


@register.filter
def as_time(at: datetime | None) -> str:
    """Render a time in the reader's time zone and format, with UTC as tooltip; empty for None."""
    if not at:
        return ""
    utc_time = at.astimezone(UTC)
    attributes = flatatt({"datetime": utc_time.isoformat(), "title": f"{utc_time:%Y-%m-%d %H:%M:%S} UTC"})
    return format_html("<time{}>{}</time>", attributes, date_format(localtime(at), "DATETIME_FORMAT"))


@register.filter
def as_time_with_period(at: datetime | None) -> str:
    """Render a time at the end of a sentence."""
    return format_html("{}{}", as_time(at), pgettext("ends a sentence", "."))


@register.filter
def as_time_anywhere(at: datetime) -> str:
    """Render a time with its UTC offset, for readers whose time zone may be unknown."""
    zone = localtime(at).isoformat()[-6:]
    return format_html("{} (UTC{})", as_time(at), "" if zone == "+00:00" else zone)


@register.filter
def as_due(day: date | None, text: str = "") -> str:
    """Render a text and a due date, highlighted if the date is past; empty for None."""
    if not day:
        return ""
    due_text = f"{text} {date_format(day, 'DATE_FORMAT')}".strip()
    return format_html('<span class="flag">{}</span>', due_text) if day < localdate() else due_text


@register.filter
def as_query(value: object, name: str) -> str:
    """Return a query string with a single parameter."""
    return "?" + urlencode({name: value})


@register.filter
def with_class(text: object, css: str) -> str:
    """Render a text in a ``span`` with a CSS class; empty for an empty text."""
    return format_html('<span class="{}">{}</span>', css, text) if text else ""


@register.filter
def with_subline(first: object, second: object) -> str:
    """Render two lines in a table cell, the second one in a subdued style."""
    return format_html('{}<br><span class="aside">{}</span>', first, second)


@register.filter
def as_link(url: str, text: str = "") -> str:
    """Render an HTTP(S) URL as a link, with the given text or the truncated URL. Render other URLs as plain text.

    The ``rel`` attribute suppresses the referrer, access to this window, and endorsement by search engines.
    """
    label = text or Truncator(url).chars(MAX_SHOWN_URL)
    if not url.lower().startswith(("http://", "https://")):
        return format_html('<span class="url">{}</span>', label)
    return format_html('<a class="url" href="{}" rel="noreferrer noopener nofollow">{}</a>', url, label)


@register.simple_tag
def thumb(owner: Owner, digest: Digest | None) -> SafeString:
    """Render a thumbnail of a work, or an empty placeholder."""
    if digest is None:
        return mark_safe('<span class="thumb"></span>')
    url = reverse("picture", args=[owner.slug, digest.hex])
    return format_html('<img class="thumb" src="{}" alt="" loading="lazy" width="48" height="48">', url)


class Table(template.Node):
    """Table that scrolls horizontally if it is wide. Its ``row`` tags read the columns from the context."""

    def __init__(
        self,
        rows: template.NodeList,
        empty_nodes: template.NodeList,
        names: Sequence[FilterExpression],
        options: TagOptions,
    ) -> None:
        self.nodelist, self.empty_nodes, self.names, self.options = rows, empty_nodes, names, options

    def render(self, context: Context) -> str:
        """Render the table."""
        options = {name: value.resolve(context) for name, value in self.options.items()}
        css_by_column = dict.fromkeys(options.get("numbers", ""), "number") | dict.fromkeys(
            options.get("urls", ""), "url"
        )
        columns = [(name.resolve(context), css_by_column.get(str(column))) for column, name in enumerate(self.names, 1)]
        headings = (
            (flatatt({"scope": "col", "class": css if css == "number" else None}), name) for name, css in columns
        )
        head = format_html_join("", "<th{}>{}</th>", headings)
        labels = {"aria-labelledby": options.get("labelled_by"), "aria-label": options.get("label")}
        region = flatatt(
            {"class": "scroll", "tabindex": "0", "role": "region" if any(labels.values()) else None} | labels
        )
        with context.push(columns=columns):
            rows = self.nodelist.render(context)
        if self.empty_nodes and not rows.strip():
            return self.empty_nodes.render(context)
        html = '<div{}><table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
        return format_html(html, region, options.get("css", "stacked"), head, rows)


@register.tag
def table(parser: template.base.Parser, token: template.base.Token) -> Table:
    """Parse a table with the given column names.

    ``numbers`` lists the (one-based) columns that contain numbers, ``urls`` those with URLs. The table is a region
    labelled by the element with the ID ``labelled_by``, or by ``label``. If there are no rows, the part after
    ``empty`` is shown instead.
    """
    bits = token.split_contents()[1:]
    # Column names and options are parsed like the arguments of a simple tag. The stubs lack the last argument.
    names, options = parse_bits(parser, bits, [], "names", "options", None, [], None, False, "table")  # type: ignore[call-arg, arg-type] # noqa: FBT003
    return Table(*_parse_until(parser, "endtable"), names, options)


def _parse_until(parser: template.base.Parser, end: str) -> tuple[template.NodeList, template.NodeList]:
    """Parse the nodes before a tag's end, and those after ``empty``."""
    rows, empty_nodes = parser.parse(("empty", end)), template.NodeList()
    if parser.next_token().contents == "empty":
        empty_nodes = parser.parse((end,))
        parser.delete_first_token()
    return rows, empty_nodes


class Items(template.Node):
    """List with one item per iteration of a loop, or a replacement if there are no items."""

    def __init__(self, loop: ForNode, empty_nodes: template.NodeList, options: TagOptions) -> None:
        self.loop, self.empty_nodes, self.options = loop, empty_nodes, options

    def render(self, context: Context) -> str:
        """Render the list."""
        entries = self.loop.render(context)
        attributes = flatatt(
            _build_html_attributes({name: value.resolve(context) for name, value in self.options.items()})
        )
        return format_html("<ul{}>{}</ul>", attributes, entries) if entries else self.empty_nodes.render(context)


@register.tag
def items(parser: template.base.Parser, token: template.base.Token) -> Items:
    """Parse a list: ``items row in rows`` or ``items name, value in pairs``, followed by HTML attributes.

    If there are no items, the part after ``empty`` is shown instead.
    """
    bits = token.split_contents()[1:]
    in_index = bits.index("in")
    names = [name.strip(",") for name in bits[:in_index]]
    options = token_kwargs(bits[in_index + 2 :], parser)
    content_nodes, empty_nodes = _parse_until(parser, "enditems")
    item_nodes = template.NodeList([TextNode("<li>"), *content_nodes, TextNode("</li>")])
    loop = ForNode(names, parser.compile_filter(bits[in_index + 1]), is_reversed=False, nodelist_loop=item_nodes)
    return Items(loop, empty_nodes, options)


@register.simple_block_tag(takes_context=True)
def capture_as(context: Context, content: str, name: str) -> str:
    """Store the content in the context under a name, and render nothing."""
    context[name] = content
    return ""


@register.simple_block_tag
def section(content: str, title: str, **attributes: object) -> SafeString:
    """Render a section with a heading."""
    shown_attributes = flatatt(_build_html_attributes(attributes))
    return format_html("<section{}><h2>{}</h2>{}</section>", shown_attributes, title, content)


@register.simple_block_tag
def details(content: str, label: str, **attributes: object) -> SafeString:
    """Render a collapsible block with a label."""
    shown_attributes = flatatt(_build_html_attributes(attributes))
    return format_html("<details{}><summary>{}</summary>{}</details>", shown_attributes, label, content)


@register.simple_block_tag
def fold(content: str, section_id: str, title: str, beside: str = "", **attributes: object) -> SafeString:
    """Render a collapsible section. ``beside`` is text next to its heading."""
    shown_attributes = flatatt({"class": "fold"} | _build_html_attributes(attributes))
    heading = format_html(
        "<h2>{}</h2>{}", title, format_html(' <span class="aside">{}</span>', beside) if beside else ""
    )
    return format_html(
        '<details{}><summary>{}</summary><div id="{}">{}</div></details>',
        shown_attributes,
        heading,
        section_id,
        content,
    )


@register.simple_block_tag(takes_context=True)
def form(
    context: Context, content: str, page: str, *url_args: object, send: str = "", **attributes: object
) -> SafeString:
    """Render a POST form for a page, by default the current one. ``send`` is the label of the submit button."""
    action = reverse(page, args=url_args) if page else None
    form_attributes = flatatt({"method": "post", "action": action} | _build_html_attributes(attributes))
    csrf_field = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', context["csrf_token"])
    submit_button = format_html('<p class="buttons"><button>{}</button></p>', send) if send else ""
    return format_html("<form{}>{}{}{}</form>", form_attributes, csrf_field, content, submit_button)


@register.simple_tag
def format_text(text: str, **values: object) -> SafeString:
    """Replace the placeholders in braces of a text with values."""
    return format_html(str(text), **values)


@register.simple_tag
def empty_message(text: str, page: str = "", *url_args: object, label: str = "", suffix: str = "") -> SafeString:
    """Render the message for an empty list, with a link to a page, by default to the unfiltered list.

    ``suffix`` is appended to the URL.
    """
    url = reverse(page, args=url_args) + suffix if page else suffix or "?"
    link = format_html(' <a href="{}">{}</a>', url, label) if label else ""
    return format_html('<p class="empty">{}{}</p>', text, link)


@register.simple_tag
def either(condition: object, value: object, alternative: object) -> object:
    """Return ``value`` if the condition is true, otherwise ``alternative``."""
    return value if condition else alternative


@register.simple_tag(takes_context=True)
def row(context: Context, *values: object) -> SafeString:
    """Render a row of a ``table``, with numbers, times and empty values formatted for the reader.

    On narrow screens each cell shows its column's name, except a first cell that contains neither a number nor HTML.
    """
    cells: list[tuple[str, object]] = []
    for value, (name, css) in zip(values, context["columns"], strict=True):
        label = name if cells or css == "number" or isinstance(value, SafeString) else None
        cells.append((flatatt({"class": css, "data-label": label}), _format_cell(value)))
    return format_html("<tr>{}</tr>", format_html_join("", "<td{}>{}</td>", cells))


@register.simple_tag
def field(name: str, label: str, value: object = None, /, **attributes: object) -> SafeString:
    """Render an input with its label, a note next to the label (``beside``), and ``help_text``.

    In attribute names, ``_`` is replaced by ``-``. Attributes with the value None are omitted.
    """
    return _render_labelled(name, label, "<input{}>", {"value": value} | attributes)


@register.simple_tag
def text_area(name: str, label: str, value: object, /, **attributes: object) -> SafeString:
    """Render a multi-line field."""
    return _render_labelled(name, label, "<textarea{}>{}</textarea>", attributes, value)


@register.simple_tag
def choice(
    name: str, label: str, options: Iterable[tuple[object, str]], selected: object, /, **attributes: object
) -> SafeString:
    """Render a labelled select field."""
    option_attributes = (
        (flatatt({"value": value or "", "selected": value == selected}), text) for value, text in options
    )
    options_html = format_html_join("\n", "<option{}>{}</option>", option_attributes)
    return _render_labelled(name, label, "<select{}>{}</select>", attributes, options_html)


@register.simple_tag
def link_to(
    page: str, *url_args: object, label: str, suffix: str = "", unless: object = None, **attributes: object
) -> str:
    """Render a link to a page, or only its label if ``unless`` is true. ``suffix`` is appended to the URL."""
    if unless:
        return conditional_escape(label)
    shown_attributes = {"href": reverse(page, args=url_args) + suffix} | _build_html_attributes(attributes)
    return format_html("<a{}>{}</a>", flatatt(shown_attributes), label)


@register.simple_tag
def button(label: str, keys: str = "", /, **attributes: object) -> SafeString:
    """Render a form button with its keyboard shortcuts."""
    key_hints = format_html_join("", " <kbd>{}</kbd>", ((key,) for key in keys.split()))
    return format_html("<button{}>{}{}</button>", flatatt(_build_html_attributes(attributes)), label, key_hints)


@register.simple_tag(takes_context=True)
def button_to(
    context: Context, page: str, *url_args: object, label: str, inline: str = "", **attributes: object
) -> str:
    """Render a POST form with a single button. ``inline`` is the accessible name of a button inside a sentence."""
    form = flatatt({"method": "post", "action": reverse(page, args=url_args), "class": "inline" if inline else None})
    csrf_field = '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
    default_attributes = {"class": "plain-link", "aria-label": inline} if inline else {"class": "quiet"}
    button = flatatt(default_attributes | _build_html_attributes(attributes))
    return format_html(
        "<form{}>" + csrf_field + "<button{}>{}</button></form>", form, context["csrf_token"], button, label
    )


@register.simple_tag(takes_context=True)
def nav_links(context: Context, *pages: str) -> SafeString:
    """Render navigation links to pages, of the context's owner if there is one. The current section is marked."""
    path, owner = _SITE_PATHS.sub(r"\1parties/", context["request"].path), context.get("owner")
    labels_by_url = {reverse(page, args=[owner.slug] if owner else []): PAGES[page] for page in pages}
    current_url = max((url for url in labels_by_url if path.startswith(url)), key=len, default="")
    link_attributes = ({"href": url, "aria-current": "page" if url == current_url else None} for url in labels_by_url)
    return format_html_join(
        "\n", "<a{}>{}</a>", zip(map(flatatt, link_attributes), labels_by_url.values(), strict=True)
    )


@register.simple_tag(takes_context=True)
def filters(context: Context, name: str, choices: Iterable[tuple[str | None, str]], chosen: str) -> SafeString:
    """Render the filter links of a list. The value None removes the filter. Each link opens the first page."""
    links = []
    for value, label in choices:
        parameters: dict[str, Any] = {"page": None, "skip": None, name: value}
        url = querystring(context, **parameters)
        is_current = "true" if (value or "") == chosen else None
        links.append((flatatt({"href": url, "aria-current": is_current}), label))
    return format_html_join("\n", "<a{}>{}</a>", links)


@register.simple_tag(takes_context=True)
def passkey_attributes(context: Context, action: str, object_id: object) -> SafeString:
    """Return the attributes of a button whose action is signed with a passkey; empty if the owner requires none."""
    return format_html(' data-act="{}" data-of="{}"', action, object_id) if context["owner"].passkeys else SafeString()


def punctuation(request: HttpRequest) -> dict[str, object]:
    """Return the punctuation used on all pages in the reader's language."""
    return {
        "colon": pgettext_lazy("after a label", ": "),
        "comma": pgettext_lazy("between parts of a sentence", ", "),
    }


def _format_cell(value: object) -> object:
    if isinstance(value, datetime):
        return as_time(value)
    if isinstance(value, int):
        return grouped(value)
    return "–" if value in (None, "") else value


def _render_labelled(name: str, label: str, html: str, attributes: dict[str, object], *content: object) -> SafeString:
    help_text = attributes.pop("help_text", "")
    if aside_text := attributes.pop("beside", ""):
        label = format_html('{} <span class="aside">{}</span>', label, aside_text)
    # Several forms on a page may have fields of the same name, so the ID can be set.
    field_id = attributes.pop("id", name)
    values = {
        "id": field_id,
        "name": name,
        "aria-describedby": f"{field_id}-help" if help_text else None,
    } | _build_html_attributes(attributes)
    help_html = format_html('\n<p class="help-text" id="{}-help">{}</p>', field_id, help_text) if help_text else ""
    return format_html(
        '<label for="{}">{}</label>\n' + html + "{}", field_id, label, flatatt(values), *content, help_html
    )


def _build_html_attributes(attributes: dict[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): value or None if name == "class" else value for name, value in attributes.items()}
