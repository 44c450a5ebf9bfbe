"""Where credentials come from. One file per kind of registry; `principals` says which of them a fleet needs."""
