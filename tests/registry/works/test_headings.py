"""Test column headings as people write them, for works and licences."""

from collections.abc import Mapping

import pytest

from registry.works import licence_tables, work_tables
from registry.works.headings import HEADINGS, list_aliases
from registry.works.spreadsheets import get_column


@pytest.mark.parametrize("columns", [work_tables.WORK_COLUMNS, licence_tables.COLUMNS])
def test_known_table_headings_are_unambiguous(columns: Mapping[str, int]) -> None:
    headings = [heading for column in columns for heading in HEADINGS[column]]
    assert len(headings) == len(set(headings))
    assert {get_column(heading, list_aliases(columns)) for heading in headings} == set(columns)


@pytest.mark.parametrize(
    ("headings", "columns"),
    [
        (
            "Dateiname;Bildtitel;Fotograf;Aufnahmedatum;Copyright-Vermerk;Rechteinhaber",
            "file title author created rights holder",
        ),
        ("Nom de fichier;Titre;Photographe;Date de prise de vue;Droits d’auteur", "file title author created rights"),
        ("Nom du fichier :;TITRE;Auteur;Date de creation;Crédit photo", "file title author created credit"),
        ("文件名称;作品名称;摄影师;拍摄日期;版权声明", "file title author created rights"),
        ("File name;Headline;By-line;Date taken;Copyright notice", "file title author created rights"),
        ("Datei;U\u0308berschrift;Urheberin;Erstellt am;Bildnachweis", "file title author created credit"),
    ],
)
def test_common_work_headings_are_recognised(headings: str, columns: str) -> None:
    assert [get_column(heading, work_tables.WORK_ALIASES) for heading in headings.split(";")] == columns.split()


@pytest.mark.parametrize(
    ("headings", "columns"),
    [
        ("Dateiname;Kunde;Domain;Rechnungs-Nr.;Anmerkung", "works licensee domain invoice reason"),
        ("Fichier;Client;Site web;N° de facture;Remarques", "works licensee domain invoice reason"),
        ("图片名称;被授权方;网站;发票号;备注", "works licensee domain invoice reason"),
    ],
)
def test_common_licence_headings_are_recognised(headings: str, columns: str) -> None:
    assert [get_column(heading, licence_tables.ALIASES) for heading in headings.split(";")] == columns.split()
