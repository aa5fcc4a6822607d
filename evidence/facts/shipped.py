"""Calibrations and weights that have come along with this software, by their digests: what is on no list is a word.

Whoever seals can write a calibration of his own, of any number of photographs. That the figures and it give a
probability shows nothing of what it states of itself.
"""

from exhibit.digests import Digest

CALIBRATIONS = frozenset(
    {
        "2ace1e4955574634f1abb077bc238bc403fcf471c257d848fa45b8dee9afb9d0",  # default-2026-11, match-2
        "9caa2a6351b095818fce6fc84fe1a1a994f252a2461edfccec2e86f6f443f72c",
        "41c95bab5e87298ec1d63119c0e03dcae0f1ea437bec1af2f10b9b15a16fa9a2",
        "ff1e548c59c65f7221bf76194c8b8fc98bd5b472a8ddf4f4a8a215f0a9c5a75f",
        "2bad9212d3b2f316b14d285fdd261f0e30fba1e3155d027174fdf01d661f1153",  # default-2026-11b, match-3
        "f072069a8abe6daba49c8fe635cf1ed5840e92a7d5871d15303154f21ea07c92",
        "2e3c8db2bf2645559d40d675086e8ca78bd2ca2fb78d097d723f5fdbed78db79",  # default-2026-11c, match-3
        "6a71ae2358197520c5eed985dd698c3928e87ab96318564119f72df214fc7b27",  # default-2026-11d, match-4
        "5bb971ff53b95610c00585be2a800c5aa3aa5ecaf1ee203abbe9a811f2391828",  # default-2026-11e, match-5
        "d0f3c7b9eba076e973e7ac04a2c4bada91fe5b1fde3f7e80426e25331bd569b5",  # default-2026-11f, match-6
        "865a15f644ad6f4d2de69243c7dcb3f4e19d544d92367c2f16c5c66dc25eaf29",  # default-2026-11g, match-7
        "da0abea70f1d168a223a741075a7aae77ce8d2c5c66def2ba163161a840b4e7a",  # default-2026-11h, match-8
        "f9151e841857e1439c7f6caa0f228670b711be86c0012288fd6d25dba9014396",  # default-2026-11i, match-9
    }
)
WEIGHINGS = frozenset(
    {
        "969ade744462693703b2fc284b3b5ca47d7c598d45c13aef452ffb06802a1cba",  # match-6
        "6f7d2ce6510c44013b440dd7645b9ae31c59fe0ca7408fafb932e3f7f408a6e6",  # match-7
        "8635099168e9cbfdfe42ef07a6ae50cca1495bcbfccdf143c49785956e1efe50",  # match-8
        "3fbe9bee257c8582d607b5235ab32e7dd9ae65ea2686ec561d41e3c6849e8c2e",  # match-9
    }
)


def ships(digest: Digest, among: frozenset[str]) -> bool:
    """Whether a calibration or weighing is one that came along."""
    return digest.hex in among
