"""What kubesteward promises in figures, measured: `python -m bench`, or `python -m bench NAME` for one of them.

Every time is a ratio of two things measured in the same run, in turns, since figures of two machines, or of one
machine on two days, say nothing about each other. Counts are exact.
"""
