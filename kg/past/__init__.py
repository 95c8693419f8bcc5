"""The past: the graph as it was, what changed, when and by whom.

Two times are kept apart: when something happened, which a source may say (`prov:startedAtTime` and
the like, facts among others), and when the graph learned it (`mlg:recordedAt` of a revision). As of a
moment means the latter: the state is what the graph would have answered then.

- ``moments`` reads a moment, ``revisions`` the history, ``undo`` says what undoing it does.
- ``rewound`` reads a few entities as they were; ``states`` makes whole past states for queries.
- ``history`` and ``differences`` tell people what changed.
- `past.Past` is all of that for an installation.
"""

from __future__ import annotations
