"""`make demo`: the real template deployed to an emulated AWS, keeping a cluster's pull secrets fresh."""
