"""Common column headings in English, German, French and Chinese, for tables of works and of licences."""

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_FILE = (
    "file files filename file_name file_names image images image_file image_name picture pictures photo photo_file "
    "datei dateien dateiname dateinamen bild bilder bilddatei bildname "
    "fichier fichiers nom_de_fichier nom_du_fichier image_fichier photo_fichier "
    "文件 文件名 文件名称 图片 图片名 图片名称 图片文件 图片文件名 照片 檔案 檔名 檔案名稱"
)
_HEADINGS = {
    "file": _FILE,
    "title": "title name headline image_title object_name work_title title_of_work "
    "titel bildtitel werktitel überschrift bezeichnung "
    "titre titre_de_l'œuvre titre_de_l'oeuvre titre_de_l'image intitulé "
    "标题 作品名称 名称 作品标题 题名 图片标题 標題 作品名稱",
    "author": "author authors creator artist photographer by_line byline photographed_by taken_by "
    "autor autorin urheber urheberin fotograf fotografin bildautor künstler künstlerin "
    "auteur autrice photographe artiste créateur "
    "作者 摄影师 摄影者 创作者 拍摄者 攝影師",
    "holder": "holder rights_holder rightsholder right_holder copyright_holder copyright_owner owner "
    "rechteinhaber rechteinhaberin urheberrechtsinhaber "
    "titulaire_des_droits ayant_droit détenteur_des_droits "
    "著作权人 权利人 版权人 版权所有者 版权所有人 著作權人",
    "credit": "credit credits credit_line creditline image_credit photo_credit "
    "bildnachweis bildquelle credit_zeile urhebervermerk namensnennung "
    "crédit crédits crédit_photo mention_de_crédit "
    "署名 署名方式 图片来源",
    "created": "created date_created creation_date created_on date_taken taken taken_on shot_on date_of_creation "
    "capture_date date_time_original datetimeoriginal "
    "erstellt erstellt_am erstellungsdatum aufnahmedatum aufgenommen_am entstanden entstehungsdatum "
    "date_de_création date_de_prise_de_vue date_de_la_prise_de_vue créé_le "
    "创作日期 创作完成日期 创作时间 拍摄日期 拍摄时间 完成日期",
    "first_publication": "first_publication published first_published published_on publication_date "
    "date_of_first_publication date_published first_publication_date "
    "erstveröffentlichung veröffentlicht veröffentlicht_am veröffentlichungsdatum erstveröffentlicht_am "
    "publié_le date_de_publication première_publication date_de_première_publication "
    "首次发表 首次发表日期 首次发表时间 发表日期 首发日期 首次公开日期",
    "rights": "rights copyright copyright_notice rights_statement copyright_statement statement_of_rights "
    "rechte copyright_vermerk copyrightvermerk copyright_hinweis urheberrechtsvermerk urheberrecht "
    "droits droits_d'auteur mention_de_copyright mentions_de_droits notice_de_copyright "
    "权利 权利声明 版权 版权声明 版权信息",
    "registrations": "registrations registration registration_number registration_no "
    "registrierung registrierungen registriernummer "
    "enregistrement enregistrements "
    "登记 登记号 作品登记号 版权登记号 登记证号",
    "works": f"{_FILE} works work work_number work_no "
    "werk werke werknummer "
    "œuvre œuvres oeuvre oeuvres "
    "作品 作品名称 作品编号",
    "licensee": "licensee licencee customer customer_name client client_name company licensed_to name_of_licensee "
    "lizenznehmer lizenznehmerin kunde kundin kundenname firma "
    "licencié titulaire entreprise nom_du_client société "
    "被许可人 被许可方 被授权方 被授权人 客户 客户名称 公司 公司名称",
    "domain": "domain domains website site web_site host "
    "domäne domänen webseite website_des_kunden internetseite "
    "domaine site_web site_internet "
    "域名 网站 网站域名 網站",
    "url_pattern": "url_pattern url urls address addresses web_address link "
    "adresse_im_web webadresse internetadresse "
    "adresse_web adresse_url "
    "网址 链接 網址",
    "account": "account username user_name konto nutzerkonto benutzername compte 账号 帐号 账户",
    "territories": "territories territory country countries "
    "gebiet gebiete land länder "
    "territoire territoires pays "
    "地区 国家 地域",
    "valid_from": "valid_from from start start_date begin begins valid_since licence_start license_start "
    "gültig_ab gültig_von gueltig_ab gueltig_von von ab beginn lizenzbeginn startdatum "
    "du début date_de_début valable_du valable_dès "
    "开始日期 起始日期 生效日期 授权开始日期 许可开始日期",
    "valid_until": "valid_until until to end end_date ends valid_to expires expiry expiry_date licence_end license_end "
    "gültig_bis gueltig_bis bis ende ablauf ablaufdatum lizenzende enddatum "
    "au fin date_de_fin valable_jusqu'au date_d'expiration "
    "结束日期 截止日期 到期日期 到期日 有效期至 授权结束日期 许可结束日期",
    "reason": "reason note notes remark remarks comment comments agreement "
    "grund bemerkung bemerkungen anmerkung anmerkungen notiz notizen vereinbarung kommentar "
    "motif remarque remarques commentaire commentaires "
    "理由 备注 说明",
    "reseller": "reseller agency sold_by distributor "
    "agentur bildagentur wiederverkäufer "
    "agence revendeur agence_photo "
    "代理 代理商 代理机构 图片代理机构 图库",
    "invoice": "invoice invoice_number invoice_no "
    "rechnung rechnungsnummer rechnungsnr rechnungs_nr "
    "facture numéro_de_facture n°_de_facture no_de_facture "
    "发票 发票号 发票号码",
}
HEADINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {column: tuple(dict.fromkeys(words.split())) for column, words in _HEADINGS.items()}
)
"""The headings of each column, in lower case, with underscores for spaces and hyphens."""


def list_aliases(columns: Iterable[str]) -> dict[str, str]:
    """Return the column of each heading in a table with these columns, with and without diacritics."""
    by_heading = {heading: column for column in columns for heading in HEADINGS[column]}
    return {strip_diacritics(heading): column for heading, column in by_heading.items()} | by_heading


def strip_diacritics(text: str) -> str:
    """Remove diacritics: ``debut`` for ``début``."""
    decomposed_text = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in decomposed_text if not unicodedata.combining(char)))
