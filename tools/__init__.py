"""Reads what was recorded: the `prof` command, reports and pictures."""
