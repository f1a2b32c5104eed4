#!/usr/bin/env python3
"""Verifies an evidence bundle of an audit log. Needs Python 3.8 or newer and nothing else.

    python3 verify.py [DIRECTORY] [--key VERIFIER-KEY]

Every entry is hashed, its inclusion proof is followed to the root (RFC 9162, section 2.1.3.2), and the
Ed25519 signature over that root (RFC 8032, section 5.1.7) is checked. With --key the key is the one given
and not the one in the bundle: without it the bundle is only shown to agree with itself.

Exit status: 0 if everything holds, 1 if not.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import re
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
HEADER = "c2sp.org/tlog-proof@v1"


class Refused(Exception):
    """Something does not hold."""


def demand(condition, problem):
    if not condition:
        raise Refused(problem)


# Ed25519. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, p)
        p = add(p, p)
        n >>= 1
    return total


def same_point(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def x_of(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    demand((x * x - square) % P == 0, "a point is not on the curve")
    demand(x or not sign, "a point is not on the curve")
    return P - x if x & 1 != sign else x


def decode_point(data):
    n = int.from_bytes(data, "little")
    sign, y = n >> 255, n & (2**255 - 1)
    demand(y < P, "a point is not in its canonical form")
    x = x_of(y, sign)
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y, 1, x_of(BASE_Y, 0) * BASE_Y % P)


def check_ed25519(public, message, signature):
    demand(len(public) == 32 and len(signature) == 64, "a key or signature has the wrong length")
    a, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    demand(s < ORDER, "the signature is out of range")
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % ORDER
    demand(same_point(times(s, BASE), add(r, times(h, a))), "the signature does not verify")


# Formats.


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("not base64: %r" % text[:80])
    demand(base64.b64encode(data).decode() == text, "base64 is not in its canonical form")
    return data


def number(text):
    demand(re.fullmatch("0|[1-9][0-9]{0,19}", text), "not a decimal number: %r" % text[:80])
    return int(text)


def parse_key(text):
    """Name, key id and public key of a verifier key (C2SP signed-note)."""
    parts = text.rstrip("\n").split("+", 2)
    demand(len(parts) == 3 and parts[0], "not a verifier key")
    name, identity, data = parts[0], parts[1], unbase64(parts[2])
    demand(len(data) == 33 and data[0] == 1, "not an Ed25519 verifier key")
    expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    demand(expected.hex() == identity, "the hash in the verifier key does not fit it")
    return name, expected, data[1:]


def open_checkpoint(note, key):
    """Size and root of a signed checkpoint (C2SP tlog-checkpoint in a signed note)."""
    name, identity, public = key
    text, blank, signatures = note.rpartition("\n\n")
    demand(blank and signatures.endswith("\n"), "the checkpoint is not a signed note")
    text += "\n"
    verified = False
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        demand(len(parts) == 3 and parts[0] == "\u2014", "malformed signature line")
        data = unbase64(parts[2])
        if parts[1] == name and data[:4] == identity:
            check_ed25519(public, text.encode(), data[4:])
            verified = True
    demand(verified, "the log's key has not signed the checkpoint")
    lines = text.split("\n")
    demand(len(lines) == 4 and lines[3] == "", "the checkpoint has not exactly three lines")
    demand(lines[0] == name, "the checkpoint is of another log")
    root = unbase64(lines[2])
    demand(len(root) == 32, "the root is not a hash")
    return number(lines[1]), root


def parse_proof(text, note):
    """Index and hashes of a receipt (C2SP tlog-proof) that ends in the given checkpoint."""
    head, blank, rest = text.partition("\n\n")
    demand(blank and rest == note, "the receipt is not under this checkpoint")
    lines = head.split("\n")
    demand(lines[0] == HEADER, "not a receipt")
    demand(len(lines) > 1 and lines[1].startswith("index "), "the receipt names no index")
    hashes = [unbase64(line) for line in lines[2:]]
    demand(all(len(h) == 32 for h in hashes), "the receipt holds something that is no hash")
    return number(lines[1][len("index "):]), hashes


def check_inclusion(entry, index, size, hashes, root):
    demand(index < size, "the index is not below the size of the log")
    at, last = index, size - 1
    found = hashlib.sha256(b"\0" + entry).digest()
    for other in hashes:
        demand(last > 0, "the proof is too long")
        if at & 1 or at == last:
            found = hashlib.sha256(b"\1" + other + found).digest()
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            found = hashlib.sha256(b"\1" + found + other).digest()
        at >>= 1
        last >>= 1
    demand(last == 0, "the proof is too short")
    demand(found == root, "the entry is not the one that the checkpoint covers")


# The bundle.


def read(path):
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as problem:
        raise Refused(str(problem))


def check_files(directory, manifest):
    files = manifest["files"]
    found = {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path != directory / "manifest.json"
    }
    demand(found == set(files), "missing or unexpected files: %s" % sorted(found ^ set(files))[:5])
    for name, expected in files.items():
        actual = hashlib.sha256()
        with open(directory / name, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                actual.update(part)
        demand(actual.hexdigest() == expected, "%s is not the file that the manifest names" % name)


def verify(directory, given_key):
    note = read(directory / "checkpoint")
    key = parse_key(given_key or read(directory / "verifier-key"))
    size, root = open_checkpoint(note, key)
    try:
        manifest = json.loads(read(directory / "manifest.json"))
        descending = manifest["selected"]["order"] == "descending"
        expected = manifest["selected"]["entries"]
        indexes = sorted(
            (number(path.name[: -len(".tlog-proof")]) for path in (directory / "proofs").glob("*.tlog-proof")),
            reverse=descending,
        )
        count = 0
        with open(directory / "entries.ndjson", "rb") as entries:
            for count, line in enumerate(entries, 1):
                demand(line.endswith(b"\n"), "the last entry is torn")
                demand(count <= len(indexes), "there are more entries than receipts")
                name = indexes[count - 1]
                try:
                    index, hashes = parse_proof(read(directory / "proofs" / ("%d.tlog-proof" % name)), note)
                    demand(index == name, "the receipt is for another index")
                    check_inclusion(line[:-1], index, size, hashes, root)
                except Refused as problem:
                    raise Refused("entry %d: %s" % (name, problem))
        demand(count == len(indexes) == expected, "the numbers of entries and receipts differ")
        check_files(directory, manifest)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Refused("the bundle is incomplete or malformed: %r" % problem)
    return key[0], count, size


def main():
    parser = argparse.ArgumentParser(description="Verifies an evidence bundle of an audit log.")
    parser.add_argument("directory", nargs="?", default=pathlib.Path(__file__).resolve().parent, type=pathlib.Path)
    parser.add_argument("--key", help="the log's verifier key, from a place that you trust")
    options = parser.parse_args()
    try:
        name, count, size = verify(options.directory, options.key)
    except Refused as problem:
        print("REFUSED: %s" % problem, file=sys.stderr)
        return 1
    print("OK: %d entries are in the log %s of %d entries, as its key has signed." % (count, name, size))
    if not options.key:
        print("The key came from the bundle: compare the file verifier-key with one from a place that you trust.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
