"""Steps of works."""
