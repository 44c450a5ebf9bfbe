"""What a real API server forbids to whoever has the role in cluster/; test_outage.py has what it allows."""

from collections.abc import Callable, Iterator

import pytest

from testbed.kubernetes.api import Api, ApiError
from testbed.kubernetes.control_plane import ControlPlane
from tests.contract.granting import NAME, TOKEN, granting_plane
from tests.contract.server import fresh_name, pull_secret

APPLY = "application/apply-patch+yaml"
OURS, OTHER = pull_secret(name=NAME), pull_secret(name="other")

FORBIDDEN: dict[str, Callable[[Api, str], object]] = {
    "list every Secret": lambda api, _: api.get("/api/v1/secrets"),
    "list Secrets": lambda api, room: api.get(f"{room}/secrets"),
    "list by the name that is granted": lambda api, _: api.get(f"/api/v1/secrets?fieldSelector=metadata.name%3D{NAME}"),
    "watch Secrets": lambda api, room: api.get(f"{room}/secrets?watch=true&timeoutSeconds=1"),
    "read another Secret": lambda api, room: api.get(f"{room}/secrets/other"),
    "apply another Secret": lambda api, room: api.patch(f"{room}/secrets/other?fieldManager=k", OTHER, kind=APPLY),
    "apply a new Secret": lambda api, room: api.patch(
        f"{room}/secrets/new?fieldManager=k", pull_secret(name="new"), kind=APPLY
    ),
    "post our Secret": lambda api, room: api.post(f"{room}/secrets", OURS),
    "put another Secret": lambda api, room: api.put(f"{room}/secrets/other", OTHER),
    "delete another Secret": lambda api, room: api.delete(f"{room}/secrets/other"),
    "delete all Secrets": lambda api, room: api.delete(f"{room}/secrets"),
    "patch a service account": lambda api, room: api.patch(f"{room}/serviceaccounts/default", {"secrets": []}),
    "make a token": lambda api, room: api.post(f"{room}/serviceaccounts/default/token", {"spec": {}}),
    "make a namespace": lambda api, _: api.post("/api/v1/namespaces", {"metadata": {"name": fresh_name()}}),
    "delete a namespace": lambda api, room: api.delete(room),
    "read pods": lambda api, room: api.get(f"{room}/pods"),
}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with granting_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def admin(plane: ControlPlane) -> Iterator[Api]:
    with Api(plane) as api:
        yield api


@pytest.fixture(scope="module")
def room(admin: Api) -> Iterator[str]:
    """The path of a namespace that holds somebody else's Secret."""
    name = fresh_name("role")
    admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}"
    admin.wait_for(f"{path}/serviceaccounts/default", lambda found: found is not None)
    admin.post(f"{path}/secrets", OTHER)
    yield path
    admin.delete(path)


@pytest.mark.parametrize("attempt", FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_the_smallest_role_forbids(
    plane: ControlPlane, admin: Api, room: str, attempt: Callable[[Api, str], object]
) -> None:
    before = admin.get(f"{room}/secrets")["items"]
    with Api(plane, token=TOKEN) as stack, pytest.raises(ApiError) as refused:
        attempt(stack, room)
    assert refused.value.status == 403
    assert refused.value.body["reason"] == "Forbidden"
    assert admin.get(f"{room}/secrets")["items"] == before
