"""Pictures, and files for other tools."""
