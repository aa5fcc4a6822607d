"""Rows with which the machines of one installation check that they use the same secrets."""

from django.db import models


class SecretMark(models.Model):
    """Fingerprint of a secret, for machines without a shared folder. It does not reveal the secret."""

    name = models.CharField(max_length=40, primary_key=True)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of name and secret")
