"""The pods' network: one bridge a node, with a subnet that nothing else on this machine uses."""

import ipaddress
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from testbed.kubernetes.reaper import Reaper


@dataclass(frozen=True)
class Bridge:
    """A network interface; the node has its first address, pods have the others."""

    name: str
    subnet: ipaddress.IPv4Network

    @classmethod
    def create(cls, reaper: Reaper) -> Self:
        """Make it, with its address: the kubelet wants an address for its node that this machine has."""
        bridge = cls(f"ks-{secrets.token_hex(4)}", _free_subnet())
        reaper.remove_link(bridge.name)
        _ip("link", "add", bridge.name, "type", "bridge")
        _ip("address", "add", f"{bridge.address}/{bridge.subnet.prefixlen}", "dev", bridge.name)
        _ip("link", "set", bridge.name, "up")
        return bridge

    @property
    def address(self) -> str:
        """The node's own address."""
        return str(self.subnet[1])

    def cni(self, addresses: Path) -> dict[str, Any]:
        """The CNI configuration list of this network; what addresses are taken is kept in the folder."""
        ranges = [[{"subnet": str(self.subnet), "gateway": self.address}]]
        assigned = {"type": "host-local", "dataDir": str(addresses), "ranges": ranges}
        routes = [{"dst": "0.0.0.0/0"}]
        plugin = {"type": "bridge", "bridge": self.name, "isGateway": True, "ipam": {**assigned, "routes": routes}}
        return {"cniVersion": "1.0.0", "name": self.name, "plugins": [plugin]}


def _free_subnet() -> ipaddress.IPv4Network:
    links = json.loads(_ip("-json", "-4", "address"))
    taken = [
        ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
        for link in links
        for address in link.get("addr_info", [])
    ]
    while True:
        candidate = ipaddress.IPv4Network(f"10.{200 + secrets.randbelow(55)}.{secrets.randbelow(256)}.0/24")
        if not any(candidate.overlaps(network) for network in taken):
            return candidate


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout
