"""The decision about one pair: geometry, dense check, rules, and what is said of it."""
