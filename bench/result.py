"""What a bench found: figures, the bars they are held to, and the file they are kept in. Pure, but for `keep`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach."""

    kind: Literal["at least", "at most", "exactly", "under"]
    limit: float

    def is_met_by(self, value: float) -> bool:
        match self.kind:
            case "at least":
                return value >= self.limit
            case "at most":
                return value <= self.limit
            case "under":
                return value < self.limit
            case "exactly":
                return value == self.limit

    def __str__(self) -> str:
        return f"{self.kind} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. Without a bar it only explains the others."""

    name: str
    value: float
    unit: str = ""
    bar: Bar | None = None

    @property
    def met(self) -> bool:
        return self.bar is None or self.bar.is_met_by(self.value)


@dataclass(slots=True)
class Result:
    """Everything one bench found. `samples` are the single measurements behind the medians, in their order."""

    bench: str
    figures: list[Figure]
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return all(figure.met for figure in self.figures)


def as_json(result: Result, machine: str, date: str) -> dict[str, Any]:
    """The result as it is kept."""
    return {
        "bench": result.bench,
        "date": date,
        "machine": machine,
        "met": result.met,
        "figures": [_figure_as_json(figure) for figure in result.figures],
        "samples": {name: [round(sample, 4) for sample in samples] for name, samples in result.samples.items()},
        "notes": result.notes,
    }


def _figure_as_json(figure: Figure) -> dict[str, Any]:
    held = {"name": figure.name, "value": round(figure.value, 4), "unit": figure.unit}
    return held if figure.bar is None else {**held, "bar": str(figure.bar), "met": figure.met}


def keep(result: Result, machine: str, date: str, folder: Path = RESULTS) -> Path:
    """Writes `<folder>/<bench>.json`, over what an earlier run left there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.bench}.json"
    path.write_text(json.dumps(as_json(result, machine, date), indent=2) + "\n")
    return path
