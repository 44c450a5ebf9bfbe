"""A real API server that grants what cluster/ says, and nothing else, to the token of a deployed stack."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from testbed.kubernetes.api import Api
from testbed.kubernetes.binaries import ToolMissingError
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.grant import grant_role

USER, TOKEN = "stack", "token-of-the-stack"
NAME = "registry-credentials"
"""Of the pull secret that cluster/role.yaml names."""


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
            grant_role(api)
        yield plane
