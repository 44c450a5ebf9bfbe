"""How many tokens a fleet costs: 50 clusters of 200 namespaces, two principals, one minting and every sync."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from unittest.mock import patch

from bench.account import emulated_account
from bench.memory_table import MemoryTable
from bench.result import Bar, Figure, Result
from steward.cluster import Access, Cluster
from steward.fleet import Fleet, read_fleet
from steward.pullsecrets.desired import desired_pull_secrets
from steward.pullsecrets.mint import mint_due
from steward.pullsecrets.sync import Sync, in_seconds
from steward.registries.ecr import mint
from steward.state.placements import TablePlacements
from steward.state.vault import Vault
from testbed.aws.ecr_api import EcrApi
from testbed.embedded_api import EmbeddedApi

CLUSTERS, NAMESPACES = 50, 200
_REGIONS = ("eu-west-1", "us-east-1")


def measure() -> Result:
    """ECR's own count of the calls, and the Secrets that they were enough for.

    The clusters of the fleet share one embedded API server, each with placements of its own.
    """
    fleet = _fleet()
    with ExitStack() as stack:
        ecr = stack.enter_context(EcrApi())
        vault = Vault("kubesteward/bench/credentials", stack.enter_context(emulated_account()))
        stack.enter_context(patch.dict(os.environ, ecr.environment))
        api = stack.enter_context(EmbeddedApi())
        for number in range(NAMESPACES - len(api.objects("namespaces"))):
            api.create_namespace(f"team-{number:03}")
        minted = mint_due(fleet, vault, mint, datetime.now(UTC))
        written = sum(_sync(fleet, declared.name, vault, api) for declared in fleet.clusters)
        again = mint_due(fleet, vault, mint, datetime.now(UTC))
        calls = len(ecr.calls)
    assert not minted.failed, minted.failed
    assert not again.renewed, again.renewed
    figures = [
        Figure("GetAuthorizationToken calls", calls, bar=Bar("exactly", len(_REGIONS))),
        Figure("Secrets applied with them", written, bar=Bar("exactly", CLUSTERS * NAMESPACES)),
    ]
    return Result("mints", figures)


def _fleet() -> Fleet:
    server = {"url": "https://127.0.0.1", "tokenSecret": "unused"}
    registries = [{"name": region, "ecr": {"region": region, "accounts": ["111122223333"]}} for region in _REGIONS]
    pull_secret = {"name": "registry-credentials", "registries": list(_REGIONS), "namespaces": {"exclude": []}}
    document = {
        "clusters": [{"name": f"cluster-{number}", "server": server} for number in range(CLUSTERS)],
        "registries": registries,
        "pullSecrets": [pull_secret],
    }
    return read_fleet(json.dumps(document))


def _sync(fleet: Fleet, name: str, vault: Vault, api: EmbeddedApi) -> int:
    """How many Secrets the sync of one cluster applied."""
    cluster = Cluster(name, Access(api.url, lambda: api.token))
    sync = Sync(cluster, desired_pull_secrets(fleet, name, vault.records()), TablePlacements(MemoryTable()))
    rows = sync.run(cache(vault.read), deadline=in_seconds(300)).rows
    wrong = [row for row in rows if row.verdict not in {"created", "updated"}]
    assert not wrong, wrong[:3]
    return sum(row.object.startswith("Secret/") for row in rows)
