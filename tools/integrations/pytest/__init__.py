"""The pytest plugin: each test recorded as a span, limits in marks, and a gate that holds exact counts to a baseline."""
