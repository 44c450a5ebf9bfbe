"""INIT REPORT of every built function against the usual handler's, in turns, on AWS's Runtime Interface Emulator."""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.result import Bar, Figure, Result
from bench.worker import ROOT
from testbed.aws import sam
from testbed.aws.environments import find_uv
from testbed.aws.runtime_emulator import RuntimeEmulator

ROUNDS = 7
USUAL = "usual handler"
FUNCTIONS = ("MintCredentials", "SyncPullSecrets", "ObserveClusters")
LAYERS = ("Dependencies", "Steward")
_LATE = """
import time; import handler; begun = time.perf_counter()
from steward import aws; from steward.cluster import Access; from steward.cluster.transport import Transport
aws.table("none"); [aws.client(name, "eu-west-1") for name in ("appconfigdata", "secretsmanager", "sqs", "sts", "eks")]
Transport("none", Access("https://127.0.0.1:1")); print((time.perf_counter() - begun) * 1000)
"""
_VARIABLES = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
}


def measure() -> Result:
    """Milliseconds until the module level has run, with files in the page cache on both sides."""
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        usual = _build_usual(Path(folder))
        built = sam.build(build_dir=Path(folder) / "build")
        layers = [built / layer for layer in LAYERS]
        sides = {USUAL: (usual, []), **{name: (built / name, layers) for name in FUNCTIONS}}
        rounds = list(_rounds(sides))
        late = [_late_milliseconds(built / "SyncPullSecrets", layers) for _ in range(3)]
    return _result({side: [one[side] for one in rounds] for side in sides}, statistics.median(late))


def _rounds(sides: Mapping[str, tuple[Path, Sequence[Path]]]) -> Iterator[Mapping[str, float]]:
    """Each side once a round, forwards and backwards in turns. A first one only warms the page cache."""
    for number in range(ROUNDS + 1):
        order = list(sides) if number % 2 else list(sides)[::-1]
        taken = {side: _init_milliseconds(*sides[side]) for side in order}
        if number:
            yield taken


def _init_milliseconds(function: Path, layers: Sequence[Path]) -> float:
    with RuntimeEmulator(function, layers=layers, environment=_VARIABLES) as emulator:
        emulator.invoke({})
        assert "Unable to import module" not in emulator.log, emulator.log
        return emulator.init_milliseconds


def _build_usual(folder: Path) -> Path:
    """As a plain `sam build` leaves it: packages installed beside the handler, nothing trimmed, nothing compiled."""
    uv = find_uv()
    locked = folder / "locked.txt"
    _run(uv, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--output-file", str(locked))
    target = folder / "usual"
    shutil.copytree(ROOT / "bench" / "usual_handler", target, ignore=shutil.ignore_patterns("__pycache__"))
    asked = ["--requirements", str(target / "requirements.txt"), "--constraints", str(locked)]
    _run(uv, "pip", "install", "--target", str(target), "--python", sys.executable, *asked)
    return target


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")


def _late_milliseconds(function: Path, layers: Sequence[Path]) -> float:
    """What the first message pays after INIT: AWS clients and the Kubernetes client are made when they are needed."""
    path = ":".join(map(str, [function, *(layer / "python" for layer in layers)]))
    command = [sys.executable, "-S", "-P", "-c", _LATE]
    done = subprocess.run(command, env={**_VARIABLES, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _result(taken: Mapping[str, Sequence[float]], late: float) -> Result:
    usual = taken[USUAL]
    figures = [
        Figure(f"{name}: INIT / {USUAL}", _ratio(taken[name], usual), bar=Bar("at most", 0.2)) for name in FUNCTIONS
    ]
    figures += [Figure(f"{side}: INIT", statistics.median(samples), "ms") for side, samples in taken.items()]
    whole = _ratio([sample + late for sample in taken["SyncPullSecrets"]], usual)
    figures.append(Figure("SyncPullSecrets: clients made by its first message, after INIT", late, "ms"))
    figures.append(Figure(f"SyncPullSecrets: INIT and these clients / {USUAL}", whole))
    return Result("cold_start", figures, taken)


def _ratio(ours: Sequence[float], usual: Sequence[float]) -> float:
    """The median of the rounds' ratios: the two halves of a round ran under the same load. Pure."""
    return statistics.median(one / other for one, other in zip(ours, usual, strict=True))
