"""Case queue and case page."""
