"""What one cluster's pull secrets should hold, from the fleet file and what is known of the credentials. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steward.credential import Credential, CredentialRecord
from steward.fleet import Fleet, PullSecret
from steward.fleet.selection import pull_secrets_for
from steward.images.docker_config import Content, name_content, render_docker_config, render_secret
from steward.registries.principals import credential_hosts


@dataclass(frozen=True, slots=True)
class Desired:
    """One pull secret of one cluster."""

    declared: PullSecret
    hosts: Mapping[str, str]
    """Host -> principal id, for the principals whose credential exists."""
    content: Content | None
    """None while none of its credentials exists: then nothing can be written, and nothing is."""
    missing: tuple[str, ...] = ()
    """Principals without a credential. The others' entries are written all the same."""

    @property
    def name(self) -> str:
        return self.declared.name


def desired_pull_secrets(fleet: Fleet, cluster: str, records: Mapping[str, CredentialRecord]) -> list[Desired]:
    """The pull secrets of a cluster, each with the content that today's credentials give it."""
    return [_desire(fleet, secret, records) for secret in pull_secrets_for(fleet, cluster)]


def _desire(fleet: Fleet, secret: PullSecret, records: Mapping[str, CredentialRecord]) -> Desired:
    wanted = credential_hosts(fleet, secret.registries)
    hosts = {host: principal for host, principal in wanted.items() if principal in records}
    missing = tuple(dict.fromkeys(principal for principal in wanted.values() if principal not in records))
    if not hosts:
        return Desired(secret, hosts, None, missing)
    name = name_content(hosts, {principal: records[principal].revision for principal in hosts.values()})
    expires_at = min(records[principal].expires_at for principal in hosts.values())
    return Desired(secret, hosts, Content(name, expires_at), missing)


def render(desired: Desired, read: Callable[[str], Credential]) -> tuple[Content, bytes]:
    """The Secret to apply, and the content it really holds.

    `read` answers the credential of a principal. It may be newer than the record that the plan was made of, so
    the content is named again after what was read.
    """
    credentials = {principal: read(principal) for principal in set(desired.hosts.values())}
    name = name_content(desired.hosts, {principal: held.revision for principal, held in credentials.items()})
    content = Content(name, min(credential.expires_at for credential in credentials.values()))
    by_host = {host: credentials[principal] for host, principal in desired.hosts.items()}
    return content, render_secret(desired.name, content, render_docker_config(by_host))
