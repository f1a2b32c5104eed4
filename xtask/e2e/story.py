"""The log of a conversation: read without the crates under test, and compared with what the client was told."""

import base64
import hashlib
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from session import Session, Setting

ALLOWED = {"allow", "allow_with_caveat"}


def secstack(setting: Setting, *args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(setting.secstack), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told(setting: Setting, session: Session, key: str | None = None) -> None:
    """The log is whole, verifies in two ways, and says what the client saw: no more, no less, nothing else."""
    log = session.place / "log.ndjson"
    key = key or verifier_key(session.place)
    verified = secstack(setting, "audit", "verify", log, "--vkey", key)
    assert verified.returncode == 0, f"verify: {verified.returncode}\n{verified.stdout}{verified.stderr}"
    entries = independently_verified(log.read_bytes(), key)

    seen = Counter((answer.tool, answer.outcome == "allow") for answer in session.answers)
    assert decisions(entries) == seen, f"log {decisions(entries)}, client {seen}"
    assert decisions(queried(setting, log)) == seen, "query and file differ"
    denied = Counter({key: count for key, count in seen.items() if not key[1]})
    assert decisions(queried(setting, log, "--outcome", "deny")) == denied, "query --outcome deny"
    agents = {entry["agent"] for entry in entries if entry["kind"] == "decision"}
    assert agents == {"desk-assistant"}, f"agents in the log: {agents}"
    assert decisions(queried(setting, log, "--agent", "somebody-else")) == Counter()

    # The client was given the number of the entry that says why.
    written = {entry["id"]: entry for entry in entries if is_decision(entry)}
    for answer in session.answers:
        if answer.outcome == "deny":
            entry = written[answer.decision["record_id"]]
            assert entry["action"]["name"] == answer.tool, f"{answer} is not {entry}"
            assert entry["decision"]["reason_code"] == answer.decision["code"], f"{answer} is not {entry}"

    # One outcome for each call that was let through, under the id of its decision.
    through = [entry["id"] for entry in entries if is_decision(entry) and allowed(entry)]
    ended = [entry["id"] for entry in entries if entry["kind"] == "outcome"]
    assert sorted(through) == sorted(ended), "calls that were let through, and how they ended"


def tampering_shows(setting: Setting, session: Session) -> None:
    """A changed byte, a line less, a line twice and two lines swapped: each makes `verify` say no."""
    log = session.place / "log.ndjson"
    key = verifier_key(session.place)
    good = log.read_bytes()
    lines = good.splitlines(keepends=True)
    middle = len(lines) // 2
    changed = {
        f"byte {at}": good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        for at in range(20, len(good), len(good) // 7)
    }
    changed["a line less"] = b"".join(lines[:middle] + lines[middle + 1 :])
    changed["a line twice"] = b"".join(lines[: middle + 1] + lines[middle:])
    changed["two lines swapped"] = b"".join(
        lines[: middle - 1] + [lines[middle], lines[middle - 1]] + lines[middle + 1 :]
    )
    forged = session.place / "forged.ndjson"
    for what, content in changed.items():
        forged.write_bytes(content)
        verified = secstack(setting, "audit", "verify", forged, "--vkey", key)
        assert verified.returncode == 1, f"{what}: verify ended with {verified.returncode}\n{verified.stdout}"
    # The key may stand in a file; another one of the same name never signed this.
    for what, vkey, status in [("own", key, 0), ("another", make_key(session.place / "k", key.split("+")[0]), 1)]:
        file = session.place / f"{what}.vkey"
        file.write_text(vkey + "\n", encoding="utf-8")
        verified = secstack(setting, "audit", "verify", log, "--vkey", file)
        assert verified.returncode == status, f"{what} key: verify ended with {verified.returncode}"


def make_key(file: Path, name: str) -> str:
    """A signing key as a note signer key in `file`, as an operator would keep one; its verifier key."""
    private = Ed25519PrivateKey.generate()
    raw = b"\x01" + private.public_key().public_bytes_raw()
    key_hash = hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    seed = base64.b64encode(b"\x01" + private.private_bytes_raw()).decode()
    file.touch(mode=0o600)
    file.write_text(f"PRIVATE+KEY+{name}+{key_hash}+{seed}\n", encoding="utf-8")
    return f"{name}+{key_hash}+{base64.b64encode(raw).decode()}"


def verifier_key(place: Path) -> str:
    """The key that the gate printed because the configuration names none."""
    marker = "verifier key: "
    errors = (place / "stderr").read_text(encoding="utf-8")
    found = [line.split(marker, 1)[1].strip() for line in errors.splitlines() if marker in line]
    assert len(found) == 1, f"one line with the verifier key on standard error, not {len(found)}:\n{errors}"
    return found[0]


def queried(setting: Setting, log: Path, *filters: str) -> list[dict[str, Any]]:
    done = secstack(setting, "audit", "query", log, "--json", *filters)
    assert done.returncode == 0, f"query: {done.returncode}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def decisions(entries: list[dict[str, Any]]) -> Counter[tuple[str, bool]]:
    """How often each tool was allowed and denied."""
    return Counter((entry["action"]["name"], allowed(entry)) for entry in entries if is_decision(entry))


def is_decision(entry: dict[str, Any]) -> bool:
    return entry["kind"] == "decision"


def allowed(entry: dict[str, Any]) -> bool:
    return entry["decision"]["outcome"] in ALLOWED


def independently_verified(content: bytes, verifier: str) -> list[dict[str, Any]]:
    """RFC 6962 and the signed-note format, from their documents: the entries, all of them covered by a signature."""
    name, key_hash, encoded = verifier.split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    assert raw[0] == 1, "an Ed25519 key"
    assert hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == key_hash, "the key's own hash"
    public = Ed25519PublicKey.from_public_bytes(raw[1:])

    assert content.endswith(b"\n"), "the last line is whole"
    leaves: list[bytes] = []
    covered = -1
    for line in content.splitlines():
        parsed = json.loads(line)
        if list(parsed) != ["checkpoint"]:
            leaves.append(line)
            continue
        text, signatures = parsed["checkpoint"].split("\n\n", 1)
        origin, size, root = text.split("\n")
        assert origin == name and int(size) == len(leaves), "origin and size of a checkpoint"
        assert base64.b64decode(root) == tree_hash(leaves), f"root at size {size}"
        signed = signatures.splitlines()[0].removeprefix(f"— {name} ")
        signature = base64.b64decode(signed)
        assert signature[:4].hex() == key_hash, "the checkpoint's key"
        try:
            public.verify(signature[4:], (text + "\n").encode())
        except InvalidSignature:
            raise AssertionError(f"signature of the checkpoint at size {size}") from None
        covered = len(leaves)
    assert covered == len(leaves), f"{covered} of {len(leaves)} entries are covered by a checkpoint"
    return [json.loads(leaf) for leaf in leaves]


def tree_hash(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()
