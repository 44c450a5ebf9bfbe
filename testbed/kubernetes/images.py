"""Container images made by hand: Debian's static busybox in an OCI layout, which is a few JSON files and one tar."""

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path
from typing import Any

_BUSYBOX = Path("/bin/busybox")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# A shell that is process 1 ends on SIGTERM only if it traps it; without, every pod takes its grace period to stop.
_SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]


def write_image(folder: Path, name: str) -> str:
    """Write an image as an OCI layout into the folder and answer its digest (`sha256:...`).

    Its entrypoint is busybox, and without arguments it sleeps until SIGTERM. The name is part of the content,
    so that two names never have one digest.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    plain = _layer()
    layer = _write_blob(blobs, gzip.compress(plain, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
    settings = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": ["/bin/busybox"], "Cmd": _SLEEP, "Env": ["PATH=/bin"], "Labels": {"name": name}},
        "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
    }
    config = _write_blob(blobs, _json(settings), "application/vnd.oci.image.config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    content = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    manifest = _write_blob(blobs, _json(content), kind)
    manifest["annotations"] = {"io.containerd.image.name": name}
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [manifest]}))
    return str(manifest["digest"])


def write_archive(path: Path, folder: Path, name: str) -> Path:
    """Write an image into a tar that `ctr images import` takes under its full name."""
    write_image(folder, name)
    with tarfile.open(path, "w") as archive:
        archive.add(folder, arcname=".")
    return path


def _layer() -> bytes:
    """Busybox, and a link to it for every program that it can be."""
    applets = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "tmp"):
            archive.addfile(_entry(folder, tarfile.DIRTYPE))
        program = _entry("bin/busybox", tarfile.REGTYPE)
        program.size = _BUSYBOX.stat().st_size
        with _BUSYBOX.open("rb") as content:
            archive.addfile(program, content)
        for applet in applets:
            if applet != "busybox":
                link = _entry(f"bin/{applet}", tarfile.SYMTYPE)
                link.linkname = "busybox"
                archive.addfile(link)
    return buffer.getvalue()


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = 0o755
    return entry


def _write_blob(blobs: Path, content: bytes, kind: str) -> dict[str, Any]:
    digest = _digest(content)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
