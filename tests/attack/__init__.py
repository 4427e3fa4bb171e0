"""Campaigns against what reads captures: short in the suite, as long as one likes by hand."""
