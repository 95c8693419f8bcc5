"""Answers to what people send: queries, documents to parse, documents to validate.

`Answerer` is the side of the caller, ``jobs`` what runs in the processes of `kg.query.pool`; both
run a query by ``evaluate``. In between travel names, texts and bytes, never objects of the engine.
"""

from __future__ import annotations

from kg.answer.answerer import Answer, Answerer, whole
from kg.answer.dataset import Dataset
from kg.query.guard import Query

__all__ = ["Answer", "Answerer", "Dataset", "Query", "whole"]
