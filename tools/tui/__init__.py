"""`prof profile`: captures on an interactive terminal. A layer over `prof.tools.analysis`; it names no mode."""
