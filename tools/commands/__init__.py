"""The subcommands of `prof`, one a file: `add(subparsers)` declares it, `run(args)` does it and returns the status."""
