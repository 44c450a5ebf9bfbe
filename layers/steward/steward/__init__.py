"""Fresh registry credentials in every namespace of a fleet of Kubernetes clusters, kept from outside the clusters."""
