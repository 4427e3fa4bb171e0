"""The subcommands of `prof`, one a file: `add(subparsers)` declares it, `run(args)` does it and returns the status."""

from __future__ import annotations

# In the order that `prof --help` has, with what it says of each. Only the one that is asked for is imported.
COMMANDS = {
    "run": "record a program without editing it",
    "attach": "record a process that runs already",
    "detach": "end the recording of a process that goes on",
    "snapshot": "say where a process is recording into, brought up to date",
    "dump": "show where every thread of a process is now",
    "report": "show where time, memory, operations and samples went",
    "diff": "compare the exact counts of two captures",
    "flamegraph": "draw a flame graph, for any browser",
    "export": "write a capture as a file for another tool",
    "analyze": "show the hottest stacks of samples, with instructions and bytes",
    "interactive": "answer questions about stacks of samples, at a prompt",
    "folded": "write folded stacks again, say of a killed process",
    "help": "say which command answers a question, and what a column means",
    "inspect": "show the parts of a capture file",
}
