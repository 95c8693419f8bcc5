"""The Model Lifecycle Graph: thin events in, one governed RDF graph out.

``kg`` holds everything that does not speak HTTP to people: sources, the pipeline, the store,
validation, inference, search and the command line. ``kg/README.md`` draws the flow.
"""

__version__ = "0.1.0"
