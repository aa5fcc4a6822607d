"""Rows by which machines of one installation recognise each other's secrets."""

from django.db import models


class SecretMark(models.Model):
    """Which secret the installation uses, for machines that share no folder: a fingerprint, from which none follows."""

    name = models.CharField(max_length=40, primary_key=True)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 over name and secret")
