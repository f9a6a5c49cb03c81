"""`make audit`: known faults in what the images install, and a bill of materials of each image, into .audit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
OUTPUT = Path(".audit")
LOCKS = (
    Path("services/classifier.lock"),
    Path("services/directory.lock"),
    Path("services/export.lock"),
    Path("frontend/frontend.lock"),
)


def known_faults(lock: Path) -> str | list[str]:
    """A line for each fault that is known of what `lock` installs; or, as one sentence, why nobody could be asked."""
    command = [BIN / "pip-audit", "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    run = subprocess.run([*command, f"--requirement={lock}"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(run.stdout)["dependencies"]
    except ValueError:
        return (
            f"skipped: the registry's list of faults cannot be reached ({(run.stderr.splitlines() or ['?'])[-1][:120]})"
        )
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return f"skipped: the registry in use keeps no list of faults ({len(packages)} packages)"
    return [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package in asked
        for fault in package["vulns"]
    ]


def write_bill(lock: Path) -> tuple[Path, int]:
    """CycloneDX's list of what `lock` installs: its file, and how many packages are in it."""
    bill = OUTPUT / f"{lock.stem}.cdx.json"
    command = [
        BIN / "cyclonedx-py",
        "requirements",
        lock,
        "--output-reproducible",
        "--of=JSON",
        f"--output-file={bill}",
    ]
    subprocess.run(command, check=True)
    return bill, len(json.loads(bill.read_text(encoding="utf-8"))["components"])


def main() -> int:
    """1 if a fault is known."""
    OUTPUT.mkdir(exist_ok=True)
    found = 0
    for lock in LOCKS:
        bill, packages = write_bill(lock)
        print(f"{lock}: {packages} packages, listed in {bill}", flush=True)
        faults = known_faults(lock)
        if isinstance(faults, str):
            print(f"  {faults}")
            continue
        found += len(faults)
        print("\n".join(f"  {line}" for line in faults) or "  no fault is known")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
