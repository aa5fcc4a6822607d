"""Steps of works: many that are changed at once."""
