"""Tells the graph when it has run, as the docstring of `kg.sources.metaflow` says."""

import json
import os
import urllib.request

from metaflow import FlowSpec, Parameter, exit_hook, step


def tell_the_graph(run):
    event = {"event_type": "pipeline_run.finished", "source": "flows", "id": run.pathspec}
    request = urllib.request.Request(
        os.environ["GRAPH_EVENTS"],
        json.dumps(event).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10)


@exit_hook(on_success=[tell_the_graph], on_error=[tell_the_graph])
class Telling(FlowSpec):
    fail = Parameter("fail", default=False, type=bool)

    @step
    def start(self):
        if self.fail:
            raise ValueError("It was told to.")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Telling()
