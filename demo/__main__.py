"""`make demo`: an empty emulated account, `sam deploy` of the real template, and then the schedule's work."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from demo.cluster import PREFIX, TEAMS, DemoCluster, demo_cluster
from demo.show import Held, console, show_change, show_first, step
from steward.errors import StewardError
from testbed.aws import sam
from testbed.aws.deployed import DeployedStack, StackError, wait_until
from testbed.aws.ministack import Ministack

SCHEDULE_SECONDS = 120


def main() -> int:
    """Runs the demo; 0 if every namespace got what it should."""
    console.print("[bold]kubesteward: fresh registry credentials in every namespace, from outside the cluster[/]\n")
    try:
        with demo_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
            run(cluster, Path(folder))
    except (StewardError, StackError, sam.SamError) as error:
        console.print(f"[red]{error}[/]", soft_wrap=True)
        return 1
    console.print("\nEverything that was started has been stopped. Next: [bold]make up[/], or docs/getting-started.md")
    return 0


def run(cluster: DemoCluster, folder: Path) -> None:
    """The whole story, on one cluster."""
    console.print(f"  cluster: {cluster.what}, {len(TEAMS)} namespaces {PREFIX}-*")
    with step("sam build of template.yaml"):
        sam.build()
    with Ministack(log=folder / "ministack.log") as account:
        stack = DeployedStack(account.endpoint_url, account.environment)
        with step("sam deploy into an empty emulated AWS account"):
            stack.deploy({"MintSchedule": "rate(1 minute)"})
        with step("fleet.yaml published to AppConfig"):
            stack.publish(_fleet(cluster, stack))
        with step("the schedule fires: mint_credentials → queue → sync_pull_secrets → Secrets"):
            first = _wait_for(cluster, stack, len(TEAMS))
        show_first(first, cluster.named_by_default_account())
        cluster.create_namespace(f"{PREFIX}-newcomer")
        with step("a new namespace appears; all credentials are rotated"):
            minted = stack.invoke("MintCredentials", {"rotate": True})
            after = _wait_for(cluster, stack, len(TEAMS) + 1, than=first)
        console.print(f"  mint_credentials answered: {minted}")
        show_change(first, after)


def _fleet(cluster: DemoCluster, stack: DeployedStack) -> dict[str, Any]:
    secret = stack.keep_cluster_token("demo", cluster.token)
    return {
        "clusters": [cluster.declared(secret)],
        "registries": [{"name": "shop", "ecr": {"region": "us-east-1", "accounts": ["111122223333"]}}],
        "pullSecrets": [
            {"name": "registry-credentials", "registries": ["shop"], "namespaces": {"names": [f"{PREFIX}-*"]}},
        ],
    }


def _wait_for(cluster: DemoCluster, stack: DeployedStack, count: int, than: list[Held] | None = None) -> list[Held]:
    """Our Secrets, as soon as `count` namespaces hold one that is newer than those in `than`."""
    old = {one.content for one in than or []}

    def new() -> list[Held]:
        return [one for one in cluster.held() if one.content not in old]

    what = f"credentials in {count} namespaces"
    wait_until(lambda: len(new()) >= count, SCHEDULE_SECONDS, what, stack.last_words)
    return new()


if __name__ == "__main__":
    sys.exit(main())
