"""`prof serve`: a folder's captures for a browser on this machine. Over `prof.tools.analysis` and the reports."""
