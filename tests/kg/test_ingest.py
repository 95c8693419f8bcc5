import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadEvent
from kg.ingest import ingest, ingest_json
from kg.iris import EntityRef

GOOD = {"event_type": "model_version.created", "source": "mlflow", "id": "ranker/3"}


def test_a_thin_event_names_its_entity() -> None:
    event = ingest(GOOD)
    assert event.ref == EntityRef("model-version", "mlflow", "ranker/3")
    assert event.event_type == "model-version.created"
    assert event.event_id


def test_what_else_an_event_says_is_not_used() -> None:
    event = ingest({**GOOD, "event_id": "7", "url": "http://169.254.169.254/", "name": "lie"})
    assert (event.event_id, event.ref.key) == ("7", "ranker/3")


def test_one_or_several() -> None:
    assert len(ingest_json(json.dumps(GOOD).encode())) == 1
    assert len(ingest_json(json.dumps([GOOD, GOOD]).encode())) == 2
    assert ingest_json(b"[]") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"\xff\xfe",
        b'"text"',
        b'{"event_type": "model.created"}',
        b'{"event_type": "model", "source": "s", "id": "x"}',
        b'{"event_type": "Model.Created", "source": "s", "id": "x"}',
        b'{"event_type": "model.created", "source": "S P", "id": "x"}',
        b'{"event_type": "model.created", "source": "s", "id": 7}',
        b'{"event_type": "model.created", "source": "s", "id": ""}',
        b'{"event_type": "model.created", "source": "s", "id": "' + b"x" * 500_000 + b'"}',
        b'{"event_type": "model.created", "source": "s", "id": "a\\u0000b"}',
        b'{"event_type": "model.created", "source": "s", "id": "\\ud800"}',
        b'{"event_type": "model.created", "source": "s", "id": "x", "time": "noon"}',
        b'{"event_type": "model.created", "source": "s", "id": "x", "time": "2026-01-01"}',
        b'{"event_type": "a.b", "source": "s", "id": "x", "id": "y"}',
        b'{"event_type": "a.b", "source": "s", "id": "x", "n": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=range(19),
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        ingest_json(body)


def test_the_event_that_is_wrong_is_named() -> None:
    with pytest.raises(BadEvent, match="Event 1") as caught:
        ingest_json(json.dumps([GOOD, {**GOOD, "id": None}]).encode())
    assert caught.value.details["index"] == 1


def test_an_error_in_json_has_its_place() -> None:
    with pytest.raises(BadEvent) as caught:
        ingest_json(b'[\n  {"event_type" }\n]')
    assert caught.value.details == {"line": 2, "column": 17}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=10))
def test_any_json_is_an_event_or_refused(data: object) -> None:
    with pytest.raises(BadEvent):
        ingest_json(json.dumps({"event_type": data, "source": data}).encode())
