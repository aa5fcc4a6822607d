"""Test uploading works on the site: many files in parts, with and without a script, and their results."""

import csv
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from PIL import Image
from playwright.sync_api import expect

from desk.access_classes import MAX_REQUEST_BYTES
from desk.cli.common.files import PICTURE_SUFFIXES, SIDECAR_SUFFIXES
from desk.texts.metadata_problems import describe_problems
from desk.texts.numbers import counted
from desk.texts.past_searches import RELATION_SENTENCES
from desk.texts.uploads import OUTCOME_LABELS
from registry.models import Membership, Owner, Role, Upload, UploadFile, User, Work
from registry.works.ownership import PROBLEMS
from registry.works.uploads import compute_progress, count_metadata_problems
from tests import CHECKOUT
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.pages import has_test_id
from tests.assets.rows import encode_jpeg, owner, photograph
from tests.assets.site_browser import PHONE, Site, chromium, site, use_services
from workers.tasks.sync_runner import SyncRunner

__all__ = ["chromium", "site"]


UNDECODED = dataset(80, b"Zofia \xa3\xeacka")


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def ann(inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> Client:
    use_services(monkeypatch, inline.services)
    user = User.objects.create_user("ann@example.org", "ann@example.org", "not used")
    Membership.objects.create(user=user, owner=studio, role=Role.REVIEWER)
    client = Client()
    client.force_login(user)
    return client


def build_upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def build_url(name: str, *args: object) -> str:
    return reverse(name, args=["studio", *args])


def test_metadata_problems_are_counted_and_shown(ann: Client, inline: SyncRunner) -> None:
    files = [build_upload("a.jpg", with_iptc_of(photograph(1), UNDECODED)), build_upload("b.jpg", photograph(2))]
    ann.post(build_url("add-works"), {"files": files, "reads_metadata": "1"})
    inline.run_until_idle()
    work = Work.objects.get(number=1)
    (sentence,) = describe_problems(work.metadata[PROBLEMS])
    assert (work.author, list(count_metadata_problems([Upload.objects.get()]).values())) == ("", [1])
    results = csv.reader(ann.get(build_url("upload-results", 1)).getvalue().decode("utf-8-sig").splitlines()[1:])
    assert [line[5] for line in results] == [sentence, ""]
    for page in (build_url("upload", 1), build_url("work", 1)):
        assert escape(sentence) in ann.get(page).content.decode()
    assert escape(sentence) not in ann.get(build_url("work", 2)).content.decode()
    assert not work.remarks.exists()


def test_form_without_scripts_uploads_files_and_their_table(ann: Client, inline: SyncRunner) -> None:
    table = "file,title\na.jpg,Two parrots\nb.jpg,Nobody sent it\n".encode("utf-16")
    form = {
        "files": [build_upload("a.jpg", photograph(1)), build_upload("c.txt", b"no picture")],
        "table": build_upload("works.csv", table),
    }
    response = ann.post(build_url("add-works"), {**form, "author": "Ann Lee", "reads_metadata": "1"})
    assert response.headers["Location"] == build_url("upload", 1)
    inline.run_until_idle()
    page = ann.get(build_url("upload", 1)).content.decode()
    assert "c.txt" in page
    assert '<li class="url">b.jpg</li>' in page
    work = Work.objects.get()
    assert (work.title, work.author) == ("Two parrots", "Ann Lee")
    results = ann.get(build_url("upload-results", 1)).getvalue().decode("utf-8-sig")
    registered_row, refused_row, missing = csv.reader(results.splitlines()[1:])
    assert registered_row == ["a.jpg", str(OUTCOME_LABELS[UploadFile.Outcome.REGISTERED]), "1", "", "", ""]
    assert refused_row[:2] == ["c.txt", str(OUTCOME_LABELS[UploadFile.Outcome.REFUSED])]
    assert (missing[0], missing[2]) == ("b.jpg", "")
    Work.objects.update(title="Parrots")
    ann.post(
        build_url("add-works"),
        {"files": [build_upload("a.jpg", photograph(1))], "table": build_upload("works.csv", table)},
    )
    inline.run_until_idle()
    assert "a.jpg</a>: title</li>" in ann.get(build_url("upload", 2)).content.decode()
    csv_text = ann.get(build_url("upload-results", 2)).getvalue().decode("utf-8-sig")
    row = next(csv.reader(csv_text.splitlines()[1:]))
    assert row[:3] == ["a.jpg", str(OUTCOME_LABELS[UploadFile.Outcome.KNOWN]), "1"]
    assert "title" in row[3]


@pytest.mark.long
def test_identical_works_are_counted_per_upload_and_shown_on_their_pages(ann: Client, inline: SyncRunner) -> None:
    files = [
        build_upload("whole.jpg", photograph(1)),
        build_upload("again.jpg", encode_jpeg(Image.open(BytesIO(photograph(1))), 80)),
        build_upload("b.jpg", photograph(2)),
    ]
    ann.post(build_url("add-works"), {"files": files, "author": "Ann Lee"})
    inline.run_until_idle()
    assert counted(2, "works related") in ann.get(build_url("upload", 1)).content.decode()
    listed = ann.get(build_url("works"), {"only": "related", "upload": "1"}).content.decode()
    assert ("whole" in listed, "again" in listed, "3. b" in listed) == (True, True, False)
    first = Work.objects.get(title="whole")
    assert str(RELATION_SENTENCES["duplicate"]) in ann.get(build_url("work", first.number)).content.decode()
    assert 'id="related"' not in ann.get(build_url("work", Work.objects.get(title="b").number)).content.decode()


@pytest.mark.long
def test_table_row_that_matches_files_in_several_folders_is_reported(ann: Client, inline: SyncRunner) -> None:
    script = {"Accept": "application/json"}
    to = ann.post(
        build_url("add-works"), {"table": build_upload("works.csv", b"file,title\na.jpg,Harbour\n")}, headers=script
    ).json()
    form = {
        "files": [build_upload("x", photograph(1)), build_upload("x", photograph(2))],
        "names": '["one/a.jpg", "two/a.jpg"]',
    }
    ann.post(to["files"], form, headers=script)
    inline.run_until_idle()
    page = ann.get(build_url("upload", 1)).content.decode()
    assert 'id="several"' in page
    assert '<li class="url">a.jpg (2)</li>' in page


GERMAN = "Kennung;Bildtitel;Fotograf;Aufnahmedatum\na.jpg;Hafen;Bernd Groß;bald\nb.jpg;Möwe;Ann;2016\n".encode("cp1252")


def read_hidden(page: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert match is not None
    return match[1]


def test_questions_about_an_uploaded_table_appear_in_steps_and_answers_are_kept(ann: Client) -> None:
    def post_form(**fields: object) -> str:
        return ann.post(build_url("add-works"), fields, follow=True).content.decode()

    # First the encoding, with file names to verify it
    page = post_form(table=build_upload("works.csv", GERMAN), announced="2")
    assert 'value="windows-1252"' in page
    assert "Bernd Groß" in page
    assert 'name="column"' not in page
    answer_fields = {"answers-of": read_hidden(page, "answers-of"), "encoding": "windows-1252", "announced": "2"}
    table_fields = {"carried": read_hidden(page, "carried"), "carried-name": "works.csv"}
    page = post_form(**answer_fields, **table_fields)
    assert page.count('name="column"') == 4
    assert read_hidden(page, "encoding") == "windows-1252"
    answer_fields["headings"] = read_hidden(page, "headings")
    # No file: the page remembers the choice
    page = post_form(**answer_fields, **table_fields, column=["", "title", "author", ""])
    assert page.count(" selected>") >= 4
    assert '<option value="author" selected>' in page
    page = post_form(**answer_fields, **table_fields, column=["file", "title", "author", "created"])
    assert 'name="skip-rows" type="checkbox"' in page
    assert read_hidden(page, "encoding") == "windows-1252"
    assert not Upload.objects.exists()
    page = post_form(**answer_fields, **table_fields, **{"skip-rows": "1"})  # the columns are remembered
    assert [(line.file, line.declared["author"]) for line in Upload.objects.get().lines.all()] == [("b.jpg", "Ann")]
    assert "bald" in page

    other = "Kennung;Bildtitel;Fotograf;Aufnahmedatum\nc.jpg;Łódź;Żółw;bald\nd.jpg;A;B;\n".encode("cp1250")
    # Choices apply to their table
    page = post_form(table=build_upload("works.csv", other), **answer_fields, **{"skip-rows": "1"})
    assert 'value="windows-1250"' in page
    assert Upload.objects.count() == 1


def test_scripted_upload_returns_the_questions_about_its_table(ann: Client) -> None:
    form = {"table": build_upload("works.csv", GERMAN), "announced": "1"}
    response = ann.post(build_url("add-works"), form, headers={"Accept": "application/json"})
    assert (response.status_code, 'value="windows-1252"' in response.json()["columns"]) == (400, True)
    assert 'name="carried"' not in response.json()["columns"]


def test_unusable_table_is_explained_and_starts_nothing(ann: Client) -> None:
    form = {"files": build_upload("a.jpg", photograph(1)), "table": build_upload("works.csv", b"file,titulus\n")}
    page = ann.post(build_url("add-works"), form, follow=True).content.decode()
    assert has_test_id(page, "choose-columns")
    assert not Upload.objects.exists()


@pytest.mark.long
def test_upload_script_sends_parts_and_gets_the_list_of_received_files(ann: Client, inline: SyncRunner) -> None:
    script = {"Accept": "application/json"}
    to = ann.post(build_url("add-works"), {"announced": "3"}, headers=script).json()
    names = json.dumps(["shoot/a.jpg", "shoot/b.jpg"])
    form = {"files": [build_upload("x", photograph(1)), build_upload("x", photograph(2))], "names": names}
    assert ann.post(to["files"], form, headers=script).status_code == 200
    ann.post(to["files"], {"left_out": json.dumps([["huge.tif", 10**9, "too-many-bytes"]])}, headers=script)
    ann.post(to["files"], {"names": "[" * 9000, "left_out": '[["a.tif", Infinity, "hidden"]]'}, headers=script)
    ann.post(to["close"], headers=script)
    files = ann.get(to["received"]).json()["files"]
    assert sorted(files) == [["shoot/a.jpg", len(photograph(1))], ["shoot/b.jpg", len(photograph(2))]]
    inline.run_until_idle()
    part = ann.get(build_url("upload-progress", 1), headers={"HX-Request": "true"})
    assert part.headers["HX-Refresh"] == "true"
    assert "every 2s" not in part.content.decode()
    assert set(Work.objects.values_list("source_name", flat=True)) == {"shoot/a.jpg", "shoot/b.jpg"}


def test_oversized_request_is_rejected_before_reading(ann: Client) -> None:
    response = ann.post(build_url("add-works"), CONTENT_LENGTH=str(MAX_REQUEST_BYTES + 1))
    assert response.status_code == 413


def test_file_names_are_escaped_and_contain_no_formulas(ann: Client, inline: SyncRunner) -> None:
    names = json.dumps(["=HYPERLINK(1)", "<b>x</b>\0.jpg"])
    form = {"files": [build_upload("x", b"a"), build_upload("x", b"b")], "names": names}
    ann.post(build_url("add-works"), form)
    inline.run_until_idle()
    page = ann.get(build_url("upload", 1)).content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;.jpg" in page
    assert "\r\n'=HYPERLINK(1)," in ann.get(build_url("upload-results", 1)).getvalue().decode()


@pytest.mark.long
def test_failed_browser_uploads_are_skipped_and_can_be_retried(site: Site, studio: Owner, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(photograph(number))
    ann = site.member(studio)
    page = ann.open(build_url("add-works"))
    page.locator("#files").set_input_files(sorted(tmp_path.glob("*.jpg")))
    (tmp_path / "1.jpg").unlink()  # moved before it was sent
    problem = {"sentence": "No space is left on the disk."}
    page.route("**/files", lambda route: route.fulfill(status=507, json=problem))
    page.locator("main form button:not([type=button])").last.click()
    expect(page.get_by_role("status")).to_contain_text("No space is left on the disk.")
    assert page.url.endswith(build_url("upload", 1))  # reloading finds the upload in progress
    assert ["status of 507" in error for error in ann.errors] == [True]
    ann.errors.clear()
    page.unroute("**/files")
    page.locator("main form button:not([type=button])").last.click()
    expect(page.get_by_text(counted(1, "files missing"))).to_be_visible()
    assert Upload.objects.count() == 1
    site.inline.run_until_idle()
    assert Work.objects.count() == 2


@pytest.mark.long
def test_dropped_folder_is_read_with_its_table(site: Site, studio: Owner, tmp_path: Path) -> None:
    (tmp_path / "shoot" / "day 1").mkdir(parents=True)
    for number in range(130):  # a browser sends a folder in parts of a hundred
        (tmp_path / "shoot" / "day 1" / f"{number}.jpg").write_bytes(b"%d" % number)
    (tmp_path / "shoot" / "works.csv").write_text("file,title\n7.jpg,Seven\n")
    ann = site.member(studio)
    page = ann.open(build_url("add-works"))
    box = page.locator("[data-drop]").bounding_box()
    assert box is not None
    position = {"x": box["x"] + 20, "y": box["y"] + 20}
    data = {"items": [], "files": [str(tmp_path / "shoot")], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **position, "data": data})
    expect(page.locator("[data-status]")).to_contain_text(re.compile(r"130.*works\.csv"))
    page.locator("main form button:not([type=button])").last.click()
    expect(page.get_by_text(counted(130, "files waiting"))).to_be_visible(timeout=60_000)
    upload = Upload.objects.get()
    assert (upload.files.count(), upload.table_name) == (130, "works.csv")
    assert upload.files.get(line__file="7.jpg").name == "shoot/day 1/7.jpg"


@pytest.mark.long
def test_selected_files_are_previewed_and_can_be_removed(site: Site, studio: Owner, tmp_path: Path) -> None:
    for number in range(26):
        (tmp_path / f"{number:02}.jpg").write_bytes(photograph(number % 3))
    ann = site.member(studio, size=PHONE)
    page = ann.open(build_url("add-works"))
    expect(page.locator("[data-drop-words]")).to_be_hidden()  # phones have no drag and drop
    page.locator("#files").set_input_files(sorted(tmp_path.glob("*.jpg")))
    previews = page.locator("[data-previews]")
    expect(previews.get_by_role("listitem")).to_have_count(24)
    expect(page.locator("p[data-more]")).to_contain_text("2")
    assert previews.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    ann.check()
    page.locator("#files").set_input_files([tmp_path / "00.jpg", tmp_path / "01.jpg"])
    page.get_by_role("button", name="Skip 00.jpg").click()
    expect(page.locator("[data-status]")).to_contain_text("1")
    page.locator("main form button:not([type=button])").last.click()
    expect(page.get_by_text(counted(1, "files waiting"))).to_be_visible()
    assert list(Upload.objects.get().files.values_list("name", flat=True)) == ["01.jpg"]


@pytest.mark.long
def test_interrupted_folder_upload_resumes(site: Site, studio: Owner, tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(photograph(number))
    (folder / "cut.jpg").write_bytes(photograph(9)[:600])  # ends before the pixels
    (folder / "notes.txt").write_text("left out")
    ann = site.member(studio, size=PHONE)
    page = ann.open(build_url("add-works"))
    ann.check()
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("[data-status]")).to_contain_text("6")
    page.locator("main form button:not([type=button])").last.click()
    page.wait_for_url("**" + build_url("upload", 1))
    expect(page.get_by_text(counted(6, "files waiting"))).to_be_visible()
    ann.check()
    (folder / "5.jpg").write_bytes(photograph(5))
    page.locator("#folder").set_input_files(folder)
    with page.expect_request(lambda request: request.url.endswith("/files")) as request_info:
        page.get_by_role("button", name="Send").click()
    size = int(request_info.value.header_value("content-length") or 0)
    assert len(photograph(5)) < size < 2 * len(photograph(5))  # existing files are not sent twice
    expect(page.get_by_text(counted(7, "files waiting"))).to_be_visible()
    site.inline.run_until_idle()
    expect(page.get_by_role("cell", name="shoot/cut.jpg")).to_be_visible()
    ann.check()
    assert Work.objects.count() == 6


@pytest.mark.long
def test_skipped_files_of_a_folder_are_listed_with_reasons(site: Site, studio: Owner, tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    folder.mkdir()
    files = [
        "IMG_1.HEIC",
        "raw.nef",
        "layers.psd",
        "logo.svg",
        "flyer.pdf",
        "noending",
        ".hidden.jpg",
        "a.xmp",
        "._a.jpg",
    ]
    for name in files:
        (folder / name).write_bytes(b"not sent")
    (folder / "good.jpg").write_bytes(photograph(1))
    (folder / "empty.jpg").touch()
    page = site.member(studio).open(build_url("add-works"))
    page.locator("#folder").set_input_files(folder)
    page.locator("main form button:not([type=button])").last.click()
    expect(page.get_by_role("cell", name="shoot/logo.svg")).to_be_visible()  # the page is loaded after the last file
    site.inline.run_until_idle()
    upload = Upload.objects.get()
    reasons = {row.name.removeprefix("shoot/"): row.reason for row in upload.files.all()}
    assert reasons == {
        "good.jpg": "",
        "empty.jpg": "empty",
        ".hidden.jpg": "hidden",
        **dict.fromkeys(["IMG_1.HEIC", "raw.nef", "layers.psd", "logo.svg", "flyer.pdf", "noending"], "not-a-picture"),
    }
    assert compute_progress([upload])[upload.pk].announced == len(reasons)


def test_upload_script_and_command_skip_the_same_file_types() -> None:
    script = (CHECKOUT / "desk/web/static/web/uploads.js").read_text("utf-8")
    for name, suffixes in (("PICTURE", PICTURE_SUFFIXES), ("BESIDE", SIDECAR_SUFFIXES)):
        match = re.search(rf"{name} = /(.+?)/i[,;]", script)
        assert match is not None
        pattern = re.compile(match[1], re.IGNORECASE)
        all_suffixes = {*PICTURE_SUFFIXES, *SIDECAR_SUFFIXES, ".heic", ".pdf", ".psd", ".svg", ".nef", ".mp4"}
        assert {suffix for suffix in all_suffixes if pattern.search(f"a{suffix}")} == suffixes


@pytest.mark.long
def test_selected_pictures_are_kept_while_columns_are_mapped(site: Site, studio: Owner, tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(photograph(1))
    (tmp_path / "list.csv").write_bytes(GERMAN)
    ann = site.member(studio, size=PHONE, language="zh-CN")
    page = ann.open(build_url("add-works"))
    page.locator("#files").set_input_files(tmp_path / "b.jpg")
    page.locator("form .fold summary").first.click()
    page.locator("#table").set_input_files(tmp_path / "list.csv")
    send = page.locator("form .send button")
    send.click()
    page.locator("input[name=encoding][value=windows-1252]").check()
    send.click()
    page.locator("select[name=column]").first.select_option("file")
    send.click()
    page.locator("#skip-rows").check()
    ann.errors.clear()  # the console reported three requests
    ann.check()
    send.click()
    page.wait_for_url("**" + build_url("upload", 1))
    site.inline.run_until_idle()
    assert [(work.source_name, work.author) for work in Work.objects.all()] == [("b.jpg", "Ann")]


@pytest.mark.long
@pytest.mark.parametrize("javascript", [True, False])
def test_columns_are_mapped_next_to_the_pictures_and_remembered(
    site: Site, studio: Owner, tmp_path: Path, *, javascript: bool
) -> None:
    (tmp_path / "a.jpg").write_bytes(photograph(1))
    (tmp_path / "list.csv").write_text("照片,作者,库存\na.jpg,李安,7\n", encoding="utf-8")
    ann = site.member(studio, size=PHONE, language="zh-CN", javascript=javascript)

    def send_files(*, again: bool) -> None:
        if again:
            page.locator("#files").set_input_files(tmp_path / "a.jpg")
            page.locator("form .fold summary").first.click()
            page.locator("#table").set_input_files(tmp_path / "list.csv")
        page.locator("form .send button").click()

    page = ann.open(build_url("add-works"))
    send_files(again=True)
    expect(page.locator("select[name=column]")).to_have_count(3)
    if javascript:
        ann.errors.clear()  # the console reported the refusal
        ann.check()
    else:
        page.locator("#files").set_input_files(tmp_path / "a.jpg")
    page.locator("select[name=column]").first.select_option("file")
    send_files(again=False)
    expect(page.locator(".message").first).to_contain_text("ann@example.org")
    expect(page.locator(".message").first).to_contain_text("库存")
    assert [line.declared["author"] for line in Upload.objects.get().lines.all()] == ["李安"]
    page = ann.open(build_url("add-works"))
    send_files(again=True)
    page.wait_for_url("**" + build_url("upload", 2))
