"""The benchmark of reach counts what scripts name apart, and the pages that are rendered in vain."""

from bench.reach import Page, by_kind, rendered_row

CHOSEN, ASIDE = "photoswipe", "galleria"  # the rule goes by the hash of the name
HTML = '<img src="/a%20b.jpg"><script src="/gallery.js"></script>'


def page(*shown: str, found: str = "", rendering: str = "", is_rendered: bool = False, package: str = CHOSEN) -> Page:
    return Page(
        "http://site.example/",
        "http://site.example",
        package,
        "gallery",
        shown={f"http://site.example/{name}" for name in shown},
        sent=[HTML],
        found={f"http://site.example/{name}" for name in found.split()},
        found_rendering={f"http://site.example/{name}" for name in rendering.split()},
        is_rendered=is_rendered,
    )


def test_a_picture_is_named_in_html_however_its_name_is_escaped() -> None:
    assert page().in_bytes("http://site.example/a%20b.jpg")
    assert page().in_bytes("http://site.example/a b.jpg")
    assert not page().in_bytes("http://site.example/c.jpg")


def test_pictures_of_scripts_and_pages_rendered_in_vain_are_counted() -> None:
    pages = [
        page("a%20b.jpg", found="a%20b.jpg", rendering="a%20b.jpg", is_rendered=True),
        page("a%20b.jpg", found="a%20b.jpg", rendering="a%20b.jpg"),
        page("a%20b.jpg", "c.jpg", "d.jpg", found="a%20b.jpg", rendering="a%20b.jpg c.jpg", is_rendered=True),
    ]
    row = rendered_row("gallery", pages)
    assert row["found"] == "80.0%"
    assert (row["pictures that scripts name"], row["of those found"]) == (2, "50.0%")
    assert (row["pages rendered"], row["pages that needed none"], row["of those rendered"]) == (2, 2, "1 (50.0%)")


def test_packages_kept_aside_have_a_row_of_their_own() -> None:
    rows = by_kind([page(), page(), page(package=ASIDE)], rendered_row)
    assert [(row["pages"], row["number"]) for row in rows] == [
        ("gallery", 3),
        ("**all**", 3),
        ("of packages that were looked at", 2),
        ("of packages kept aside", 1),
    ]
