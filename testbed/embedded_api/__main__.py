"""`python -m testbed.embedded_api --port P --namespaces N`: the embedded API as a process, for the demo.

Prints the path of its kubeconfig on one line when it is ready, and runs until SIGTERM or SIGINT.
"""

import argparse
import signal

from testbed.embedded_api import EmbeddedApi


def main() -> None:
    arguments = _arguments()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with EmbeddedApi(port=arguments.port) as api:
        for number in range(1, arguments.namespaces + 1):
            api.create_namespace(f"team-{number:04}", labels={"team": f"{number:04}"})
        for name in arguments.name:
            api.create_namespace(name)
        print(api.kubeconfig, flush=True)
        signal.sigwait(signals)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.embedded_api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--namespaces", type=int, default=0, help="namespaces team-0001 ... to begin with")
    parser.add_argument("--name", action="append", default=[], help="a further namespace; may be given again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
