"""Configuration and secrets of an installation."""
