"""Decision about one pair: geometry, dense check, rules and wording."""
