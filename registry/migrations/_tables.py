"""How migrations that stand for many say their tables."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

STEP = [
    ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
    ('claimed_at', models.DateTimeField(blank=True, null=True)),
    ('attempts', models.PositiveSmallIntegerField(default=0)),
    ('not_before', models.DateTimeField(blank=True, null=True)),
    ('error', models.TextField(blank=True)),
    ('waits_since', models.DateTimeField(db_default=Now(), help_text='when it was last put to work')),
]
"""What every step's row begins with."""
MORE = [
    ('claimed_by', models.CharField(blank=True, db_default='', help_text='the process', max_length=200)),
    ('held_since', models.DateTimeField(blank=True, help_text='since when the machine keeps it from being done', null=True)),
]
"""What every step's row begins with, too, from migration 46 on."""


def table(name: str, *fields: tuple[str, models.Field], **options: object) -> migrations.CreateModel:
    """A model's table, with the number that Django gives each row unless another field is its primary key."""
    number = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')
    first = () if any(field.primary_key for _, field in fields) else (('id', number),)
    return migrations.CreateModel(name, [*first, *fields], options)


class Tables(Operation):
    """Makes many tables at once: their models are rendered when all are known, and not all anew after each."""

    def __init__(self, operations: list[migrations.CreateModel]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add all models."""
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Make all tables; what refers to another one is said when all are there, whatever their order."""
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)
