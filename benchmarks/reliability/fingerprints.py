"""`python -m benchmarks.reliability.fingerprints`: missed and false alarms of the fingerprints, against the baseline.

Fingerprints are made once with each planted fault of the catalogue, which have to alarm, and once under each harmless
variation that set no tolerance, which must not. What is done is kept in results/bench/fingerprints, so the same command
goes on where it stopped; remove the folder after any change of the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.experiment.fingerprints.variations import PLAIN, VARIATIONS
from bench.system.command_line import Parser, exit_status
from bench.system.errors import UserError
from benchmarks.reliability.faults import FAULTS
from reports.regression.fingerprints import baseline
from reports.regression.fingerprints.comparing import Comparison, compare

PLACE = Path("results/bench/fingerprints")
MISSED_AT_MOST = 1


def main(arguments: list[str]) -> int:
    """Returns 0 if all faults but one at most alarm, and no held-out variation does."""
    parser = Parser(prog="python -m benchmarks.reliability.fingerprints", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="fingerprints at a time")
    parser.add_argument("--place", type=Path, default=PLACE, help="where they are kept")
    parser.add_argument("--planted", nargs=2, metavar=("FAULT", "FILE"), help="make them with a fault, here")
    asked = parser.parse_args(arguments)
    if asked.planted:
        return _planted(*asked.planted)
    known = baseline.read(baseline.PATH)
    if known is None:
        raise UserError(f"no baseline {baseline.PATH}: `make bless` makes one")
    asked.place.mkdir(parents=True, exist_ok=True)
    held_out = [name for name, variation in VARIATIONS.items() if variation.held_out]
    with ThreadPoolExecutor(asked.jobs) as pool:
        faulty = pool.map(lambda name: _compared(name, PLAIN, asked.place, known), FAULTS)
        missed = [name for name, found in zip(FAULTS, faulty, strict=True) if not _told(name, found)]
        harmless = pool.map(lambda name: _compared("", name, asked.place, known), held_out)
        false = [name for name, found in zip(held_out, harmless, strict=True) if _told(name, found)]
    by_group = Counter(FAULTS[name].group for name in FAULTS if name not in missed)
    groups = Counter(fault.group for fault in FAULTS.values())
    print(", ".join(f"{group} {by_group[group]} of {count}" for group, count in groups.items()))
    print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} faults found; missed: {', '.join(missed) or 'none'}")
    print(f"{len(false)} of {len(held_out)} held-out variations alarmed: {', '.join(false) or 'none'}")
    return 1 if len(missed) > MISSED_AT_MOST or false else 0


def _planted(fault: str, into: str) -> int:
    """Plant, then fingerprint as the baseline was, in this process."""
    from bench.__main__ import main as bench

    FAULTS[fault].plant()
    return bench(["fingerprint", "--into", into])


def _compared(fault: str, variation: str, place: Path, known: baseline.Baseline) -> Comparison | str:
    """Against the baseline; the last line of an error where the fingerprints could not be made at all."""
    path = place / f"{(fault or variation).replace(' ', '-').replace('/', '-')}.json"
    failure = path.with_suffix(".error")
    if not path.exists() and not failure.exists():
        own = ["benchmarks.reliability.fingerprints", "--planted", fault, str(path)]
        command = own if fault else ["bench", "fingerprint", "--into", str(path), "--variation", variation]
        environment = {**os.environ, **VARIATIONS[variation].environment}
        ran = subprocess.run([sys.executable, "-m", *command], env=environment, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)  # fmt: skip
        if ran.returncode != 0:
            failure.write_text(ran.stderr, encoding="utf-8")
    if failure.exists():
        return (failure.read_text(encoding="utf-8").strip().splitlines() or ["failed without a word"])[-1]
    return compare(baseline.read_fingerprints(path), known)


def _told(name: str, found: Comparison | str) -> bool:
    """Print what alarmed: the first quantity on the way from data to score; and return whether anything did."""
    group = f"[{FAULTS[name].group}] " if name in FAULTS else ""
    if isinstance(found, str):
        print(f"{group}{name}: cannot be computed: {found}", flush=True)
        return True
    if found.passed:
        nearest = max((row.moved / row.tolerance for row in found.rows if row.tolerance), default=0.0)
        print(f"{group}{name}: no alarm; at most {nearest:.2f} of a tolerance was used", flush=True)
        return False
    first = found.drifted[0]
    moved = f"moved {first.moved:.2g}, tolerance {first.tolerance:.2g}" if first.tolerance else "is another"
    print(f"{group}{name}: {len(found.drifted)} alarms; the first: {first.scope}, {first.name}, {moved}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
