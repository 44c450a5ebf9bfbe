"""The command `steward`: the use cases of the stack from a laptop, and the publishing of the fleet file."""
