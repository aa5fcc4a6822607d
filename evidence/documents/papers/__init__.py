"""Draft documents that a person completes and signs: certification, environment, list of evidence, personal data."""
