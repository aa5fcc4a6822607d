"""Examples of the OpenAPI document fit what it describes."""

import json

from jsonschema import Draft202012Validator
from ninja.responses import NinjaJSONEncoder

from desk.api.api import api
from desk.api.common.problems import MEDIA_TYPE


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
