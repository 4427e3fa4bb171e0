"""Where the profiler meets other tools: web servers and notebooks. Nothing here is loaded until it is asked for."""
