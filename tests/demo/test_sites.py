import hashlib
import http.client
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from demo.edits import EDIT_NAMES, edit_picture
from demo.image_stock import ASSETS, choose_works, load_stock
from demo.pictures import generate_flat, generate_textured
from demo.plan import Plan
from demo.serving import REDIRECTS_NAME, serve_sites
from demo.sites import build_sites
from exhibit.errors import InvalidRequestError

BASES = ("http://127.0.0.2:8001", "http://127.0.0.3:8002", "http://127.0.0.4:8003")


def list_site_folders(root: Path) -> list[Path]:
    return [root / name for name in ("prints", "walls", "notes")]


def hash_files(root: Path) -> dict[str, str]:
    files = (file for file in sorted(root.rglob("*")) if file.is_file())
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def find_file(root: Path, url: str) -> Path:
    place = {urlsplit(base).netloc: folder for base, folder in zip(BASES, list_site_folders(root), strict=True)}
    parts = urlsplit(url)
    return place[parts.netloc] / parts.path.lstrip("/")


def load_picture(file: Path) -> None:
    with Image.open(file) as picture:
        picture.load()


@pytest.fixture(scope="module")
def built_sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    root = tmp_path_factory.mktemp("sites")
    return root, build_sites(list_site_folders(root), choose_works(ASSETS / "works"), BASES)


@pytest.mark.long
def test_same_works_and_seed_give_same_bytes_and_plan(built_sites: tuple[Path, Plan], tmp_path: Path) -> None:
    root, plan = built_sites
    again = build_sites(list_site_folders(tmp_path), choose_works(ASSETS / "works"), BASES)
    assert again == plan
    assert hash_files(tmp_path) == hash_files(root)


@pytest.mark.long
def test_each_edit_is_used_for_two_copies_and_each_work_for_one_or_two(built_sites: tuple[Path, Plan]) -> None:
    _, plan = built_sites
    assert Counter(use.edit for use in plan.planted_uses) == dict.fromkeys(EDIT_NAMES, 2)
    assert set(Counter(use.work for use in plan.planted_uses).values()) == {1, 2}
    assert len({(use.work, use.site) for use in plan.planted_uses}) == len(plan.planted_uses)


@pytest.mark.long
def test_sites_contain_200_pictures_with_unique_urls(built_sites: tuple[Path, Plan]) -> None:
    _, plan = built_sites
    groups = (plan.planted_uses, plan.licensed_uses, plan.lookalike_images, plan.unrelated_images, plan.traps)
    addresses = [sighting.image_url for group in groups for sighting in group]
    assert 190 <= plan.picture_count <= 210
    assert len(addresses) == len(set(addresses))


@pytest.mark.long
def test_every_copy_opens_and_is_linked_from_page_feed_or_sitemap(built_sites: tuple[Path, Plan]) -> None:
    root, plan = built_sites
    for use in (*plan.planted_uses, *plan.licensed_uses, *plan.forbidden_uses):
        load_picture(find_file(root, use.image_url))
        page = find_file(root, use.page_url)
        site = list_site_folders(root)[[site.name for site in plan.sites].index(use.site)]
        sources = [page, site / "css" / page.relative_to(site).with_suffix(".css"), *site.glob("*.xml")]
        assert any(urlsplit(use.image_url).path in source.read_text() for source in sources), use


@pytest.mark.long
def test_licensed_site_contains_no_unlicensed_copies_of_licensed_works(built_sites: tuple[Path, Plan]) -> None:
    _, plan = built_sites
    assert len(plan.licensed_uses) == 8
    assert not {(use.work, use.site) for use in plan.licensed_uses} & {
        (use.work, use.site) for use in plan.planted_uses
    }


@pytest.mark.long
def test_expired_licence_names_only_works_planted_on_its_site(built_sites: tuple[Path, Plan]) -> None:
    _, plan = built_sites
    (ended,) = (terms for terms in plan.licences if terms.valid_until < "2026")
    on_its_site = {use.work for use in plan.planted_uses if urlsplit(use.image_url).hostname == ended.domain}
    assert set(ended.works) <= on_its_site


@pytest.mark.long
def test_robots_txt_forbids_exactly_the_listed_copies(built_sites: tuple[Path, Plan]) -> None:
    root, plan = built_sites
    assert all("Disallow: /members/" in (folder / "robots.txt").read_text() for folder in list_site_folders(root))
    assert plan.forbidden_uses
    assert all("/members/" in use.image_url for use in plan.forbidden_uses)
    assert not any("/members/" in use.image_url for use in (*plan.planted_uses, *plan.licensed_uses))
    assert any("/members/" not in use.page_url for use in plan.forbidden_uses), "one stands on an open page"


@pytest.mark.long
def test_broken_files_are_undecodable_and_redirects_target_private_addresses(built_sites: tuple[Path, Plan]) -> None:
    root, plan = built_sites
    kinds = Counter(trap.kind for trap in plan.traps)
    assert set(kinds) == {
        "private-address", "robots", "truncated", "html-named-jpg", "bomb-header", "empty", "not-a-picture", "missing",
    }  # fmt: skip
    for trap in plan.traps:
        file = find_file(root, trap.image_url)
        if trap.kind == "private-address":
            assert f"{urlsplit(trap.image_url).path} {trap.target}" in (file.parents[1] / REDIRECTS_NAME).read_text()
        elif trap.kind == "missing":
            assert not file.exists()
        elif trap.kind != "robots":
            with pytest.raises((UnidentifiedImageError, OSError, Image.DecompressionBombError)):
                load_picture(file)


