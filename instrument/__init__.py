"""Edits source: inserts `@profiled` and section calls, and takes every byte of them out again."""
