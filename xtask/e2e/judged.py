"""A log that `secstack audit` has written, judged by software that knows nothing of it: Go's reference for transparent logs, and a Merkle tree in Python."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

from pymerkle import InmemoryTree

from session import HERE, Setting

# Where Debian's golang-golang-x-mod-dev puts the reference.
GOPATH = Path("/usr/share/gocode")
SIZE = 70_000
NEEDS = "Go and its reference for transparent logs (on Debian: `apt-get install golang-go golang-golang-x-mod-dev`)"


async def judge(setting: Setting) -> None:
    """Accepted with all its 70 000 entries, and rejected after any flipped byte, by them and by `secstack audit verify`."""
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        assert not os.environ.get("CI"), f"the build machine must have {NEEDS}"
        print(f"   NOT RUN: judge: it needs {NEEDS}", flush=True)
        return
    setting.folder.mkdir(parents=True)
    go = build(setting.folder / "judge")
    log, older = setting.folder / "log", setting.folder / "older"

    def secstack(*arguments: object, given: str = "", status: int = 0) -> str:
        command = [str(setting.secstack), "audit", *map(str, arguments)]
        ran = subprocess.run(command, input=given, capture_output=True, text=True)
        assert ran.returncode == status, f"{command}: {ran.returncode}, not {status}: {ran.stdout[-500:]}{ran.stderr[-500:]}"
        return ran.stdout

    key = setting.folder / "log.key"
    vkey = secstack("init", log, "--origin", "example.com/judged", "--key", key).split()[-1]

    def append(begin: int, end: int) -> None:
        lines = (f'{{"event":"step","session":"s-{n // 50}","reason":"step {n} of many"}}\n' for n in range(begin, end))
        told = secstack("append", log, "--key", key, given="".join(lines))
        assert told.count("\n") == end - begin

    append(1, 300)
    shutil.copy(log / "checkpoint", older)
    append(300, SIZE)
    said = go(log, vkey, older)
    assert said.startswith(f"{SIZE} entries"), said
    secstack("verify", log, "--vkey", vkey, "--pin", older)
    python(log)

    pieces = ["checkpoint", "tile/0/000", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    for name in [*pieces, "tile/entries/000", "tile/entries/100", "tile/entries/273.p/112"]:
        file = log / name
        whole = file.read_bytes()
        for place in (len(whole) // 3, len(whole) - 1):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            go(log, vkey, older, accepts=False)
        secstack("verify", log, "--vkey", vkey, status=1)
        file.write_bytes(whole)
    go(log, vkey, older)


def build(program: Path):
    """The judge, compiled; a function that asks it."""
    alone = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": "", "GOCACHE": str(program.with_suffix(".cache"))}
    source = HERE / "judge" / "judge.go"
    subprocess.run(["go", "build", "-o", program, source], check=True, env={**os.environ, **alone})

    def ask(log: Path, vkey: str, older: Path, accepts: bool = True) -> str:
        ran = subprocess.run([program, log, vkey, older], capture_output=True, text=True)
        assert (ran.returncode == 0) == accepts, f"the reference says {ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    return ask


def python(log: Path) -> None:
    """The root that the checkpoint says is that of all entries."""
    tree = InmemoryTree(algorithm="sha256")
    for number in range((SIZE + 255) // 256):
        width = min(256, SIZE - 256 * number)
        name = f"{number:03}" if width == 256 else f"{number:03}.p/{width}"
        bundle = (log / "tile" / "entries" / name).read_bytes()
        while bundle:
            end = 2 + int.from_bytes(bundle[:2], "big")
            tree.append_entry(bundle[2:end])
            bundle = bundle[end:]
    root = base64.b64encode(tree.get_state()).decode()
    says = (log / "checkpoint").read_text(encoding="utf-8").split("\n")
    assert says[1:3] == [str(SIZE), root], f"pymerkle: {root}, the checkpoint: {says}"
