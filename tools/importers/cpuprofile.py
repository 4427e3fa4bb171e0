"""V8's profiles, as Chrome, Node and VS Code write them.

https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prof._core import lib
from prof.errors import InputError
from prof.tools.importers.profile import Profile


def is_like(document: Any) -> bool:
    """Whether a JSON document is one."""
    return isinstance(document, dict) and {"nodes", "startTime", "endTime"} <= document.keys()


def read(path: Path, document: dict[str, Any]) -> Profile:
    """A sample lasts until the next one. Raises InputError."""
    profile = Profile("V8's profiles")
    try:
        nodes = {node["id"]: node for node in document["nodes"]}
        parents = {child: node["id"] for node in document["nodes"] for child in node.get("children", ())}
        contexts: dict[Any, int] = {}
        for each in nodes:
            _place(profile, nodes, parents, contexts, each)
        deltas = [*document["timeDeltas"][1:], None]
        begin = document["startTime"] + sum(document["timeDeltas"])
        for sample, delta in zip(document["samples"], deltas, strict=True):
            lasted = max(0, document["endTime"] - begin) if delta is None else delta
            if contexts[sample]:
                profile.add(contexts[sample], "time", self_ns=round(1000 * lasted))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged: it is not as V8's profiles are ({error!r})") from None
    if not profile.rows:
        raise InputError(f"{path} has no functions")
    profile.modes.add("time")
    return profile


def _place(
    profile: Profile, nodes: dict[Any, Any], parents: dict[Any, Any], contexts: dict[Any, int], each: Any
) -> None:
    """Finds the context of a node and of those above it. The root is none."""
    path = []
    while each not in contexts and each in parents:
        path.append(each)
        each = parents[each]
        if len(path) > len(nodes):
            raise ValueError("nodes that are above each other")
    node = contexts.setdefault(each, 0)
    for each in reversed(path):
        frame = nodes[each]["callFrame"]
        line = max(0, int(frame.get("lineNumber", -1)) + 1)
        name = str(frame["functionName"]) or "(anonymous)"
        node = contexts[each] = profile.child(
            node, profile.label(lib.PROF_FUNCTION, name, str(frame.get("url", "")), line)
        )
