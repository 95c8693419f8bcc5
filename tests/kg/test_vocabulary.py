from kg.iris import term
from kg.vocabulary import Vocabulary

VOCABULARY = Vocabulary()


def test_terms_have_the_labels_that_people_use() -> None:
    assert VOCABULARY.label(term("mlg:ModelVersion")) == "model version"
    assert VOCABULARY.plural(term("mlg:Person")) == "people"
    assert VOCABULARY.label(term("mlgc:run-failed")) == "failed"
    assert VOCABULARY.definition(term("mlg:Model"))


def test_a_property_read_backwards_has_a_name_of_its_own() -> None:
    assert VOCABULARY.label(term("mlg:versionOf"), inverse=True) == "has version"
    assert VOCABULARY.label(term("mlg:dependsOn"), inverse=True) == "impacts"


def test_a_term_that_nobody_labelled_is_split_into_words() -> None:
    assert VOCABULARY.label("https://example.org/ns#someOddName") == "some odd name"
    assert VOCABULARY.label("https://example.org/") == "example.org"


def test_types_are_the_concrete_classes() -> None:
    assert {"model", "model-version", "pipeline-run", "experiment-cell"} <= set(VOCABULARY.types)
    assert "asset" not in VOCABULARY.types


def test_what_follows_is_known_from_the_ontology() -> None:
    assert VOCABULARY.is_derived(term("mlg:associatedWithTest"))
    assert not VOCABULARY.is_derived(term("mlg:producedBy"))


def test_example_queries_run_anywhere() -> None:
    queries = {query.name: query for query in VOCABULARY.questions}
    assert len(queries) >= 10
    for query in queries.values():
        assert query.text.startswith("PREFIX ") and "SELECT" in query.text
        assert query.label and query.comment and query.keywords
