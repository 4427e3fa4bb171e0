"""Measures groups of figures in this process, for `python -m benchmarks`: one line of JSON for each result."""

from __future__ import annotations

import importlib
import json
import sys

from attrs import asdict


def main(group: str, quick: bool) -> None:
    """Prints each result of the group as soon as it is there."""
    module = importlib.import_module(f"benchmarks.{group}")
    for result in module.measure(quick):
        print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv)
