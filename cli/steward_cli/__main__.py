"""`python -m steward_cli` is `steward`."""

from steward_cli.main import run

run()
