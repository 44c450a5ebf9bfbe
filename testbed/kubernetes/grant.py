"""What a user does with cluster/: the smallest role, and its binding to the group `kubesteward`."""

from pathlib import Path

import yaml

from testbed.kubernetes.api import Api

_FOLDER = Path(__file__).resolve().parents[2] / "cluster"


def grant_role(api: Api) -> None:
    """Creates the role and the binding, as the administrator."""
    for kind, file in (("clusterroles", "role.yaml"), ("clusterrolebindings", "binding.yaml")):
        document = yaml.safe_load((_FOLDER / file).read_text())
        api.post(f"/apis/rbac.authorization.k8s.io/v1/{kind}", document)
