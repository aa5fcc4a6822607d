"""``python -m evidence.schemas`` writes the schema files anew."""

import json

from evidence.schemas import FOLDER, schemas

for name, schema in schemas().items():
    (FOLDER / f"{name}.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {name}.json")
