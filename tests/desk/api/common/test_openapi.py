"""Test that requests must match the OpenAPI document exactly: the fields of forms, and white space."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from ninja.responses import NinjaJSONEncoder
from pydantic import TypeAdapter, ValidationError

from desk.api.api import api
from desk.api.common.openapi import FORM, JSON, example_of, is_file
from desk.api.common.problems import MEDIA_TYPE
from desk.api.resources.reports import Format
from desk.schemas import requests
from evidence.documents.report.volumes import FORMATS
from evidence.facts.case import LANGUAGES
from exhibit.plain import plain
from registry.edge import contributors
from registry.models import Notice
from registry.notices.notices import HAPPENED
from tests.assets.desk_scene import Scene, scene
from tests.assets.programs import ROOT, Program, alice, file_of, program, scene_of_programs, studio
from tests.assets.rows import photograph

__all__ = ["alice", "scene", "scene_of_programs", "studio"]
FORMS = {
    one["operationId"]: (path, one["requestBody"]["content"][FORM]["schema"])
    for path, operations in api.get_openapi_schema()["paths"].items()
    for one in operations.values()
    if FORM in one.get("requestBody", {}).get("content", {})
}
BODIES = {
    (path, method): one["requestBody"]["content"][JSON]["schema"]
    for path, operations in api.get_openapi_schema()["paths"].items()
    for method, one in operations.items()
    if JSON in one.get("requestBody", {}).get("content", {}) and "operator" not in one["tags"]
}
NAMED = api.get_openapi_schema()["components"]["schemas"]
OTHERWISE: dict[str, list[object]] = {
    "integer": [True, "1", 1.5],
    "number": [True, "1"],
    "boolean": ["true", "t", 1, 0],
    "date": [0, 1767225600, "1767225600", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00+02:00", True],
}
"""JSON values that differ from the schema's in wording or type."""
Form = dict[str, Any]
CHARACTERS = [chr(code) for code in range(0x3100)]


def whole(schema: Form) -> Form:
    """Return a valid form with all optional fields."""
    return {name: filled(field) for name, field in schema["properties"].items()}


def filled(field: Form) -> object:
    if is_file(field):
        return file_of("harbour.jpg", photograph(1))
    return ["harbour.jpg"] if field["type"] == "array" else str(example_of(field, {}))


def wrong_forms(schema: Form) -> Iterator[tuple[str, Form]]:
    """Yield forms with one defect each, and its description."""
    yield "a field that nobody knows", whole(schema) | {"colour": "red"}
    for name in schema.get("required", ()):
        yield f"no {name}", {key: value for key, value in whole(schema).items() if key != name}
    for name, field in schema["properties"].items():
        if is_file(field):
            yield f"{name} as a text", whole(schema) | {name: "harbour.jpg"}
            continue
        yield f"{name} as a file", whole(schema) | {name: file_of("a.txt", b"1")}
        for value in wrong_values(field.get("items", field)):
            yield f"{name} as {value[:20]!r}", whole(schema) | {name: value}


def wrong_values(field: Form) -> Iterator[str]:
    """Yield texts that are invalid for a field."""
    if field["type"] == "boolean":
        yield from ("", "perhaps")
    elif field["type"] in ("integer", "number"):
        yield from ("", "many", *(["1.5"] if field["type"] == "integer" else []))
        yield from (str(field[bound] + far) for bound, far in (("minimum", -1), ("maximum", 1)) if bound in field)
    else:
        yield from ("a\0b", "x" * (field.get("maxLength", 20) + 1))


@pytest.mark.parametrize("operation", FORMS)
def test_a_form_with_one_thing_wrong_is_refused(operation: str, scene_of_programs: Scene) -> None:
    path, schema = FORMS[operation]
    client = program(scene_of_programs.studio, "alice").client
    address = path.replace("{owner}", "studio").replace("{number}", "1")
    assert client.post(address, whole(schema)).status_code in (200, 201, 202, 422)
    taken = [what for what, form in wrong_forms(schema) if client.post(address, form).status_code != 400]
    assert taken == []
    for name in (name for name, field in schema["properties"].items() if is_file(field)):
        empty = client.post(address, whole(schema) | {name: file_of("harbour.jpg", b"")})
        assert empty.status_code in (202, 422), name


