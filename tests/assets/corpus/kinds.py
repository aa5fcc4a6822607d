"""The inventions that a check detects, by kind; and for each kind, whether a test of commit f426708 made such a change.

All tests and benchmarks of that commit that verify bundles were read and searched (`git grep PATTERN f426708`) for the
field, file or structure that a kind changes. A kind is new if none of them changed that place in that way: random bit
flips and changes of the bag's lists count as changes of what they affect.
"""

# ruff: noqa: E501 - a table, a kind a line
# fmt: off

import re

from tests.assets.corpus.inventions import FAMILIES

NEW = {
    "a party that isn't that of the pages, none, or of no kind": "another party|a party (?:that is none|of an unknown kind|without a name)",
    "a consistency proof left out, or of another size": "no consistency|a consistency of another size",
    "a decision that is none, or at no time": "another decision|a decision at no time",
    "the owner's name in facts and manifest, spelled so that it looks alike, or left empty": "an owner (?:in capitals|written.*|without.*|with (?!a field).*)",
    "a bundle's number below 1": "a bundle (?:of number zero|below zero)",
    "an author, statement of rights, publication or work's number that the log doesn't name": "another (?:author|statement of rights|number of the work)|a first publication",
    "a title with an invisible difference": "a title.*",
    "an official registration that the log's entry doesn't name, or names otherwise": "an official registration.*",
    "the moment of registering, moved by a day or a microsecond": "registered a .*",
    "somebody else's earlier registration after the seal": "an earlier registration after the seal",
    "a document of the chain of title that is another file, or lies outside": "a document (?:that is|outside).*",
    "a registered or found picture of another format": ".*picture (?:of another format|in a format.*)",
    "sides of a picture below 1": "a picture without width|a width below zero",
    "a picture at the place of another, or at a path written otherwise": "a picture (?:at the place.*|of an unsealed.*|by a way.*|in capitals)|a found picture that is the registered file",
    "a work without pictures": "no registered picture",
    "a found picture that is none": "a found picture (?:that is (?:none|a page)|without a byte)",
    "a drawing that is another sealed file": "a drawing (?:that is |as the).*",
    "two drawings exchanged, sealed so": "both drawings exchanged",
    "another page in record, log and facts alike": "another page in record and facts",
    "another address of the image": "another address (?:of the image|in record.*)",
    "another last address after redirects": "another last address",
    "a page's address that looks alike: fragment, port, scheme, letters, user": "a page (?:with a (?:fragment|user)|at another.*|without TLS|of a look.*|that is a script)",
    "another status of the sighting than the crawl recorded": "another status",
    "another server than the crawl recorded": "another server",
    "a certificate of the server that the crawl did not record": "a certificate that nobody noted",
    "headers changed, added, in another order, or of three parts": "another header|a header.*|headers.*",
    "last seen before it was recorded, or after the seal": "last seen.*",
    "recorded in the future": "seen in the future.*",
    "a sighting twice, under its number or another": "a sighting (?:twice|of another number.*)",
    "a slice's count, or a place in it, that can't be": "a slice of (?:one record more|no record)|a place (?:below|beyond).*",
    "a slice's path with a hash more, or none": "a slice.* path.*",
    "a log's own entry of a slice without a root": "a slice without root",
    "a slice entered as something else": "a slice entered as.*",
    "a slice entered before it was seen, or after the seal": "a slice entered (?:before|after).*",
    "a slice's record of another picture": "a slice of another picture",
    "an alignment that can't be applied, of the match or of a further copy": "a transform (?:of zeros|that shrinks.*|beyond.*)|a further copy that.*",
    "mirroring that isn't stated": "a mirrored picture.*",
    "turning that the alignment doesn't give": "a rotation.*",
    "a distance of hashes below zero": "a distance of hashes below zero",
    "reasons of a match of one's own": "reasons of.*",
    "sentences of a match that its figures don't give": ".*words of a match",
    "a match with a picture that isn't the work's, or with itself": "a match with.*",
    "a match that names a sighting twice, or stands twice": "a match (?:in one sighting twice|twice|of number zero)",
    "a visit that ends in the future": "a visit that never ends",
    "a visit by another method than recorded": "a visit by another method",
    "an image of a visit that keeps no file": "a visit without files",
    "a visit with a file twice, or with a file that isn't its own": "a visit (?:twice|with one file twice|that (?:shows|keeps).*)",
    "a visit's outcome that its exchanges don't give": "an outcome.*|a visit whose.*",
    "exchanges recorded and not stated, or stated otherwise": "other bytes than were counted|a failure of one's own|an exchange twice|exchanges in another order|a record without its request",
    "surroundings with a field more or less": "a field of the surroundings.*",
    "bytes or a port below zero in the surroundings": "(?:bytes|a port) below zero",
    "an exchange answered before it was sent": "an exchange answered.*",
    "an exchange with another status than recorded": "an exchange with a redirect.*",
    "another address of the server than recorded": "another address of the server",
    "a recorded exchange changed, with all digests around it made to fit": "a record of HTTP.*",
    "a recorded body whose packing breaks off": "bodies packed (?:with half.*|that break off)",
    "a recorded body packed with other sums": "bodies packed with another sum.*|bodies of zlib with another sum",
    "a recorded body that unpacks to something else": "bodies packed with (?:other|all others).*",
    "a recorded body that isn't packed as it says": "bodies (?:that aren't|of zlib called).*",
    "a kept page that isn't what was served": "a page (?:with a byte behind|left empty)",
    "facts that leave out what drawings and documents were made with": "made with nothing",
    "documents made in another time zone than stated": "made in another zone",
    "a sheet that doesn't follow from the facts": "a sheet that.*",
    "a decision before the case was opened, or after the seal": "a decision (?:before|after).*",
    "licences searched after the seal": "a licence check after.*",
    "licences below zero": "licences below zero",
    "opened after it was written, or written before": "opened after.*|written before.*",
    "written after the seal": "written after.*",
    "other software or models in facts than in the manifest, or the other way round": "another (?:version of the software|model)|other software.*",
    "what a calibration says of itself, stated better": "a calibration (?:of a better.*|of more.*|made later|of other data|with a prior.*|of photographs below.*)",
    "a calibration that is another file": "a calibration that is the facts",
    "a registration's time, salt or commitment changed": "a registration (?:of another time|with another (?:salt|commitment))",
    "a registration's place in the log changed": "a registration (?:of another sequence|of a sequence.*|under another size)",
    "a registration's entry as one of another kind": "a registration (?:of another kind|of a kind.*|entered as.*)",
    "an earlier checkpoint written in another form: line ends, blanks, zeros, lines": "a checkpoint (?:without signature|with a line.*|whose size.*|with blanks|with other line ends)",
    "a registration entered before it was made, or after the seal": "a registration entered (?:before|after).*",
    "the seal's entry with a field or a word more, or a short salt": "a seal's entry with a (?:word|field|short).*",
    "an inclusion with a hash more": "an inclusion with a hash more",
    "a checkpoint with a byte behind": "a checkpoint with a byte.*",
    "a consistency proof twice, or as an object": "a consistency (?:twice|that is.*)",
    "a list of receipts that is an object, or names one twice": "a list of receipts.*|a receipt listed twice",
    "a receipt called another kind": "a receipt of another kind",
    "a receipt that is another file of the bundle": "a receipt (?:outside.*|that is the signature)",
    "material of a receipt twice": "material twice",
    "a receipt's line with a field more": "a receipt with a field more",
    "a signature with a byte more, or beyond the group's order": "a signature with.*",
    "a key of small order, or that isn't a point": "a key (?:of small order|that isn't a point|of zeros)",
    "a key's file in another form of the same key": "a key (?:with.*|as two)",
    "withheld and there, twice, never sealed, or no list": "withheld (?!facts).*",
    "a stand-in that is another picture, itself, or one that has a stand-in": "a stand-in (?:(?:by its role )?that is another.*|of.*)",
    "sealed before it was written, or in the future": "sealed .*",
    "one registered picture, or one document, that stands for two": "a (?:registered picture|document named) twice",
    "licences that cover all and not all": "a licence that covers it in part and in whole",
    "a sealing key that neither operator nor owner holds": "a key of another holder",
    "bag-info.txt in another form, or with a line more": "a contact.*|a line of the bag.*",
    "bagit.txt with a byte order mark or other line ends": "a bag with.*",
    "a list of digests in another order, with stars, with a line more": "a list of digests (?:in another order|with.*)",
    "a status or a server that no crawl notes": "a status of one's own|a server that isn't an address",
    "a further copy where none is seen": "a further copy out of sight",
    "a connection that can't have been: host, port, TLS, addresses of its name, a proxy": "the server's name in the surroundings|a port beyond all|another cipher|another version of TLS|a name that has no address|a proxy that isn't stated",
    "a clock that no response stated": "a clock that is a year off",
    "a calibration twice": "a calibration twice",
    "a witness of what wasn't written yet": "a witness that never was",
    "a file of the bag that BagIt knows and the profile doesn't: fetch.txt, MD5, a second list of tags": "a list of digests by MD5|files to fetch|a second list of tags",
}
EARLIER = {
    "a value of another type, or a field more or less, in facts or manifest": ("an owner (?:who is.*|with a field more)|an identity that is true|a bundle (?:and a half|that is true)|a party that is a list|a language that is a number|a number of the work.*|a digest (?:in capitals|that is short)|a status (?:below zero|that is text)|another visibility|a sighting of number zero|a count of a slice.*|a transform (?:that isn't a matrix|of text)|no similarity|a decision (?:of one's own|that isn't text)|a licence check that isn't a response|a format of tomorrow|no format|another format of the manifest|a field of the manifest more|a key of another algorithm", "tests/assets/bundle_changes.py, tests/assets/resealing.py, tests/evidence/bundle/test_manifest.py"),
    "facts of another case or owner than the manifest": ("an owner in the manifest alone|another (?:case|number of the bundle) than.*|a case that is none", "tests/assets/bundle_changes.py"),
    "another title, holder, credit or year than the log names": ("another title|no title|a (?:holder|credit|year of creation)", "tests/assets/resealing.py, tests/evidence/verify/checks/test_case.py"),
    "a file with other bytes, another size or digest than stated, or not sealed": ("a document (?:of another digest|with other bytes)|a picture of another size|the found picture as.*|a found picture with other bytes|a registered picture with a byte behind|a drawing that isn't there|a calibration (?:without its file|with other weights)|a file .*|no file|files in another order", "tests/assets/bundle_changes.py, tests/assets/resealing.py, bench/tampering.py"),
    "another width or height of a picture": (".*picture of another (?:width|height)|width and height exchanged", "tests/evidence/verify/checks/test_case.py"),
    "another page, first seen, or place in the slice than recorded": ("another page|another place|a slice of another (?:root|count)", "tests/evidence/verify/checks/test_case.py"),
    "another alignment, similarity or share than the pictures give": ("a transform (?:with a vanishing line|moved.*)|a similarity.*|a share.*|half of.*", "tests/evidence/verify/checks/test_case.py"),
    "figures that don't give the probability, or one without a calibration": ("more points|points below zero|another distance.*|a distance of hashes beyond.*|a higher prob.*|a probability.*|no probability|no calibration.*|a calibration (?:of another match|with a bound.*)|another pipeline.*", "tests/evidence/verify/checks/test_probability.py"),
    "a match or facts that point nowhere": ("a match in (?:no|a) sighting.*|no sighting", "tests/evidence/verify/checks/test_case.py"),
    "another owner, picture or nonsense in the log's entry of the registration": ("a registration of (?:another (?:owner|picture)|no owner|a list) by the log", "tests/evidence/verify/checks/test_case.py, tests/assets/resealing.py"),
    "log, checkpoint or inclusion missing, cut, shortened, or with other numbers, hashes or letters; an entry of another type": ("no (?:checkpoint|inclusion)|a seal's entry (?:that is a registration|of another.*|with another salt)|an inclusion (?:of another place|under.*|with a hash less|with hashes.*|in capitals)|a checkpoint (?:that isn't signed|of another size|by another name)|a consistency of other hashes", "bench/tampering.py, tests/assets/bundle_changes.py, tests/evidence/standalone/test_included_verifier.py"),
    "a receipt or its material missing, empty, exchanged, or for another digest": ("a receipt (?:of another digest|that isn't there)|the two receipts.*|an empty receipt|material that isn't there", "bench/tampering.py, tests/assets/bundle_changes.py"),
    "a bundle of another case of the same owner": ("a case of another number in both", "bench/tampering.py"),
    "a list of renewals that can't be": ("a renewal.*", "tests/evidence/log/test_proofs.py"),
    "a stamp of another digest, or by a certificate that wasn't valid": ("stamps.*", "tests/evidence/anchors/rfc3161/test_anchor.py"),
    "a signature or key changed; a counter-signature of junk": ("a signature of zeros|another key beside|a countersignature.*", "tests/evidence/verify/checks/test_proofs.py"),
    "withheld facts; a stand-in that isn't there": ("withheld facts|a stand-in that isn't there", "tests/assets/bundle_changes.py, tests/evidence/bundle/test_manifest.py"),
    "a file of the bag changed or missing; a file too many": ("another (?:date|sum|name) of the bag|another version in facts and manifest|a list of digests (?:left out|in capitals|that ends early)|a bag (?:of another version|in another encoding)|no (?:list of tags|verifier inside)|a web page beside", "bench/tampering.py, tests/evidence/verify/checks/test_contents.py"),
    "a key pinned for another owner, or revoked": ("the key .*", "tests/evidence/verify/checks/test_proofs.py"),
}


def failing_checks() -> dict[str, set[str]]:
    """Return the failing checks of each invention; inventions that no check detects are left out."""
    every = {name: checks.split() for kinds in FAMILIES.values() for name, (_, checks) in kinds.items()}
    return {name: {re.sub(r":.*|\?$", "", check) for check in checks} for name, checks in every.items() if checks}


def kinds_of(name: str) -> list[str]:
    """Return the kinds to which an invention belongs: exactly one if the table is correct."""
    patterns = {**NEW, **{kind: pattern for kind, (pattern, _) in EARLIER.items()}}
    return [kind for kind, pattern in patterns.items() if re.fullmatch(pattern, name)]
