"""Published results, each run again by one command: ``penstroke reproduce NAME``."""