def mistyped(schema: Form) -> Iterator[object]:
    """Yield values with one part of another type each."""
    if "$ref" in schema:
        schema = NAMED[schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from mistyped(choice)
    for name, field in schema.get("properties", {}).items():
        yield from ({**example_of(schema, NAMED), name: wrong} for wrong in mistyped(field))
    if "items" in schema:
        yield from ([wrong] for wrong in mistyped(schema["items"]))
    yield from OTHERWISE.get(str(schema.get("format", schema.get("type"))), ())


def test_what_is_no_list_comes_once(scene_of_programs: Scene) -> None:
    client = program(scene_of_programs.studio, "alice").client
    for path, schema in FORMS.values():
        address = path.replace("{owner}", "studio").replace("{number}", "1")
        for name in (name for name, field in schema["properties"].items() if field["type"] != "array"):
            one, twice = whole(schema), whole(schema)
            twice[name] = [one[name], filled(schema["properties"][name])]
            answer = client.post(address, twice)
            assert answer.status_code == 400, (path, name)
            assert f"'{name}' appears 2 times" in answer.json()["detail"], (path, name)
    assert client.get(f"{ROOT}/cases?decision=open&decision=confirmed").status_code == 400


def test_texts_in_addresses_say_which_they_are() -> None:
    vague = [
        (path, one["name"])
        for path, operations in api.get_openapi_schema()["paths"].items()
        for operation in operations.values()
        for one in operation["parameters"]
        if one["in"] == "path" and one["schema"].get("type") == "string" and one["name"] not in ("owner", "service")
        if not {"pattern", "enum"} & set(one["schema"])
    ]
    assert vague == [], "owners and services are slugs by their routes"


def test_no_value_of_another_type_is_taken_for_what_the_document_says(scene_of_programs: Scene) -> None:
    alice = program(scene_of_programs.studio, "alice").client
    ann = Program(contributors.invite("Ann", by="operator")[1]).client
    taken, seen = [], 0
    for (path, method), schema in BODIES.items():
        if "/alliance/" in path:  # partners' data are signed, and read by the same types
            continue
        client, address = ann if "/edge/" in path else alice, re.sub(r"{\w+}", "1", path.replace("{owner}", "studio"))
        for wrong in mistyped(schema):
            answer = client.generic(method, address, json.dumps(wrong), content_type=JSON)
            taken += [(path, method, wrong)] if answer.status_code != 400 else []
            seen += 1
    assert taken == []
    assert seen > 200


def test_a_number_is_whole_however_it_is_written(alice: Program) -> None:
    new = {"licensee": "Example Shop Ltd", "domain": "shop.example", "works": ["N"]}
    for number, status in (("1.0", 404), ("1e3", 404), ("1.5", 400), ("true", 400), ('"1"', 400), ("1e999", 400)):
        text = json.dumps(new).replace('"N"', number)
        answer = alice.client.post(ROOT + "/licences", text, content_type=JSON)
        assert answer.status_code == status, number
        if status == 400:
            assert answer.json()["errors"] == [{"where": "body/new/works/0", "detail": "Enter a whole number."}], number


def test_the_forms_are_those_that_bring_files() -> None:
    uploads = {"register_work", "register_fingerprints", "start_upload", "send_files"}
    assert set(FORMS) == uploads | {"attach_document", "identify", "find_owner", "import_licences"}
    assert all(any(map(is_file, schema["properties"].values())) for _path, schema in FORMS.values())


def test_a_program_may_choose_among_as_much_as_a_person() -> None:
    assert set(requests.NoticeKind) == set(Notice.Kind.values)
    assert set(requests.NoticeState) == set(Notice.State.values) - {Notice.State.DISCARDED}
    assert set(get_args(requests.Happened)) == set(HAPPENED)
    assert set(requests.Language) == set(LANGUAGES)
    assert set(Format) == set(FORMATS)


def test_white_space_alone_says_nothing_to_any_reader_of_the_document() -> None:
    name = TypeAdapter(requests.Name)
    for one in CHARACTERS:
        said = plain(one) == one and not one.isspace()
        assert bool(re.search(requests.SOMETHING, one)) == said, repr(one)
        if said:
            name.validate_python(one)
        else:
            with pytest.raises(ValidationError):
                name.validate_python(one)


def test_a_domain_has_no_white_space() -> None:
    for one in filter(str.isspace, CHARACTERS):
        with pytest.raises(ValidationError):
            requests.NewLicence.model_validate({"licensee": "A", "domain": f"shop{one}.example"})
    assert requests.NewLicence.model_validate({"licensee": "A", "domain": "商店.example"}).domain == "商店.example"


def test_patterns_name_no_class_that_readers_understand_differently() -> None:
    patterns = set(re.findall(r"'pattern': '(.*?)'", str(api.get_openapi_schema())))
    assert len(patterns) > 10
    assert [one for one in patterns if re.search(r"\\[sSwWdDbB]", one)] == []


def test_each_request_and_each_answer_has_an_example_that_fits() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder))
    seen = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for one in (operation.get("requestBody", {}), *operation["responses"].values()):
                for kind, content in one.get("content", {}).items():
                    if kind in ("application/json", MEDIA_TYPE):
                        schema = {**content["schema"], "components": document["components"]}
                        Draft202012Validator(schema).validate(content["example"])
                        seen += 1
    assert seen > 500


@pytest.mark.long
def test_the_document_is_made_once() -> None:
    assert api.get_openapi_schema() is api.get_openapi_schema()
    assert next(iter(api.get_openapi_schema(path_prefix="/elsewhere/")["paths"])).startswith("/elsewhere/")
