"""One command, or a few that belong together, a file; `sae_core.cli.app` lists them."""
