"""``python -m evidence.schemas`` writes the schema files anew, with what holds no further objects on one line."""

import json
import re

from evidence.schemas import FOLDER, schemas

for name, schema in schemas().items():
    text = re.sub(r"[\[{][^\[\]{}]*[\]}]", lambda found: " ".join(found[0].split()), json.dumps(schema, indent=2))
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"wrote {name}.json")
