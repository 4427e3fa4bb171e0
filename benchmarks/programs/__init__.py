"""Programs to slow down. Each has `run(scale)`, two SCALES (quick, full: some 20 ms) and the EXPECTED result of each."""
