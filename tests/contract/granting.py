"""A real API server that grants what cluster/ says, and nothing else, to the token of a deployed stack."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from testbed.kubernetes.api import Api
from testbed.kubernetes.binaries import ToolMissingError
from testbed.kubernetes.control_plane import ControlPlane

USER, TOKEN = "stack", "token-of-the-stack"
NAME = "registry-credentials"
"""Of the pull secret that cluster/role.yaml names."""

_FOLDER = Path(__file__).resolve().parents[2] / "cluster"


@contextmanager
def granting_plane() -> Iterator[ControlPlane]:
    """With an audit log. Needed in CI; elsewhere the test is skipped where Go, which builds it, is missing."""
    with ExitStack() as stack:
        try:
            plane = stack.enter_context(ControlPlane(audit=True, tokens={TOKEN: (USER, ["kubesteward"])}))
        except ToolMissingError as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(missing))
        with Api(plane) as api:
            for kind, file in (("clusterroles", "role.yaml"), ("clusterrolebindings", "binding.yaml")):
                document = yaml.safe_load((_FOLDER / file).read_text())
                api.post(f"/apis/rbac.authorization.k8s.io/v1/{kind}", document)
        yield plane
