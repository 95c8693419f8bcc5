"""Words: how a name is cut up, the same way when it is indexed and when it is asked for.

Names here are identifiers as much as prose: ``home-ranker_v2``, ``rankingModelV5``, ``ResNet50``,
``media.play_events``. People type any part of them, in any case, with or without accents and
punctuation. So a text becomes *chunks* (letters and digits without a gap), and a chunk becomes
its *parts* where the case or the kind of character changes. Nothing here knows the index.

Thousands of entities are indexed in a second, so plain ASCII takes a short way: only chunks that
can have parts are looked at one by one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_CHUNK = re.compile(r"[^\W_]+")
_MIXED = re.compile(  # it starts with one set of characters, which makes it five times as fast
    r"[A-Z0-9](?:(?<=[a-z][A-Z])|(?<=[A-Z0-9][A-Z])(?=[a-z])|(?<=[A-Za-z][A-Za-z][0-9]))"
)
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[0-9])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"([A-Za-z]{2,})([0-9]{1,4})")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """``whole`` is folded; ``parts`` are folded too, and empty where the chunk is one word."""

    whole: str
    parts: tuple[str, ...] = ()


def chunks(text: str) -> list[Chunk]:
    """The chunks of a text with their parts: ``ResNet50`` is ``resnet50`` of res, net and 50."""
    plain = _plain(text)
    return [Chunk(chunk.casefold(), tuple(_parts(chunk))) for chunk in _CHUNK.findall(plain)]


def prepared(text: str) -> str:
    """A text as the index takes it: its folded chunks and, after them, the parts of chunks."""
    if text.isascii():
        if not _MIXED.search(text):
            return text.lower()
        mixed = filter(_MIXED.search, _CHUNK.findall(text))
        parts = [part for chunk in mixed for part in _parts(chunk)]
        return f"{text.lower()} {' '.join(parts)}"
    found = chunks(text)
    return " ".join([c.whole for c in found] + [part for c in found for part in c.parts])


def squashed(text: str) -> str:
    """A name as one word, in which part words are found across its seams."""
    return "".join(_CHUNK.findall(_plain(text).casefold()))


def literal(text: str) -> str:
    """A name as it is written, save for case and white space."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def in_order(text: str) -> str:
    """A key that sorts names as people count: ``ranker 9`` before ``ranker 10``."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(10), literal(text))


def grams(word: str) -> list[str]:
    """The overlapping runs of three characters of a word; none for a shorter one."""
    return list(map("".join, zip(word, word[1:], word[2:], strict=False)))


def _parts(chunk: str) -> list[str]:
    """The parts of a chunk, folded; none if there is but one."""
    if _UNSPACED.search(chunk):
        folded = chunk.casefold()
        return [folded[i : i + 2] for i in range(len(folded) - 1)] if len(folded) > 2 else []
    parts: list[str] = []
    for part in _SEAM.split(chunk):
        numbered = _NUMBERED.fullmatch(part)
        parts += numbered.groups() if numbered else (part,)
    return [part.casefold() for part in parts] if len(parts) > 1 else []


def _plain(text: str) -> str:
    """The text without accents and other marks, and with wide and ligature forms made plain."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in apart if unicodedata.category(c)[0] != "M")
    return unicodedata.normalize("NFC", bare)
