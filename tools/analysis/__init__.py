"""What a capture says, as plain objects: nothing here knows how it is shown, and nothing names a mode.

What is known of single modes comes in as `View`s (`view.py`), which `prof.tools.modes` registers.
"""
