"""``python -m evidence.schemas``: rewrite the schema files, with objects that contain no others on one line."""

import json
import re

from evidence.schemas import FOLDER, build_schemas

for name, schema in build_schemas().items():
    text = re.sub(r"[\[{][^\[\]{}]*[\]}]", lambda match: " ".join(match[0].split()), json.dumps(schema, indent=2))
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"wrote {name}.json")