@pytest.mark.long
def test_sitemap_and_feed_are_well_formed_and_link_own_pages(built_sites: tuple[Path, Plan]) -> None:
    root, plan = built_sites
    _, walls, notes = plan.sites
    sitemap = ET.parse(find_file(root, walls.start_url)).getroot()  # noqa: S314 - our own file
    feed = ET.parse(find_file(root, notes.start_url)).getroot()  # noqa: S314 - our own file
    pages = [loc.text or "" for loc in sitemap.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    links = [item.findtext("link") or "" for item in feed.iter("item")]
    assert len(pages) > 5
    assert len(links) > 5
    assert all(find_file(root, url).exists() for url in pages + links)


@pytest.mark.long
def test_different_seed_gives_different_picture() -> None:
    picture, beside = generate_textured(1), [generate_textured(number) for number in (2, 3, 4)]
    for name in ("cropped", "captioned", "watermarked", "screenshot"):
        assert edit_picture(name, picture, beside, 1).data != edit_picture(name, picture, beside, 2).data


@pytest.mark.long
def test_generated_pictures_are_detailed_and_distinct() -> None:
    thumbs = [np.asarray(generate_textured(seed, (128, 96)).convert("L"), np.float32) for seed in range(12)]
    assert all(thumb.std() > 8 for thumb in thumbs)
    for number, thumb in enumerate(thumbs):
        assert all(abs(np.corrcoef(thumb.ravel(), other.ravel())[0, 1]) < 0.8 for other in thumbs[:number])


@pytest.fixture
def folder_with_duplicates(tmp_path: Path) -> Path:
    for number in range(5):
        generate_textured(number).save(tmp_path / f"{number}.jpg")
    generate_textured(0).resize((300, 225)).save(tmp_path / "0-small.jpg")
    generate_flat(size=(100, 100)).save(tmp_path / "small.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    return tmp_path


@pytest.mark.long
def test_related_pictures_yield_one_work(folder_with_duplicates: Path) -> None:
    assert [file.name for file in choose_works(folder_with_duplicates)] == [
        "0-small.jpg",
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "4.jpg",
    ]


@pytest.mark.long
def test_folder_with_too_few_pictures_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="0"):
        choose_works(tmp_path)
    with pytest.raises(InvalidRequestError):
        choose_works(tmp_path / "nowhere")


@pytest.mark.long
def test_shipped_pictures_that_are_registered_are_not_used_as_lookalikes() -> None:
    shipped = sorted((ASSETS / "lookalikes").iterdir())
    assert set(load_stock(shipped[:3]).lookalikes) == set(shipped[3:])
    assert set(load_stock(choose_works(ASSETS / "works")).lookalikes) == set(shipped)


@pytest.fixture
def site_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folders = list_site_folders(tmp_path)
    for folder in folders:
        folder.mkdir()
    (folders[0] / "a.txt").write_text("hello")
    (folders[0] / REDIRECTS_NAME).write_text("/go http://10.0.0.1/x.jpg\n")
    with serve_sites(folders) as served:
        yield urlsplit(served.base_urls[0]).netloc, tmp_path


def request_page(netloc: str, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(netloc, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.mark.long
def test_matching_etag_returns_not_modified(site_server: tuple[str, Path]) -> None:
    netloc, _ = site_server
    status, headers, body = request_page(netloc, "GET", "/a.txt")
    assert (status, body) == (200, b"hello")
    assert request_page(netloc, "GET", "/a.txt", If_None_Match=headers["ETag"])[::2] == (304, b"")
    assert request_page(netloc, "GET", "/a.txt", If_Modified_Since=headers["Last-Modified"])[::2] == (304, b"")
    assert (
        request_page(netloc, "GET", "/a.txt", If_None_Match='"other"', If_Modified_Since=headers["Last-Modified"])[0]
        == 200
    )


@pytest.mark.long
def test_head_redirects_and_missing_files_follow_http(site_server: tuple[str, Path]) -> None:
    netloc, _ = site_server
    assert request_page(netloc, "HEAD", "/a.txt")[2] == b""
    status, headers, _ = request_page(netloc, "GET", "/go")
    assert (status, headers["Location"]) == (302, "http://10.0.0.1/x.jpg")
    assert request_page(netloc, "GET", "/nothing")[0] == 404


@pytest.mark.long
def test_files_outside_the_folder_are_not_served(site_server: tuple[str, Path]) -> None:
    netloc, root = site_server
    (root / "secret.txt").write_text("secret")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", f"/{REDIRECTS_NAME}", "//etc/passwd"):
        assert request_page(netloc, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("name", "suffix", "frames"), [("avif", ".avif", 1), ("animated webp", ".webp", 3), ("16-bit png", ".png", 1)]
)
def test_file_format_of_each_copy_matches_its_extension(name: str, suffix: str, frames: int) -> None:
    original = generate_textured(3, (400, 300))
    copy = edit_picture(name, original, [original] * 3, 1)
    assert copy == edit_picture(name, original, [original] * 3, 1)
    assert copy.suffix == suffix
    with Image.open(io.BytesIO(copy.data)) as opened:
        assert (opened.format, getattr(opened, "n_frames", 1)) == (name.rsplit(maxsplit=1)[-1].upper(), frames)
        difference = np.asarray(opened.convert("RGB"), int) - np.asarray(original, int)
    assert np.abs(difference).mean() < 10
    if name == "16-bit png":
        assert copy.data[24] == 16  # the bit depth in IHDR
