"""A fifth mode, a file a room: what a mode consists of, and all that it consists of (`tests/tools/test_modes.py`)."""
