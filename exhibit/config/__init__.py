"""The configuration and the secrets of an installation."""
