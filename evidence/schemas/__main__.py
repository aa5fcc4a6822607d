"""``python -m evidence.schemas`` writes the schema files anew."""

import json

from evidence.schemas import FOLDER, FORMATS, schema_of

for file, (kind, names) in FORMATS.items():
    (FOLDER / file).write_text(json.dumps(schema_of(kind, names), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {file}")
