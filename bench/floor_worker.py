"""The floor: the requests alone, through a bare urllib3 pool of the one server; answers are read, not looked into."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from bench.worker import Run, serve


def prepare(configuration: dict[str, Any]) -> Run:
    """`run` applies `body` as the Secret `name` in every namespace, `concurrency` at once."""
    namespaces, name, concurrency = (configuration[key] for key in ("namespaces", "name", "concurrency"))
    headers = {"Authorization": f"Bearer {configuration['token']}", **configuration["headers"]}

    def run(request: dict[str, Any]) -> dict[str, Any]:
        body = request["body"].encode()
        manager = urllib3.PoolManager(ca_cert_data=configuration["ca"], maxsize=concurrency, block=True)
        pool = manager.connection_from_url(configuration["url"])

        def apply(namespace: str) -> int:
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}?fieldManager=floor&force=false"
            return pool.urlopen("PATCH", path, body=body, headers=headers).status

        with ThreadPoolExecutor(concurrency) as threads:
            refused = [status for status in threads.map(apply, namespaces) if status >= 300]
        manager.clear()
        return {"refused": refused}

    return run


if __name__ == "__main__":
    serve(prepare)
