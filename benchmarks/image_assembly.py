# SPDX-License-Identifier: Apache-2.0
"""A flash image of 64 MB with a GPT and two FIPs: how long, how much memory, beside other tools.

The same files go through `hil image` and through fiptool, sgdisk, dd, srec_cat and sha256sum, as
TF-M's documents put an image together; both results must be equal byte for byte. Ours includes what
the others have no step for: reading the image back and checking every copy, table and digest.

    python -m benchmarks.image_assembly [--rounds N]

Without the other tools (Debian: arm-trusted-firmware-tools, gdisk, srecord) only ours is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, BANK = 64, 28
GOAL_SECONDS, GOAL_MB = 1.0, 200
TOOLS = {"fiptool": "arm-trusted-firmware-tools", "sgdisk": "gdisk", "srec_cat": "srecord"}
GUIDS = [f"aaaaaaaa-bbbb-cccc-dddd-00000000000{n}" for n in range(3)]
#: UUIDs of RSE images, in the order of fiptool's table, and sizes that fill a bank.
IMAGES = {
    "a3b3b30d-ebc9-4048-b480-155361c17048": 0xF800,
    "bfd5098d-a707-4f15-891c-372210cb51e2": 8 << 20,
    "124c50e0-f2da-45e9-85c8-dad9609b7a11": 16 << 20,
    "8d959f72-b8b1-4211-9ae6-4b8097475ad9": 0x60000,
    "22ea3385-f86e-4793-968a-2fe3dd5033cc": 0x60000,
}


def blobs(folder: Path) -> list[str]:
    return [part for u in IMAGES for part in ("--blob", f"uuid={u},file={folder / u}")]


def ours(folder: Path) -> None:
    """Assemble, hash, read back, verify: prints seconds and memory of this process."""
    began = time.perf_counter()
    from hil.cli import main

    fip, image = str(folder / "ours.fip"), str(folder / "ours.img")
    banks = [
        f"name=FIP_{name},size={BANK}M,file={fip},guid={GUIDS[n + 1]}"
        for n, name in enumerate("AB")
    ]
    commands = [
        ["fip", "create", "--align", "8192", *blobs(folder), fip],
        ["gpt", "create", image, "--size", f"{SIZE}M", "--disk-guid", GUIDS[0],
         "--partition", banks[0], "--partition", banks[1]],
        ["gpt", "info", image],
        ["fip", "info", image, "--partition", "FIP_A"],
        ["fip", "info", image, "--partition", "FIP_B"],
    ]  # fmt: skip
    null = open(os.devnull, "w")  # noqa: PTH123, SIM115
    shown, sys.stdout = sys.stdout, null
    for command in commands:
        if main(["image", *command]):
            raise SystemExit(f"failed: {command}")
    sys.stdout = shown
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mb": peak}))


def theirs(folder: Path) -> float:
    """The pipeline of TF-M's documents; returns seconds."""
    fip, gpt, image = (str(folder / f"theirs.{kind}") for kind in ("fip", "gpt", "img"))
    began = time.perf_counter()
    run("fiptool", "create", "--align", "8192", *blobs(folder), fip)
    Path(gpt).unlink(missing_ok=True)
    run("truncate", "-s", f"{SIZE}M", gpt)
    run("sgdisk", "-o", "-U", GUIDS[0],
        "-n", f"1:2048:+{BANK}M", "-c", "1:FIP_A", "-u", f"1:{GUIDS[1]}",
        "-n", f"2:0:+{BANK}M", "-c", "2:FIP_B", "-u", f"2:{GUIDS[2]}", gpt)  # fmt: skip
    for start in (2048, 2048 * (BANK + 1)):
        run(
            "dd", f"if={fip}", f"of={gpt}", "bs=512", f"seek={start}", "conv=notrunc", "status=none"
        )
    run("srec_cat", gpt, "-Binary", "-offset", "0x0", "-o", image, "-Binary")
    run("sha256sum", image)
    return time.perf_counter() - began


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours(options.ours)
        return 0
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [f"{tool} ({package})" for tool, package in TOOLS.items() if not shutil.which(tool)]
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noise = random.Random(1)
        for uuid, size in IMAGES.items():
            (folder / uuid).write_bytes(noise.randbytes(size))
        for _ in range(options.rounds):
            command = [sys.executable, "-m", "benchmarks.image_assembly", "--ours", name]
            row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            best["ours"] = min(best.get("ours", 1e9), row["seconds"])
            best["mb"] = max(best.get("mb", 0), row["mb"])
            if not missing:
                best["theirs"] = min(best.get("theirs", 1e9), theirs(folder))
        print(
            f"hil image: assembled, hashed, verified   {best['ours']:6.2f} s  {best['mb']:4.0f} MB"
        )
        if missing:
            print(f"not compared: {', '.join(missing)} not installed")
        else:
            print(f"fiptool, sgdisk, dd, srec_cat, sha256sum {best['theirs']:6.2f} s")
            if digest(folder / "ours.img") != digest(folder / "theirs.img"):
                print("THE RESULTS DIFFER")
                return 1
            print("both images are equal")
    over = best["ours"] > GOAL_SECONDS or best["mb"] > GOAL_MB
    print(f"goal: {GOAL_SECONDS} s, {GOAL_MB} MB{': MISSED' if over else ''}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
