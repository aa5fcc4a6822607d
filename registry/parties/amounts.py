"""Amounts of money as whole numbers of a currency's smallest unit (ISO 4217): read and written exactly."""

import re
from decimal import Decimal

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence

MAX_AMOUNT = 10**15
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
_WHOLE, _THOUSANDTHS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", "BHD IQD JOD KWD LYD OMR TND"
"""Currencies without digits behind the point, and with three; the others have two."""
_AMOUNT = re.compile(r"([0-9]{1,16})(?:[.]([0-9]{1,3}))?")


def currency_named(text: str) -> str:
    """A currency's code in capitals; raises ``WrongUseError`` for none of ISO 4217."""
    code = text.strip().upper()
    if len(code) != 3 or not code.isalpha() or code not in _CODES:
        said = Sentence("“%(given)s” isn't a currency.", given=text.strip()[:40])
        raise WrongUseError(said, hint=Sentence("Write its three letters, such as EUR or CNY."))
    return code


def read_amount(text: str, currency: str) -> int:
    """An amount such as ``120.50`` in the currency's smallest unit; raises ``WrongUseError``."""
    digits, found = _digits(currency), _AMOUNT.fullmatch(text.strip())
    if found is None or len(found[2] or "") > digits:
        said = Sentence("“%(given)s” isn't an amount of %(currency)s.", given=text.strip()[:40], currency=currency)
        raise WrongUseError(said, hint=Sentence("Write digits and a point, such as 1200.50, without the currency."))
    return checked_amount(int(found[1] + (found[2] or "").ljust(digits, "0")))


def checked_amount(amount: int) -> int:
    """The amount, if it can be kept; raises ``WrongUseError``."""
    if not 0 <= amount <= MAX_AMOUNT:
        raise WrongUseError(Sentence("The amount is too large, or below nothing."))
    return amount


def in_units(amount: int, currency: str) -> Decimal:
    """The amount in the currency's unit, with all of its digits."""
    return Decimal(amount).scaleb(-_digits(currency))


def _digits(currency: str) -> int:
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
