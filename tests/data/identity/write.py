"""Writes ``pairs.jsonl``: pairs of entities of different systems, labelled the same thing or not.

``python tests/data/identity/write.py``. The label is what is so in the made-up world that a case
tells of, and never what the rules say: some cases are beyond them, and are here to be counted. No
two cases share a thing, so a link between them is a mistake as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("pairs.jsonl")
TABLES = [
    "play_events",
    "play_features",
    "impressions",
    "search_log",
    "title_catalogue",
    "profiles",
    "shot_footage",
    "scripts",
    "subtitle_pairs",
    "bookings",
    "chargebacks",
    "churn_labels",
    "device_sessions",
    "ratings",
    "artwork_clicks",
    "trailers",
]
GIVEN = [
    "Ada",
    "John",
    "Mia",
    "Tom",
    "Elena",
    "Samir",
    "Yuki",
    "Mateo",
    "Anneke",
    "Omar",
    "Zoë",
    "Łukasz",
    "Chloé",
    "Jürgen",
    "Inês",
]
FAMILY = [
    "Okafor",
    "Smith",
    "Lindqvist",
    "Reyes",
    "Petrova",
    "Nair",
    "Tanaka",
    "Vargas",
    "Farouk",
    "Weber",
    "Müller",
    "Nowak",
    "Dubois",
    "Silva",
    "Kowalski",
    "Haddad",
    "Moreau",
    "Rossi",
    "Novák",
    "Ødegård",
]
ASCII = str.maketrans("ëłéüêèáåí", "eleueeaai")  # not the ø, so that an address has one
CYRILLIC = str.maketrans("aeopcx", "аеорсх")  # they look the same, and are not

Thing = list[Any]
"""Type, source, key, and facts."""


def thing(kind: str, source: str, key: str, **facts: str) -> Thing:
    return [kind, source, key, {name.replace("_", ":", 1): facts[name] for name in facts}]


class People:
    """People of whom no two share a name."""

    def __init__(self) -> None:
        self._names = product(FAMILY, GIVEN)
        self._number = 0

    def next(self) -> tuple[str, str, str]:
        """A number, a name, and a login that is made of it."""
        family, given = next(self._names)
        self._number += 1
        login = f"{given}.{family}".lower().translate(ASCII)
        return f"{1000 + self._number}", f"{given} {family}", login


def mail(address: str) -> str:
    return f"<mailto:{address}>"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


Case = tuple[str, bool, Thing, Thing]


def datasets() -> Iterator[Case]:
    def lies(source: str, key: str, place: str) -> Thing:
        return thing("dataset", source, key, mlg_location=place)

    for n, t in enumerate(TABLES):
        yield (
            "one place, two spellings of the scheme",
            True,
            lies("iceberg", f"a{n}", f"s3://lake-a/media/{t}"),
            lies("lineage", f"a{n}x", f"s3a://lake-a/media/{t}/"),
        )
        yield (
            "a table by its name, and by its place",
            True,
            thing("dataset", "iceberg", f"schema_d.{t}"),
            thing("dataset", "lineage", f"s3://lake-d/schema_d/{t}"),
        )
    for n, t in enumerate(TABLES[:10]):
        yield (
            "one place, by S3 and by HTTPS",
            True,
            lies("iceberg", f"b{n}", f"s3://lake-b/media/{t}"),
            lies("crawler", f"b{n}x", f"https://lake-b.s3.eu-west-1.amazonaws.com/media/{t}"),
        )
        yield (
            "one place in Azure, by two protocols",
            True,
            lies("iceberg", f"c{n}", f"abfss://raw@acme.dfs.core.windows.net/media/{t}"),
            lies("crawler", f"c{n}x", f"https://acme.blob.core.windows.net/raw/media/{t}"),
        )
        yield (
            "a table in a catalogue that shouts",
            True,
            thing("dataset", "dbt", f"analytics.schema_e.{t}"),
            thing("dataset", "snowflake", f"SCHEMA_E.{t.upper()}"),
        )
    for n, t in enumerate(TABLES[:6]):
        yield (
            "one place, and two names for its catalogue",
            True,
            lies("trino", f"hive.schema_f.{t}", f"s3://lake-f/schema_f/{t}"),
            lies("glue", f"awsdatacatalog.schema_f.{t}", f"s3://lake-f/schema_f/{t}"),
        )
        yield (
            "a table by a bare name, and by its place",
            True,
            thing("dataset", "notebook", f"bare_{t}"),
            thing("dataset", "lineage", f"s3://lake-g/schema_g/bare_{t}"),
        )
        yield (
            "one whole bucket, of two datasets",
            False,
            lies("crawler", f"n{n}", f"s3://lake-n{n}/"),
            lies("lineage", f"n{n}x", f"s3://lake-n{n}"),
        )
        yield (
            "one path on two clusters",
            False,
            lies("crawler", f"nn{n}", f"hdfs://one:8020/media/{t}"),
            lies("lineage", f"nn{n}x", f"hdfs://two:8020/media/{t}"),
        )
        yield (
            "a dataset, and its version at the same place",
            False,
            lies("iceberg", f"o{n}", f"s3://lake-o/media/{t}"),
            thing("dataset-version", "lineage", f"o{n}@1", mlg_location=f"s3://lake-o/media/{t}"),
        )
    yield from unlike_datasets()


def unlike_datasets() -> Iterator[Case]:
    def lies(source: str, key: str, place: str) -> Thing:
        return thing("dataset", source, key, mlg_location=place)

    for n, t in enumerate(TABLES[:14]):
        yield (
            "development and production, by catalogue",
            False,
            thing("dataset", "dbt", f"dev.schema_h.{t}"),
            thing("dataset", "iceberg", f"prod.schema_h.{t}"),
        )
        yield (
            "development and production, by bucket",
            False,
            lies("dbt", f"schema_i.{t}", f"s3://dev-lake/schema_i/{t}"),
            lies("iceberg", f"schema_i.{t}", f"s3://prod-lake/schema_i/{t}"),
        )
        yield (
            "two versions of a table",
            False,
            lies("feast", f"schema_j.{t}_v1", f"s3://lake-j/schema_j/{t}_v1"),
            lies("iceberg", f"schema_j.{t}_v2", f"s3://lake-j/schema_j/{t}_v2"),
        )
        yield (
            "buckets of two regions",
            False,
            lies("feast", f"k{n}", f"s3://lake-eu-west-1/schema_k/{t}"),
            lies("iceberg", f"k{n}x", f"s3://lake-us-east-1/schema_k/{t}"),
        )
    for n, t in enumerate(TABLES[:12]):
        yield (
            "paths that differ in case, where case counts",
            False,
            lies("feast", f"l{n}", f"s3://lake-l/Schema_l/{t}"),
            lies("iceberg", f"l{n}x", f"s3://lake-l/schema_l/{t}"),
        )
    for n, t in enumerate(TABLES[:8]):
        yield (
            "a look-alike in a table's name",
            False,
            thing("dataset", "feast", f"schema_m.{t.translate(CYRILLIC)}"),
            thing("dataset", "iceberg", f"schema_m.{t}"),
        )
        yield (
            "a look-alike in a path",
            False,
            lies("feast", f"p{n}", f"s3://lake-p/media/{t.translate(CYRILLIC)}"),
            lies("iceberg", f"p{n}x", f"s3://lake-p/media/{t}"),
        )
        yield (
            "one bucket's name at two providers",
            False,
            lies("feast", f"q{n}", f"gs://lake-q/media/{t}"),
            lies("iceberg", f"q{n}x", f"s3://lake-q/media/{t}"),
        )
        yield (
            "one path on two machines",
            False,
            lies("notebook", f"r{n}", f"file:///data/media/{t}"),
            lies("mlflow", f"r{n}x", f"file:///data/media/{t}"),
        )
        yield (
            "full-width letters in a table's name",
            False,
            thing("dataset", "feast", "schema_s." + "".join(chr(ord(c) + 0xFEE0) for c in t)),
            thing("dataset", "iceberg", f"schema_s.{t}"),
        )
    for n, word in enumerate(("Zürich", "café", "Málaga", "Kraków")):
        other = {"ü": "u\u0308", "é": "e\u0301", "á": "a\u0301", "ó": "o\u0301"}
        apart = "".join(other.get(c, c) for c in word)
        yield (
            "object keys of other bytes that read the same",
            False,
            lies("feast", f"t{n}", f"s3://lake-t/media/{word}"),
            lies("iceberg", f"t{n}x", f"s3://lake-t/media/{apart}"),
        )


def people(named: People) -> Iterator[Case]:
    def person(source: str, key: str, **facts: str) -> Thing:
        return thing("person", source, key, **facts)

    for _ in range(16):
        n, name, login = named.next()
        yield (
            "one address, in other case",
            True,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login.title()}@aurora.example")),
            person("mlflow", f"{login}@Aurora.example"),
        )
    for _ in range(12):
        n, name, login = named.next()
        yield (
            "one login, with and without its domain",
            True,
            person("ldap", n, foaf_name=name, dct_identifier=login),
            person("airflow", f"AURORA\\{login}"),
        )
    for _ in range(10):
        n, name, _login = named.next()
        yield (
            "one name, and numbers",
            True,
            person("ldap", n, foaf_name=name),
            person("scim", f"u{n}", foaf_name=name.upper()),
        )
    for _ in range(4):
        n, name, login = named.next()
        yield (
            "a domain in letters of its own",
            True,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@bücher.example")),
            person("mlflow", f"{login}@xn--bcher-kva.example"),
        )
    for _ in range(6):
        n, name, login = named.next()
        _, married, new = named.next()
        yield (
            "a new name, and address, after a wedding",
            True,
            person("scim", n, foaf_name=married, foaf_mbox=mail(f"{new}@aurora.example")),
            person("mlflow", f"{login}@aurora.example", foaf_name=name),
        )
    for _ in range(5):
        n, name, login = named.next()
        yield (
            "one person at a company and at the one that bought it",
            True,
            person("scim", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("ldap", f"{login}@bought.example", foaf_name=name),
        )
    yield from unlike_people(named)


def unlike_people(named: People) -> Iterator[Case]:
    def person(source: str, key: str, **facts: str) -> Thing:
        return thing("person", source, key, **facts)

    for _ in range(14):
        n, name, login = named.next()
        yield (
            "namesakes at two companies",
            False,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("scim", f"u{n}", foaf_name=name, foaf_mbox=mail(f"{login}@studio.example")),
        )
    for _ in range(10):
        n, name, login = named.next()
        yield (
            "namesakes at one company",
            False,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("scim", f"u{n}", foaf_name=name, foaf_mbox=mail(f"{login}2@aurora.example")),
        )
    for _ in range(8):
        n, name, login = named.next()
        yield (
            "a person, and their robot",
            False,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("mlflow", f"{login}+bot@aurora.example"),
        )
        n, name, login = named.next()
        yield (
            "a look-alike in an address",
            False,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("mlflow", f"{login.translate(CYRILLIC)}@aurora.example"),
        )
    for _ in range(6):
        n, name, login = named.next()
        yield (
            "a point more in an address",
            False,
            person("ldap", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("mlflow", f"{login.replace('.', '')}@aurora.example"),
        )
    for login in ("admin", "root", "test", "guest", "jenkins", "service"):
        yield (
            "an account that each system has",
            False,
            person("airflow", login),
            person("jenkins", login),
        )
    for n in range(4):
        yield (
            "two people with one mailbox, in one directory",
            False,
            person("ldap", f"s{n}a", foaf_mbox=mail(f"desk-{n}@aurora.example")),
            person("ldap", f"s{n}b", foaf_mbox=mail(f"desk-{n}@aurora.example")),
        )
    for _ in range(2):
        n, name, login = named.next()
        yield (
            "an address that was given again after its owner had left",
            False,
            person("scim", n, foaf_name=name, foaf_mbox=mail(f"{login}@aurora.example")),
            person("mlflow", f"{login}@aurora.example", mlg_leftOn="2019-05-31"),
        )


def others() -> Iterator[Case]:
    for n, t in enumerate(TABLES[:12]):
        yield (
            "one artefact in two registries",
            True,
            thing("model-instance", "mlflow", f"m{n}", mlg_sha256=digest(t)),
            thing("model-instance", "hub", f"h{n}", mlg_sha256=f"sha256:{digest(t).upper()}"),
        )
        title = t.replace("_", " ").title()
        yield (
            "one model in two registries",
            True,
            thing("model", "mlflow", f"x{n}", dct_title=f"{title} ranker"),
            thing("model", "hub", f"{t}-ranker"),
        )
    for n, t in enumerate(TABLES[:10]):
        yield (
            "two models of one title",
            False,
            thing("model", "mlflow", f"y{n}", dct_title=f"{t} scorer"),
            thing("model", "ads", f"z{n}", dct_title=f"{t} scorer"),
        )
        yield (
            "two artefacts of one title",
            False,
            thing("model-instance", "mlflow", f"v{n}", dct_title=t, mlg_sha256=digest(f"{t}1")),
            thing("model-instance", "hub", f"w{n}", dct_title=t, mlg_sha256=digest(f"{t}2")),
        )
    for n, t in enumerate(TABLES[:6]):
        yield (
            "one team by its address",
            True,
            thing("team", "ldap", f"t{n}", foaf_mbox=mail(f"team-{t}@aurora.example")),
            thing("team", "pager", f"p{n}", foaf_mbox=mail(f"Team-{t}@Aurora.example")),
        )
        yield (
            "one team by its name",
            True,
            thing("team", "ldap", f"u{n}", foaf_name=f"Squad {t}"),
            thing("team", "pager", f"squad-{t}"),
        )


def main() -> None:
    cases = [*datasets(), *people(People()), *others()]
    lines = (
        json.dumps({"case": case, "same": same, "one": one, "other": other}, ensure_ascii=False)
        for case, same, one, other in cases
    )
    FILE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
