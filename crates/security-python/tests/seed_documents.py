"""The snippets of the seed documents: how they are taken out, and the copies of them that are kept beside the tests.

The documents themselves are not a part of this repository. Where they are at hand (`AUMOS_SEEDS` names their directory, or they stand in
`../shared/seeds` beside it), a test compares the copies with them; `python tests/seed_documents.py DIRECTORY` writes the copies anew.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

CRATE = Path(__file__).parent.parent
COPIES = CRATE / "tests" / "seeds"
NOTEBOOK = CRATE / "examples" / "governance_notebook.ipynb"


def documents() -> Path | None:
    """Where the documents are, if they are at hand."""
    named = os.environ.get("AUMOS_SEEDS")
    if named is not None:
        return Path(named)
    beside = CRATE.parent.parent.parent / "shared" / "seeds"
    return beside if beside.is_dir() else None


def document(number: str, directory: Path) -> str:
    """The text of one document."""
    [path] = directory.glob(f"{number}_*.txt")
    return path.read_text(encoding="utf-8")


def python_snippets(text: str) -> list[str]:
    """The blocks of a document that are Python."""
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def notebook_cells(text: str) -> list[tuple[str, str]]:
    """The cells of the notebook: a cell of code follows its prompt, and ends where a heading begins."""
    cells = []
    first, *rest = text.split("In [None]:\n")
    cells.append(("markdown", first.strip("\n")))
    for part in rest:
        code, heading, prose = part.partition("\n\n## ")
        cells.append(("code", code.strip("\n")))
        if heading:
            cells.append(("markdown", f"## {prose}".strip("\n")))
    return cells


def kept_snippets(number: str) -> list[str]:
    """The kept copies, in the order of the document."""
    return [path.read_text(encoding="utf-8") for path in sorted(COPIES.glob(f"{number}_*.py"))]


def kept_cells() -> list[tuple[str, str]]:
    """The cells of the notebook among the examples."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def _notebook(cells: list[tuple[str, str]]) -> dict[str, Any]:
    def cell(number: int, kind: str, source: str) -> dict[str, Any]:
        common = {"cell_type": kind, "id": f"cell-{number:02}", "metadata": {}, "source": source.splitlines(keepends=True)}
        return {**common, "execution_count": None, "outputs": []} if kind == "code" else common

    return {
        "cells": [cell(number, kind, source) for number, (kind, source) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _write(directory: Path) -> None:
    for number in ("000", "004"):
        for order, snippet in enumerate(python_snippets(document(number, directory)), start=1):
            (COPIES / f"{number}_{order:02}.py").write_text(snippet, encoding="utf-8")
    text = json.dumps(_notebook(notebook_cells(document("002", directory))), indent=1, ensure_ascii=False)
    NOTEBOOK.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
