"""Draft documents for a person to complete and sign: certification, environment, list of evidence, personal data."""
