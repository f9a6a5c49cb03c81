"""`make audit`: known vulnerabilities in the packages of each image, and its bill of materials in .audit.

Where the registry has no list of vulnerabilities, it skips an image and says so; with AUDIT=required, it then fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
OUTPUT = Path(".audit")
LOCKS = (
    Path("services/classifier.lock"),
    Path("services/directory.lock"),
    Path("services/catalog.lock"),
    Path("services/export.lock"),
    Path("frontend/frontend.lock"),
)


def known_vulnerabilities(lock: Path) -> str | list[str]:
    """One line per known vulnerability in the packages of `lock`, or a sentence that says why they are unknown."""
    command = [BIN / "pip-audit", "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    run = subprocess.run([*command, f"--requirement={lock}"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(run.stdout)["dependencies"]
    except ValueError:
        reason = (run.stderr.splitlines() or ["no error message"])[-1][:120]
        return f"skipped: cannot reach the registry's vulnerability list ({reason})"
    listed = [package for package in packages if "vulns" in package]
    if not listed:
        return f"skipped: this registry has no vulnerability list ({len(packages)} packages)"
    return [
        f"{package['name']} {package['version']}: {vulnerability['id']},"
        f" fixed in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for package in listed
        for vulnerability in package["vulns"]
    ]


def write_bill_of_materials(lock: Path) -> tuple[Path, int]:
    """Write the CycloneDX bill of materials of `lock`; returns its file and the number of packages."""
    bill = OUTPUT / f"{lock.stem}.cdx.json"
    options = ["--output-reproducible", "--of=JSON", f"--output-file={bill}"]
    subprocess.run([BIN / "cyclonedx-py", "requirements", lock, *options], check=True)
    return bill, len(json.loads(bill.read_text(encoding="utf-8"))["components"])


def main() -> int:
    """Exit code 1 if a vulnerability is known, or if AUDIT=required and that could not be looked up."""
    OUTPUT.mkdir(exist_ok=True)
    found = skipped = 0
    for lock in LOCKS:
        bill, packages = write_bill_of_materials(lock)
        print(f"{lock}: {packages} packages, listed in {bill}", flush=True)
        vulnerabilities = known_vulnerabilities(lock)
        if isinstance(vulnerabilities, str):
            print(f"  {vulnerabilities}")
            skipped += 1
            continue
        found += len(vulnerabilities)
        print("\n".join(f"  {line}" for line in vulnerabilities) or "  no known vulnerability")
    if skipped:
        print(f"The packages of {skipped} of {len(LOCKS)} images were not looked up.")
    return 1 if found or (skipped and os.environ.get("AUDIT") == "required") else 0


if __name__ == "__main__":
    sys.exit(main())
