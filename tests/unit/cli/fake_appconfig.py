"""AppConfig over HTTP, as far as publishing asks it (the emulators have no deployments with states)."""

from testbed.aws.loopback import LoopbackServer, Request, Response, json_response


class FakeAppConfig(LoopbackServer):
    """What was published to it, and what it answers next."""

    def __init__(self) -> None:
        super().__init__()
        self.applications = ["kubesteward"]
        self.published: list[bytes] = []
        self.conflicts = 0
        """Deployments that are refused because another is under way."""
        self.states = [("DEPLOYING", 0), ("BAKING", 100)]

    def answer(self, request: Request) -> Response:
        if request.path == "/applications":
            return _items({f"id-of-{name}": name for name in self.applications})
        if request.path == "/deploymentstrategies":
            return _items({"own": "AppConfig.AllAtOnce", "strategy": "kubesteward"})
        match request.method, request.path.removeprefix("/applications/id-of-kubesteward"):
            case "GET", "/environments":
                return _items({"env": "live"})
            case "GET", "/configurationprofiles":
                return _items({"prof": "fleet"})
            case "POST", "/configurationprofiles/prof/hostedconfigurationversions":
                self.published.append(request.body)
                return json_response(201, {}, Version_Number=str(len(self.published)))
            case "POST", "/environments/env/deployments":
                return self._deploy()
            case "GET", "/environments/env/deployments/7":
                state, percent = self.states.pop(0)
                log = [{"Description": "an alarm went off"}]
                return json_response(200, {"State": state, "PercentageComplete": percent, "EventLog": log})
            case other:
                raise AssertionError(other)

    def _deploy(self) -> Response:
        if self.conflicts:
            self.conflicts -= 1
            return json_response(409, {"Message": "in progress"}, x_amzn_ErrorType="ConflictException")
        return json_response(201, {"DeploymentNumber": 7})


def _items(names: dict[str, str]) -> Response:
    return json_response(200, {"Items": [{"Id": key, "Name": name} for key, name in names.items()]})
