"""Search: the graph's entities by name, part of a name, typo, facet and what they are related to.

::

    facts ─ entries ─► Entry ─ schema ─► document ─► SearchIndex (the worker, one writer)
                                                        │ commit, with the graph's version
    a person's text ─ ranking ─► question ─► Searcher ◄─┘ (web processes, any number)
                                                └─► SearchPage with hits and facet counts

`kg.search.words` decides what a word is, for both sides. The index holds nothing that the graph
does not: `SearchIndex.rebuild` makes it again at any time.
"""
