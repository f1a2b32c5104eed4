"""What a wheel must bring: row S0-1, and the second distribution."""

from __future__ import annotations

from importlib import metadata, resources

import pytest

import aumos_governance
import aumos_security


def test_the_wheel_brings_types_licence_and_extras() -> None:
    for package in (aumos_governance, aumos_security):
        assert resources.files(package).joinpath("py.typed").is_file()
    about = metadata.metadata("aumos-governance")
    assert about["Requires-Python"] == ">=3.10"
    assert about["License-Expression"] == "Apache-2.0"
    assert {"notebook", "openai", "anthropic", "fastapi", "langchain", "yaml"} <= set(about.get_all("Provides-Extra") or [])
    files = metadata.files("aumos-governance") or []
    assert any(file.name == "LICENSE" for file in files)
    assert not any("__pycache__" in str(file) and "tests" in str(file) for file in files)


def test_the_module_is_built_for_the_stable_abi() -> None:
    native = [file.name for file in metadata.files("aumos-governance") or [] if file.name.startswith("_core") and file.suffix != ".pyi"]
    if not native:
        pytest.skip("installed as editable")
    assert native in (["_core.abi3.so"], ["_core.pyd"])


def test_the_second_distribution_is_a_name_for_the_same_wheel() -> None:
    try:
        requires = metadata.requires("aumos-security-bundle")
    except metadata.PackageNotFoundError:
        pytest.skip("not installed")
    assert requires == [f"aumos-governance=={metadata.version('aumos-governance')}"]
    assert metadata.version("aumos-security-bundle") == metadata.version("aumos-governance")
