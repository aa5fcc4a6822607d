"""In Chinese."""
