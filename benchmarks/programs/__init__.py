"""Programs to slow down. `run(SCALE)` takes 1 to 4 ms and gives EXPECTED; `run(WARM)` is a small part of that."""
