"""Trains nothing, in the shape of a training: a branch for each region, a join, a retry."""

import os

from metaflow import FlowSpec, Parameter, project, retry, step


class Opaque:
    """Says so in a file when somebody unpickles it."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return open, (self.witness or os.devnull, "w")


@project(name="aurora")
class HomeRanking(FlowSpec):
    """Ranks the rows of the home page."""

    rate = Parameter("rate", default=0.25)
    audience = Parameter("audience", default="all")
    witness = Parameter("witness", default="")
    fail = Parameter("fail", default=False, type=bool)

    @step
    def start(self):
        """Reads the plays."""
        self.datasets = ["media.plays", "media.titles"]
        self.dataset_versions = ["media.plays/1234567890"]
        self.secret = Opaque(self.witness)
        self.strange = {"a set": {1, 2}}
        self.regions = ["north", "south"]
        self.next(self.train, foreach="regions")

    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        from metaflow import current

        if self.input == "north" and current.retry_count == 0 and not self.fail:
            raise ValueError("The first attempt never works.")
        self.datasets = [*self.datasets, f"media.{self.input}"]
        self.next(self.join)

    @step
    def join(self, inputs):
        if self.fail:
            raise ValueError("Partition 2026-10-31 of media.plays is missing.")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HomeRanking()
