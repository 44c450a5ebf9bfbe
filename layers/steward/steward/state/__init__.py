"""What is remembered between runs: credentials, what lies in which namespace, whose turn it is, the fleet file."""
