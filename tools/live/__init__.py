"""The live view: what a running program does now, read from its mapped capture by another process."""
