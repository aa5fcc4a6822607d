"""Rows keep sentences by template and values. What rows had in English is recognised this once; the rest is quotes."""

import re
from collections.abc import Callable, Iterator

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils.translation.trans_real import translation

from exhibit.sentences import CONTEXT, Sentence, following, from_text, to_text
from registry.db.fields import SentenceField

COLUMNS = (
    *(
        (model, 'error')
        for model in (
            'AnchorReceipt', 'BulkEdit', 'Bundle', 'Capture', 'CrawlSlice', 'Delivery', 'DescriptorModel', 'Dismissal',
            'EdgeResult', 'Flood', 'GroupDecision', 'Inquiry', 'LedgerChange', 'MailChoice', 'NoticeMail', 'Package',
            'PartyLookup', 'Picture', 'Report', 'UploadFile', 'WitnessState', 'WorkPicture',
        )
    ),
    ('Capture', 'sentence'), ('Case', 'reason'), ('CaseEvent', 'sentence'), ('Contributor', 'reason'),
    ('Partner', 'fault'), ('Refusal', 'sentence'), ('Revisit', 'sentence'), ('Webhook', 'paused_why'),
)  # fmt: skip
HELP = {
    ('CaseEvent', 'sentence'): "a person's words; of rows without phrases the whole line",
    ('Contributor', 'reason'): 'why, where its results were found to be wrong',
    ('Partner', 'fault'): 'what was wrong when its log was looked at last',
}
A_TIME = 1_000
_NAME = re.compile(r'%\((\w+)\)[sd]')
_FIRST = r'\S+?|[^.!?]+?'
_PIECE = re.compile(r'[a-z][^%]*[a-z]')  # what stands only inside other sentences, as a value


def recognise(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Give sentences of ours their templates; what a person or a server wrote stays as it is."""
    known = list(_templates())
    for name, column in COLUMNS:
        rows = apps.get_model('registry', name)._base_manager.exclude(**{column: ''})
        ours = _ours(rows, name)
        _rewrite(ours, column, lambda text: _recognised(text, known))
        _rewrite(rows.exclude(pk__in=ours.values('pk')), column, str)  # quotes that begin as JSON does are marked as such


def _rewrite(rows: 'models.QuerySet[models.Model]', column: str, said: Callable[[str], str]) -> None:
    """Write what is to be said in the place of each text whose column has to hold something else for it."""
    texts = rows.order_by().values_list('pk', models.functions.Cast(column, models.TextField()))
    changed = []
    for pk, text in texts.iterator(A_TIME):
        changed += [(pk, new)] if to_text(new := said(text)) != text else []
        if len(changed) == A_TIME:
            _write(rows.model, column, changed)
            changed = []
    _write(rows.model, column, changed)


def forget(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Back to the English text."""
    for name, column in COLUMNS:
        rows = apps.get_model('registry', name)._base_manager.exclude(**{column: ''})
        texts = rows.order_by().values_list('pk', models.functions.Cast(column, models.TextField()))
        for pk, text in texts.iterator(A_TIME):
            if text != (said := str(from_text(text))):
                rows.filter(pk=pk).update(**{column: models.Value(said, models.TextField())})


def _ours(rows: 'models.QuerySet[models.Model]', name: str) -> 'models.QuerySet[models.Model]':
    """Those rows whose text isn't a person's, and is shown."""
    if name == 'Case':
        return rows.filter(decided_by__in=['licence ledger', 'demonstration switch'])
    if name == 'CaseEvent':
        return rows.filter(models.Q(kind='captured') | models.Q(said=[])).exclude(kind='note')
    return rows.filter(reason__in=['repetitive', 'unreadable']) if name == 'Refusal' else rows


def _write(model: type[models.Model], column: str, changed: list[tuple[int, str]]) -> None:
    rows = [model(pk=pk, **{column: said}) for pk, said in changed]
    model._base_manager.bulk_update(rows, [column])


def _templates() -> Iterator[tuple[re.Pattern[str], str]]:
    """The templates of the catalogue, each as an expression: a value ends where what follows it begins."""
    keys = vars(translation('zh-hans'))['_catalog'].keys()  # as Django's own view of a catalogue reads it
    for context, _, template in (key.partition('\x04') for key in keys if isinstance(key, str)):
        if context == CONTEXT and not _PIECE.fullmatch(template):
            first, *rest = _NAME.split(template)
            found = re.escape(first)
            for name, after in zip(rest[::2], rest[1::2], strict=True):
                found += f'(?P<{name}>{".+?" if found else _FIRST})' + re.escape(after)
            yield re.compile(found + r'(?=\s|$)'), template


def _recognised(text: str, known: list[tuple[re.Pattern[str], str]]) -> str:
    found, left = list[str](), text
    while left:
        fits = [(match, template) for pattern, template in known if (match := pattern.match(left)) is not None]
        if not fits:
            found.append(left)
            break
        match, template = max(fits, key=lambda one: (one[0].end(), -len(one[0].groups())))
        numbers = {name for name in match.groupdict() if f'%({name})d' in template}
        values = {name: int(value) if name in numbers else value for name, value in match.groupdict().items()}
        found.append(Sentence(template, **values))
        left = left[match.end() :].lstrip()
    said = following(*found)
    return said if said == text else text


class Migration(migrations.Migration):

    dependencies = [('registry', '0089_an_object_each')]

    operations = [
        *(
            migrations.AlterField(name, column, SentenceField(blank=True, help_text=HELP.get((name, column), '')))
            for name, column in COLUMNS
        ),
        migrations.RunPython(recognise, forget),
    ]
