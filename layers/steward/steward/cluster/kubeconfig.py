"""A kubeconfig file -> Access, for the command line. Exec plugins and client certificates included."""

from pathlib import Path

from steward.cluster.access import Access
from steward.errors import PermanentError


class KubeconfigError(PermanentError):
    """The kubeconfig file cannot be used: which file, which context, why."""


def current_context(path: Path, context: str | None = None) -> str:
    """The name of the context that will be used."""
    from kubernetes import config
    from kubernetes.config.config_exception import ConfigException

    try:
        contexts, active = config.list_kube_config_contexts(str(path))
    except (ConfigException, OSError) as error:
        raise KubeconfigError(f"{path}: {error}") from None
    names = sorted(entry["name"] for entry in contexts)
    chosen = context or (active or {}).get("name")
    if chosen not in names:
        raise KubeconfigError(f"{path} has no context {chosen!r}; it has {', '.join(names) or 'none'}")
    return str(chosen)


def kubeconfig_access(path: Path, context: str | None = None) -> Access:
    """How `context` (default: the current one) is reached."""
    from kubernetes import config
    from kubernetes.client import Configuration
    from kubernetes.config.config_exception import ConfigException

    configuration = Configuration()
    try:
        config.load_kube_config(str(path), context=current_context(path, context), client_configuration=configuration)
    except ConfigException as error:
        raise KubeconfigError(f"{path}: {error}") from None
    ca = Path(configuration.ssl_ca_cert).read_text() if configuration.ssl_ca_cert else None

    def token() -> str:
        held = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return str(held or "").removeprefix("Bearer ")

    return Access(configuration.host, token if token() else None, ca, configuration.cert_file, configuration.key_file)
