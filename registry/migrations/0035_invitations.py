"""Invitations; and who can sign in already has an address that counts as verified."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import registry.models.fields


def keep_addresses(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    users, addresses = apps.get_model("registry", "User"), apps.get_model("account", "EmailAddress")
    known = addresses.objects.values("user_id")
    rows = users.objects.exclude(pk__in=known).exclude(email="")
    addresses.objects.bulk_create(
        addresses(user_id=row.pk, email=row.email.lower(), verified=True, primary=True) for row in rows.iterator()
    )


class Migration(migrations.Migration):
    """Add the table, and addresses for the people who are there."""

    # the table of addresses is there: `migrate` brings the app `account` up to date before this one, in the order of
    # their names; named here, it would stand in the way of one step for an empty database
    dependencies = [("registry", "0034_download_links")]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(blank=True, help_text="whom it is for; empty for the operator", max_length=254)),
                ("role", models.CharField(blank=True, choices=[("owner", "Owner"), ("reviewer", "Reviewer"), ("viewer", "Viewer")], max_length=8)),
                ("digest", registry.models.fields.DigestField(unique=True)),
                ("by", models.CharField(help_text="who invites", max_length=200)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("owner", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="registry.owner")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        fields=("owner", "email"),
                        name="invitation_identity",
                    )
                ],
            },
        ),
        migrations.RunPython(keep_addresses, migrations.RunPython.noop),
    ]
