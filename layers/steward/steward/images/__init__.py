"""Names of images and registries, and the file format that the kubelet reads credentials from."""
