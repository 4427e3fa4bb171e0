"""What recording and editing cost, beside the peers, as ratios: `python -m benchmarks --help`."""
