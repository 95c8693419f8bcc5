"""What the tests of rules share: the shapes and both engines, made once (pySHACL is slow)."""

from __future__ import annotations

import pytest

from kg.validate import Engine, Shapes, engine, load_shapes
from kg.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary()


@pytest.fixture(scope="session")
def shapes(vocabulary: Vocabulary) -> Shapes:
    return load_shapes(vocabulary=vocabulary)


@pytest.fixture(scope="session")
def fast(shapes: Shapes) -> Engine:
    return engine("shacl", shapes)


@pytest.fixture(scope="session")
def reference(shapes: Shapes) -> Engine:
    return engine("pyshacl", shapes)
