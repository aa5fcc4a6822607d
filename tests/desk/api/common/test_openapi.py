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
from desk.api.common.openapi import FORM, JSON, build_example, is_file
from desk.api.common.problems import MEDIA_TYPE
from desk.api.resources.reports import Format
from desk.schemas import requests
from evidence.documents.report.volumes import FORMATS
from evidence.facts.case import LANGUAGES
from exhibit.plain import remove_control_chars
from registry.edge import contributors
from registry.models import Notice
from registry.notices.notices import OUTCOMES
from tests.assets.api_programs import ROOT, Program, alice, create_program, file_of, scene_of_programs, studio
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import photograph

__all__ = ["alice", "scene", "scene_of_programs", "studio"]
FORMS = {
    spec["operationId"]: (path, spec["requestBody"]["content"][FORM]["schema"])
    for path, operations in api.get_openapi_schema()["paths"].items()
    for spec in operations.values()
    if FORM in spec.get("requestBody", {}).get("content", {})
}
BODIES = {
    (path, method): spec["requestBody"]["content"][JSON]["schema"]
    for path, operations in api.get_openapi_schema()["paths"].items()
    for method, spec in operations.items()
    if JSON in spec.get("requestBody", {}).get("content", {}) and "operator" not in spec["tags"]
}
SCHEMAS = api.get_openapi_schema()["components"]["schemas"]
OTHER_TYPES: dict[str, list[object]] = {
    "integer": [True, "1", 1.5],
    "number": [True, "1"],
    "boolean": ["true", "t", 1, 0],
    "date": [0, 1767225600, "1767225600", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00+02:00", True],
}
"""JSON values that differ from the schema's in wording or type."""
Form = dict[str, Any]
CHARACTERS = [chr(code) for code in range(0x3100)]


def build_full_form(schema: Form) -> Form:
    """Return a valid form with all optional fields."""
    return {name: build_valid_value(field) for name, field in schema["properties"].items()}


def build_valid_value(field: Form) -> object:
    if is_file(field):
        return file_of("harbour.jpg", photograph(1))
    return ["harbour.jpg"] if field["type"] == "array" else str(build_example(field, {}))


def iter_invalid_forms(schema: Form) -> Iterator[tuple[str, Form]]:
    """Yield forms with one defect each, and its description."""
    yield "a field that nobody knows", build_full_form(schema) | {"colour": "red"}
    for name in schema.get("required", ()):
        yield f"no {name}", {key: value for key, value in build_full_form(schema).items() if key != name}
    for name, field in schema["properties"].items():
        if is_file(field):
            yield f"{name} as a text", build_full_form(schema) | {name: "harbour.jpg"}
            continue
        yield f"{name} as a file", build_full_form(schema) | {name: file_of("a.txt", b"1")}
        for value in iter_invalid_texts(field.get("items", field)):
            yield f"{name} as {value[:20]!r}", build_full_form(schema) | {name: value}


def iter_invalid_texts(field: Form) -> Iterator[str]:
    """Yield texts that are invalid for a field."""
    if field["type"] == "boolean":
        yield from ("", "perhaps")
    elif field["type"] in ("integer", "number"):
        yield from ("", "many", *(["1.5"] if field["type"] == "integer" else []))
        yield from (str(field[bound] + far) for bound, far in (("minimum", -1), ("maximum", 1)) if bound in field)
    else:
        yield from ("a\0b", "x" * (field.get("maxLength", 20) + 1))


@pytest.mark.parametrize("operation", FORMS)
def test_form_with_a_single_invalid_field_is_rejected(operation: str, scene_of_programs: Scene) -> None:
    path, schema = FORMS[operation]
    client = create_program(scene_of_programs.studio, "alice").client
    address = path.replace("{owner}", "studio").replace("{number}", "1")
    assert client.post(address, build_full_form(schema)).status_code in (200, 201, 202, 422)
    accepted = [what for what, form in iter_invalid_forms(schema) if client.post(address, form).status_code != 400]
    assert accepted == []
    for name in (name for name, field in schema["properties"].items() if is_file(field)):
        empty = client.post(address, build_full_form(schema) | {name: file_of("harbour.jpg", b"")})
        assert empty.status_code in (202, 422), name


def iter_wrong_types(schema: Form) -> Iterator[object]:
    """Yield values with one part of another type each."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from iter_wrong_types(choice)
    for name, field in schema.get("properties", {}).items():
        yield from ({**build_example(schema, SCHEMAS), name: value} for value in iter_wrong_types(field))
    if "items" in schema:
        yield from ([value] for value in iter_wrong_types(schema["items"]))
    yield from OTHER_TYPES.get(str(schema.get("format", schema.get("type"))), ())


def test_single_value_field_cannot_be_repeated(scene_of_programs: Scene) -> None:
    client = create_program(scene_of_programs.studio, "alice").client
    for path, schema in FORMS.values():
        address = path.replace("{owner}", "studio").replace("{number}", "1")
        for name in (name for name, field in schema["properties"].items() if field["type"] != "array"):
            valid_form, repeated_form = build_full_form(schema), build_full_form(schema)
            repeated_form[name] = [valid_form[name], build_valid_value(schema["properties"][name])]
            response = client.post(address, repeated_form)
            assert response.status_code == 400, (path, name)
            assert f"'{name}' appears 2 times" in response.json()["detail"], (path, name)
    assert client.get(f"{ROOT}/cases?decision=open&decision=confirmed").status_code == 400


def test_text_path_parameters_have_a_pattern_or_an_enum() -> None:
    vague = [
        (path, parameter["name"])
        for path, operations in api.get_openapi_schema()["paths"].items()
        for operation in operations.values()
        for parameter in operation["parameters"]
        if parameter["in"] == "path"
        and parameter["schema"].get("type") == "string"
        and parameter["name"] not in ("owner", "service")
        if not {"pattern", "enum"} & set(parameter["schema"])
    ]
    assert vague == [], "owners and services are slugs by their routes"


def test_values_of_a_wrong_type_are_rejected(scene_of_programs: Scene) -> None:
    alice = create_program(scene_of_programs.studio, "alice").client
    ann = Program(contributors.invite_contributor("Ann", by="operator")[1]).client
    accepted, count = [], 0
    for (path, method), schema in BODIES.items():
        if "/alliance/" in path:  # partners' data are signed, and read by the same types
            continue
        client, address = ann if "/edge/" in path else alice, re.sub(r"{\w+}", "1", path.replace("{owner}", "studio"))
        for value in iter_wrong_types(schema):
            response = client.generic(method, address, json.dumps(value), content_type=JSON)
            accepted += [(path, method, value)] if response.status_code != 400 else []
            count += 1
    assert accepted == []
    assert count > 200


def test_integers_are_accepted_in_any_notation(alice: Program) -> None:
    new = {"licensee": "Example Shop Ltd", "domain": "shop.example", "works": ["N"]}
    for number, status in (("1.0", 404), ("1e3", 404), ("1.5", 400), ("true", 400), ('"1"', 400), ("1e999", 400)):
        text = json.dumps(new).replace('"N"', number)
        response = alice.client.post(ROOT + "/licences", text, content_type=JSON)
        assert response.status_code == status, number
        if status == 400:
            assert response.json()["errors"] == [{"where": "body/new/works/0", "detail": "Enter a whole number."}], (
                number
            )


def test_only_operations_with_files_use_forms() -> None:
    uploads = {"register_work", "register_fingerprints", "start_upload", "send_files"}
    assert set(FORMS) == uploads | {"attach_document", "identify", "find_owner", "import_licences"}
    assert all(any(map(is_file, schema["properties"].values())) for _path, schema in FORMS.values())


def test_api_enums_match_the_choices_of_the_site() -> None:
    assert set(requests.NoticeKind) == set(Notice.Kind.values)
    assert set(requests.NoticeState) == set(Notice.State.values) - {Notice.State.DISCARDED}
    assert set(get_args(requests.OutcomeState)) == set(OUTCOMES)
    assert set(requests.Language) == set(LANGUAGES)
    assert set(Format) == set(FORMATS)


def test_whitespace_only_text_is_rejected_by_pattern_and_server() -> None:
    name = TypeAdapter(requests.Name)
    for character in CHARACTERS:
        expected = remove_control_chars(character) == character and not character.isspace()
        assert bool(re.search(requests.NONEMPTY_TEXT_PATTERN, character)) == expected, repr(character)
        if expected:
            name.validate_python(character)
        else:
            with pytest.raises(ValidationError):
                name.validate_python(character)


def test_domain_with_whitespace_is_rejected() -> None:
    for character in filter(str.isspace, CHARACTERS):
        with pytest.raises(ValidationError):
            requests.NewLicence.model_validate({"licensee": "A", "domain": f"shop{character}.example"})
    assert requests.NewLicence.model_validate({"licensee": "A", "domain": "商店.example"}).domain == "商店.example"


def test_patterns_use_no_ambiguous_character_classes() -> None:
    patterns = set(re.findall(r"'pattern': '(.*?)'", str(api.get_openapi_schema())))
    assert len(patterns) > 10
    assert [pattern for pattern in patterns if re.search(r"\\[sSwWdDbB]", pattern)] == []


def test_every_request_and_response_has_a_valid_example() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder))
    count = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for kind, content in body.get("content", {}).items():
                    if kind in ("application/json", MEDIA_TYPE):
                        schema = {**content["schema"], "components": document["components"]}
                        Draft202012Validator(schema).validate(content["example"])
                        count += 1
    assert count > 500


@pytest.mark.long
def test_openapi_document_is_generated_once() -> None:
    assert api.get_openapi_schema() is api.get_openapi_schema()
    assert next(iter(api.get_openapi_schema(path_prefix="/elsewhere/")["paths"])).startswith("/elsewhere/")
