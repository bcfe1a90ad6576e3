"""Where `run` has installed the peers."""

import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent.parent / ".tools"


def python(name: str) -> pathlib.Path:
    """The Python of one peer's environment."""
    return FOLDER / name / "bin/python"


def python_version(name: str, package: str) -> str:
    asked = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    return subprocess.run([python(name), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()
