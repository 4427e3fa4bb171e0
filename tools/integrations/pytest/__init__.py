"""The pytest plugin: each test is a span, marks are limits, and a baseline is what exact counts are held to."""
