"""`make up` and `make down`: the deployed stack and two clusters, for `sam local invoke --config-env local`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import yaml

from demo.show import console, step
from testbed.aws import sam
from testbed.aws.deployed import FUNCTIONS, DeployedStack, StackError, wait_until
from testbed.aws.ministack import MinistackError, account_environment, start_detached, stop_detached

FOLDER = sam.ROOT / ".cache" / "local"
"""Logs, kubeconfig files, and the variables that samconfig.toml hands to `sam local invoke`."""
CLUSTERS = ("production", "staging")
NAMESPACES = ("team-a", "team-b", "team-c")
"""As the sample events name them."""


def up() -> None:
    """Starts what is not running yet, deploys, publishes a fleet. May be called again after a change."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with step("the emulated AWS account"):
        endpoint_url = start_detached(FOLDER)
    stack = DeployedStack(endpoint_url, account_environment(endpoint_url))
    with step(f"the clusters {' and '.join(CLUSTERS)}"):
        clusters = [(name, start_cluster(name)) for name in CLUSTERS]
    with step("sam build"):
        sam.build()
    with step("sam deploy"):
        stack.deploy({})
    with step("fleet.yaml published, variables written"):
        stack.publish(_fleet(stack, clusters))
        (FOLDER / "variables.json").write_text(json.dumps(_variables(stack), indent=2))
    console.print(_HELP.format(endpoint_url=endpoint_url, folder=FOLDER.relative_to(sam.ROOT)), soft_wrap=True)


def down() -> None:
    """Ends everything that `up` started."""
    for name in CLUSTERS:
        stop_cluster(name)
    stopped = stop_detached(FOLDER)
    console.print("stopped" if stopped else "nothing was running")


def start_cluster(name: str) -> Path:
    """The kubeconfig of an embedded API that outlives us; the one that runs already, if there is one."""
    state = FOLDER / f"{name}.json"
    if _runs(state):
        return Path(json.loads(state.read_text())["kubeconfig"])
    log = FOLDER / f"{name}.log"
    command = [sys.executable, "-m", "testbed.embedded_api", *(f"--name={namespace}" for namespace in NAMESPACES)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=sam.ROOT, stdout=output, stderr=output, start_new_session=True)
    wait_until(lambda: bool(log.read_text().strip()) or process.poll() is not None, 30, f"cluster {name} answering")
    kubeconfig = log.read_text().strip()
    if not Path(kubeconfig).is_file():
        raise StackError(f"cluster {name} did not start: {kubeconfig[-500:]}")
    started = psutil.Process(process.pid).create_time()
    state.write_text(json.dumps({"pid": process.pid, "started": started, "kubeconfig": kubeconfig}))
    return Path(kubeconfig)


def stop_cluster(name: str) -> None:
    """Ends the embedded API, if it is still ours."""
    state = FOLDER / f"{name}.json"
    if _runs(state):
        os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)
    state.unlink(missing_ok=True)


def _runs(state: Path) -> bool:
    """A process number is soon somebody else's; its start time is not."""
    try:
        held = json.loads(state.read_text())
        return bool(psutil.Process(held["pid"]).create_time() == held["started"])
    except (OSError, ValueError, psutil.NoSuchProcess):
        return False


def _fleet(stack: DeployedStack, clusters: list[tuple[str, Path]]) -> dict[str, Any]:
    return {
        "clusters": [_declare(stack, name, yaml.safe_load(kubeconfig.read_text())) for name, kubeconfig in clusters],
        "registries": [{"name": "shop", "ecr": {"region": "us-east-1", "accounts": ["111122223333"]}}],
        "pullSecrets": [{"name": "registry-credentials", "registries": ["shop"]}],
    }


def _declare(stack: DeployedStack, name: str, kubeconfig: dict[str, Any]) -> dict[str, Any]:
    token = kubeconfig["users"][0]["user"]["token"]
    url = kubeconfig["clusters"][0]["cluster"]["server"]
    return {"name": name, "server": {"url": url, "tokenSecret": stack.keep_cluster_token(name, token)}}


def _variables(stack: DeployedStack) -> dict[str, dict[str, str]]:
    """Logical id -> the variables that the deployed function has, as `sam local invoke --env-vars` takes them."""
    return {name: stack.function_variables(name) for name in FUNCTIONS}


_HELP = """
Running. Endpoint: {endpoint_url}; kubeconfig paths and logs: {folder}/
  sam local invoke MintCredentials --config-env local -e events/mint_credentials/rotate_by_hand.json
  sam local invoke SyncPullSecrets --config-env local -e events/sync_pull_secrets/one_cluster.json
  make down"""


if __name__ == "__main__":
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except (StackError, MinistackError, sam.SamError) as error:
        sys.exit(str(error))
