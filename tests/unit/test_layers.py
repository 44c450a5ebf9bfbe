"""How the dependencies layer is put together: merged, trimmed, compiled."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assemble", ROOT / "layers" / "dependencies" / "assemble.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


assemble = _load()
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def unpacked(root: Path, files: dict[str, str]) -> Path:
    """A tree of files, as `uv pip install --target` leaves one."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_native_modules_of_both_architectures_lie_side_by_side(tmp_path: Path) -> None:
    x86 = unpacked(tmp_path / "x86_64", {"core/core.cpython-313-x86_64-linux-gnu.so": "x", "core/__init__.py": ""})
    arm = unpacked(tmp_path / "aarch64", {"core/core.cpython-313-aarch64-linux-gnu.so": "a", "core/__init__.py": ""})
    assemble.merge([x86, arm], tmp_path / "python")
    assert sorted(path.name for path in (tmp_path / "python" / "core").iterdir()) == [
        "__init__.py",
        "core.cpython-313-aarch64-linux-gnu.so",
        "core.cpython-313-x86_64-linux-gnu.so",
    ]


def test_native_modules_that_share_a_name_are_refused(tmp_path: Path) -> None:
    x86 = unpacked(tmp_path / "x86_64", {"core/core.abi3.so": "x"})
    arm = unpacked(tmp_path / "aarch64", {"core/core.abi3.so": "a"})
    with pytest.raises(assemble.AssemblyError, match=r"core/core\.abi3\.so differs between architectures"):
        assemble.merge([x86, arm], tmp_path / "python")


def test_what_is_listed_as_unused_must_be_there(tmp_path: Path) -> None:
    """Otherwise a new version that moves things would quietly bring them back."""
    with pytest.raises(assemble.AssemblyError, match="nothing matches kubernetes/aio"):
        assemble.trim(unpacked(tmp_path, {"boto3/__init__.py": ""}))


def test_only_services_that_are_kept_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "UNUSED", ("bin",))
    files = ("bin/tool", "boto3/data/s3/x", "botocore/data/ecr/x", "botocore/data/s3/x", "botocore/data/endpoints.json")
    unpacked(tmp_path, dict.fromkeys(files, ""))
    assemble.trim(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["botocore/data/ecr/x", "botocore/data/endpoints.json"]


def test_every_module_is_compiled_under_its_path_in_lambda(tmp_path: Path) -> None:
    wheels = unpacked(tmp_path / "wheels", {"one/__init__.py": "def fail():\n    raise ValueError\n"})
    artifacts = tmp_path / "artifacts"
    assemble.merge([wheels], artifacts / "python")
    assemble.compile_for_lambda(artifacts)
    (compiled,) = artifacts.rglob("*.pyc")
    assert b"/opt/python/one/__init__.py" in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()
    unchecked_hash = 0b01
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == unchecked_hash


def test_another_python_than_the_runtimes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(assemble.AssemblyError, match=rf"for Python 3\.9, this is {re.escape(THIS)}: set UV_PYTHON"):
        assemble.main("3.9", tmp_path, [])


def test_every_aws_service_that_the_code_asks_for_is_in_the_layer() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "layers" / "steward").rglob("*.py"))
    asked = set(re.findall(r'(?:client|resource)\(\s*"([a-z0-9-]+)"', code))
    assert {"sts", "secretsmanager", "dynamodb", "appconfigdata"} <= asked
    assert asked | {"ecr", "ecr-public"} <= assemble.SERVICES
