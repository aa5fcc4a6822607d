"""What is put into each bundle for a reader without this program, and which versions of it are known."""

from pathlib import Path

from exhibit.digests import Digest

FOLDER = Path(__file__).parent
_EARLIER = {
    "VERIFY.md": {
        "e03912f558ca71e77a4202d8fc11a910db6bc9ab3ca1ab3d7c48d552102da930",
        "389fe03b89f1387599b697252b00fdfa6c3ae3ea278fdbaa0dba7d8c79602bba",
        "1ebc1267462ccc916e6b4be5158257af64f93df495acf1c9d897b101d8f8bcb4",
        "a688594b13e4c4e196fd08e3323c9ca922bb9e9f2fe940c0e5c6ccd36bef3788",
        "ba89138ae484e8da244ced20e0201a9424bbfe6972a5a5805d150595edc02e0d",
    },
    "verify.py": {
        "96db30d130b477b45bdbc444ccc7f056533fb0fc8dc9c18edaf4d9a295948e78",
        "4c36842c68e79660e894766c618f3da598928078c9acb3f45e2a5ee57ebc8e00",
        "9325e70064b6a791d215517437c644a15e2b6f93c21fd8017879fe18808c4f87",
        "cebaad7dd0c16b65f05edcdbee49371b724d1733e2f92f7f13cf1d33ab602473",
        "51a01e0be4977684bf132dffc19bea3c8f29c88059c0344d8b2784010eded9c9",
    },
}
"""SHA-256 of the versions that earlier releases put into bundles."""

KNOWN_TOOLS = {name: earlier | {Digest.of_file(FOLDER / name).hex} for name, earlier in _EARLIER.items()}
"""SHA-256 digests of all known versions, by name."""
