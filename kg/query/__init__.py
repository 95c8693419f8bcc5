"""Queries that people send: `guard` reads and refuses, `pool` runs in processes that can be killed,
`lookup` tells which need none.

``tokens`` splits the text, ``spelling`` writes it again in the one form that our engine and the
standard read alike, ``explain`` turns the engine's syntax errors into sentences. ``process`` is
what a worker process runs, ``confine`` what it may not do, ``frames`` how both ends talk, ``child``
the parent's end of one process, ``turns`` who gets the next.

The pool knows nothing of SPARQL, and nothing here opens the store: `kg.answer` joins the two.
"""
