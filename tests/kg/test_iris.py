import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadIri
from kg.iris import EntityRef, Minter, class_of_type, decode_key, encode_key, term, type_of_class

MINTER = Minter("http://localhost:8080")
KEYS = st.text(min_size=1, max_size=80).filter(str.isprintable)


@given(KEYS)
def test_keys_survive_the_iri(key: str) -> None:
    assert decode_key(encode_key(key)) == key
    ref = EntityRef("model", "mlflow", key)
    assert MINTER.parse(MINTER.mint(ref)) == ref
    assert MINTER.resolve(str(ref)) == ref
    assert MINTER.resolve(f"aip://{ref}") == ref


@given(KEYS, KEYS)
def test_different_keys_have_different_iris(one: str, other: str) -> None:
    if one != other:
        assert encode_key(one) != encode_key(other)


@given(KEYS)
def test_no_client_folds_an_encoded_key(key: str) -> None:
    segments = encode_key(key).split("/")
    if len(segments) > 1:
        assert not {"", ".", ".."} & set(segments)


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("ranker/3", "ranker/3"),
        ("a b", "a%20b"),
        ("a//b", "a%2F%2Fb"),
        ("..", "%2E%2E"),
        ("50%", "50%25"),
        ("é", "%C3%A9"),
        ("x#y?z", "x%23y%3Fz"),
    ],
)
def test_keys_stay_readable(key: str, encoded: str) -> None:
    assert encode_key(key) == encoded


@pytest.mark.parametrize(
    "text",
    [
        "http://elsewhere/id/model/a/b",
        "model",
        "model/mlflow",
        "Model/mlflow/x",
        "model/ML FLOW/x",
        "http://localhost:8080/id/model/mlflow/",
        "model/mlflow/%ff",
        "model/mlflow/a%00b",
    ],
)
def test_what_names_no_entity_is_refused(text: str) -> None:
    with pytest.raises(BadIri):
        MINTER.resolve(text)


@pytest.mark.parametrize("base", ["localhost", "http://a/", "ftp://a", "http://a b", "http://a#x"])
def test_a_wrong_base_is_refused(base: str) -> None:
    with pytest.raises(BadIri):
        Minter(base)


def test_a_part_is_not_an_entity() -> None:
    iri = MINTER.mint(EntityRef("model", "mlflow", "ranker"))
    assert MINTER.is_entity(iri)
    assert not MINTER.is_entity(iri + "#part")
    assert MINTER.parse(iri + "#part") == MINTER.parse(iri)


def test_types_and_classes_name_each_other() -> None:
    assert type_of_class(term("mlg:ModelVersion")) == "model-version"
    assert class_of_type("model-version") == term("mlg:ModelVersion")
    with pytest.raises(BadIri):
        type_of_class(term("prov:Entity"))
