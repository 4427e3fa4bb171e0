"""`prof lsp`: what an editor shows beside the source. A layer over `prof.tools.analysis`; it names no mode."""
