"""A kubeconfig file -> Access, for the command line. Exec plugins and client certificates included."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steward.cluster.access import Access
from steward.errors import PermanentError


class KubeconfigError(PermanentError):
    """The kubeconfig file cannot be used: which file, which context, why."""


def current_context(path: Path, context: str | None = None) -> str:
    """The name of the context that will be used."""
    from kubernetes import config

    with _explained(path):
        contexts, active = config.list_kube_config_contexts(str(path))
    names = sorted(entry["name"] for entry in contexts)
    chosen = context or (active or {}).get("name")
    if chosen not in names:
        raise KubeconfigError(f"{path} has no context {chosen!r}; it has {', '.join(names) or 'none'}")
    return str(chosen)


def kubeconfig_access(path: Path, context: str | None = None) -> Access:
    """How `context` (default: the current one) is reached."""
    from kubernetes import config
    from kubernetes.client import Configuration

    configuration = Configuration()
    chosen = current_context(path, context)
    with _explained(path):
        config.load_kube_config(str(path), context=chosen, client_configuration=configuration)
        ca = Path(configuration.ssl_ca_cert).read_text() if configuration.ssl_ca_cert else None
    if not configuration.verify_ssl:
        raise KubeconfigError(
            f"{path}: context {chosen} has insecure-skip-tls-verify; write certificate-authority-data instead"
        )

    def token() -> str:
        held = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return str(held or "").removeprefix("Bearer ")

    return Access(configuration.host, token if token() else None, ca, configuration.cert_file, configuration.key_file)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What the client's loader raises over a file that is none, as one type; nothing of the file is repeated."""
    from kubernetes.config.config_exception import ConfigException
    from yaml import YAMLError

    try:
        yield
    except (ConfigException, OSError) as error:
        raise KubeconfigError(f"{path}: {error}") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise KubeconfigError(f"{path}{place}: is not YAML: {getattr(error, 'problem', 'no text')}") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise KubeconfigError(f"{path}: is no kubeconfig file ({type(error).__name__}: {error})") from None
