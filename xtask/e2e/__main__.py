"""Runs the scenarios: `python xtask/e2e --secstack PROGRAM --work FOLDER [NAME...]`; `cargo xtask e2e` does."""

import argparse
import shutil
import sys
import time
import traceback
from pathlib import Path

import anyio

from scenarios import ALL, ONCE
from session import Setting

ERAS = {"handshake": "legacy", "discover": "auto"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="cargo xtask e2e")
    parser.add_argument("--secstack", type=Path, required=True, help="the program under test")
    parser.add_argument("--work", type=Path, required=True, help="a folder that is emptied, and kept afterwards")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; default all")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in ALL]:
        parser.error(f"no scenario `{unknown[0]}`; there are {', '.join(ALL)}")
    if not args.secstack.is_file():
        parser.error(f"there is no program at {args.secstack}")

    shutil.rmtree(args.work, ignore_errors=True)
    failed = 0
    for name in args.names or ALL:
        for era, mode in [*ERAS.items()][: 1 if name in ONCE else None]:
            folder = args.work.resolve() / f"{name}-{era}"
            begun = time.monotonic()
            try:
                anyio.run(ALL[name], Setting(args.secstack.resolve(), folder, mode))
            except Exception as error:
                failed += 1
                explain(error, folder)
                print(f"   NO  {name} ({era}); everything that was said is in {folder}", flush=True)
            else:
                print(f"   ok  {name} ({era}), {time.monotonic() - begun:.1f} s", flush=True)
    return 1 if failed else 0


def explain(error: BaseException, folder: Path) -> None:
    """The one thing that went wrong, out of the groups that the client's tasks wrap it in, and what the gate said last."""
    while len(inner := getattr(error, "exceptions", ())) == 1:
        error = inner[0]
    traceback.print_exception(error)
    for errors in sorted(folder.glob("*/stderr")):
        for line in errors.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
            print(f"       {errors.parent.name}: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
