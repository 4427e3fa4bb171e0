"""The subcommands of `prof`, one a file: `add(subparsers)` declares it, `run(args)` does it and returns the status."""

from __future__ import annotations

# In the order that `prof --help` has, with what it says of each. Only the one that is asked for is imported.
COMMANDS = {
    "run": "record a program without editing it",
    "attach": "record a process that runs already",
    "detach": "end the recording of a process that goes on",
    "snapshot": "say where a process is recording into, brought up to date",
    "dump": "show where every thread of a process is now",
    "live": "show what a running program does now",
    "report": "show where time, memory, operations and samples went",
    "profile": "look at captures on an interactive terminal",
    "diff": "compare captures of before and after: counts exactly, times by interval",
    "bench": "run commands again and again, in turns, record each run, and compare them",
    "lsp": "show times and counts beside the source, in an editor",
    "serve": "show a folder's captures in a browser on this machine",
    "flamegraph": "draw a flame graph, for any browser",
    "flamechart": "draw what ran when, for any browser",
    "export": "write a capture as a file for another tool",
    "merge": "add captures up, into one file",
    "analyze": "show the hottest stacks of samples, with instructions and bytes",
    "interactive": "answer questions about stacks of samples, at a prompt",
    "folded": "write folded stacks again, say of a killed process",
    "help": "say which command answers a question, and what a column means",
    "inspect": "show the parts of a capture file",
    "mcp": "answer a coding agent's questions about captures",
}
# Commands in which `--` stands between what they are about, and options may follow; to argparse, none may. So it gets a
# word instead that nobody can type.
SIDED = ("diff", "bench")
BETWEEN = "\0"
