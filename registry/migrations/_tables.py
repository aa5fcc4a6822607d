"""How migrations that stand for many say their tables."""

from collections.abc import Mapping, Sequence

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


Part = tuple[str, models.Field | models.Manager] | models.Index | models.BaseConstraint | dict[str, object]
"""Of a table: a column (or a manager) with its name, an index, a constraint, or further options of its model."""


def step(todo: str, *more: Part) -> tuple[Part, ...]:
    """What a step's row begins with, and the index of this name over those that aren't done."""
    return (*STEP, *more, models.Index(condition=~models.Q(state='done'), fields=['id'], name=todo))


def numbered(
    parent: str, identity: str, order: str = 'number', column: type[models.Field] = models.PositiveIntegerField
) -> tuple[Part, ...]:
    """A number, unique below the parent by the constraint of this name, and the order in which rows are listed."""
    unique = models.UniqueConstraint(fields=(parent, 'number'), name=identity)
    return ('number', column()), unique, {'ordering': [parent, order]}


def tables(given: Mapping[str, Sequence[Part]]) -> list[migrations.CreateModel]:
    """Models' tables, each with the number that Django gives its rows unless another column is the primary key."""
    return [_table(name, parts) for name, parts in given.items()]


def _table(name: str, parts: Sequence[Part]) -> migrations.CreateModel:
    named = [part for part in parts if isinstance(part, tuple)]
    managers = [part for part in named if isinstance(part[1], models.Manager)]
    columns = [part for part in named if part not in managers]
    if not any(column.primary_key for _, column in columns):
        number = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')
        columns.insert(0, ('id', number))
    options = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
    for option, kind in (('indexes', models.Index), ('constraints', models.BaseConstraint)):
        if found := [part for part in parts if isinstance(part, kind)]:
            options[option] = found
    return migrations.CreateModel(name, columns, options, managers=managers)


class Tables(Operation):
    """Makes many tables at once: their models are rendered when all are known, and not all anew after each."""

    def __init__(self, given: Mapping[str, Sequence[Part]]) -> None:
        self.operations = tables(given)

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
