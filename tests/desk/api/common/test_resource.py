"""An operation is a function: its address, its answer and its name follow from it."""

from types import SimpleNamespace
from typing import Any

from django.http import HttpResponse
from ninja import Status
from ninja.operation import Operation

from desk.api.common.auth import READ, WRITE, Call
from desk.api.common.idempotency import PARAMETER
from desk.api.common.resource import Resource
from desk.schemas.base import Answer, Piece
from registry.models import Owner, Watch
from tests.assets.programs import Program, alice, studio

ONE = "/owners/{slug:owner}/things/{int:number}"


class Thing(Answer):
    number: int


def operation(resource: Resource) -> Operation:
    ((path, view),) = resource.router.path_operations.items()
    assert path == ONE
    (found,) = view.operations
    return found


def request(**named: Any) -> Call:  # noqa: ANN401 - parts of an address
    auth = SimpleNamespace(owner="studio", ident="token:1")
    match = SimpleNamespace(kwargs={"owner": "studio", **named})
    return SimpleNamespace(auth=auth, resolver_match=match, headers={})  # type: ignore[return-value]


def test_a_function_gets_of_its_address_what_it_names() -> None:
    things = Resource("things")

    @things.get(ONE)
    def get_thing(request: Call, number: int) -> Thing:
        return Thing(number=number)

    found = operation(things)
    assert (found.operation_id, found.methods, found.auth_param) == ("get_thing", ["GET"], READ)
    assert list(found.signature.signature.parameters) == ["request", "owner", "number"]
    assert found.view_func(request(), owner="studio", number=3) == Thing(number=3)
    assert get_thing(request(), 4) == Thing(number=4)


def test_a_function_says_by_its_type_what_it_answers() -> None:
    def removed(request: Call) -> None: ...
    def file(request: Call) -> HttpResponse:
        raise NotImplementedError

    def either(request: Call) -> Status[Thing]:
        raise NotImplementedError

    def begun(request: Call) -> Thing:
        raise NotImplementedError

    for view, status, statuses in ((removed, 200, {204}), (either, 200, {200, 201}), (begun, 202, {202})):
        things = Resource("things")
        things.put(ONE, WRITE, status)(view)
        assert set(operation(things).response_models) == statuses
    things = Resource("things")
    things.get(ONE, file="image/png", name="get_picture")(file)
    assert operation(things).operation_id == "get_picture"
    assert list((operation(things).openapi_extra or {})["responses"][200]["content"]) == ["image/png"]


def test_only_posts_take_a_key_and_not_where_they_say_so() -> None:
    def deed(request: Call) -> Thing:
        raise NotImplementedError

    for keyed in (True, False):
        things = Resource("things")
        things.post(ONE, WRITE, 201, keyed=keyed)(deed)
        assert ((operation(things).openapi_extra or {}).get("parameters") == [PARAMETER]) is keyed


def test_one_row_is_found_by_its_owner_and_the_numbers_of_the_address() -> None:
    things = Resource("things")
    asked: list[tuple[object, ...]] = []

    def row(*given: object) -> SimpleNamespace:
        asked.append(given)
        return SimpleNamespace(number=7)

    things.shows(ONE, "get_thing", Thing, row, "One thing.")
    found = operation(things)
    assert found.view_func(request(number=7), owner="studio", number=7) == Thing(number=7)
    assert (asked, found.operation_id, found.description) == ([("studio", 7)], "get_thing", "One thing.")
    listed = Resource("things")
    listed.lists(ONE, "list_things", Thing, row, "The things.")
    assert operation(listed).signature.docstring == "The things."
    assert {"cursor", "limit"} < set(operation(listed).signature.signature.parameters)
    assert issubclass(operation(listed).response_models[200].model_fields["response"].annotation, Piece)


__all__ = ["alice", "studio"]


def test_lists_go_on_where_they_were_whatever_comes_meanwhile(studio: Owner, alice: Program) -> None:
    def watch(number: int) -> None:
        Watch.objects.create(owner=studio, number=number, name=f"w{number}", sources=[])

    for number in range(2, 7):
        watch(number)
    seen, cursor = [], ""
    while True:
        status, piece = alice.get(f"/watches?limit=2&cursor={cursor}")
        assert status == 200
        seen += [one["number"] for one in piece["items"]]
        if len(seen) == 2:
            Watch.objects.filter(number=2).delete()
            watch(9)
        if piece["next"] is None:
            break
        cursor = piece["next"]
    assert seen == [2, 3, 4, 5, 6, 9]
    assert alice.get(f"/watches?cursor={piece['last']}")[1] == {"items": [], "next": None, "last": piece["last"]}
    watch(10)
    assert [one["number"] for one in alice.get(f"/watches?cursor={piece['last']}")[1]["items"]] == [10]
