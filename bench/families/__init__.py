"""Leave-one-family-out: what is found of a family of copies by a model that was fitted without it."""
