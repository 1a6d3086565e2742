"""Order in which pytest takes the files: the longest first, so that no process has one of them left at the end."""

from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
#: by the processor time that they take, half a minute or more
LONGEST = (
    "scipion/test_workflow.py", "scipion/test_relion_workflow.py", "engine/commands/test_run.py",
    "engine/composition/test_composition.py", "engine/analysis/test_search_sample.py",
    "engine/analysis/test_analysis.py", "engine/check/test_reorient.py", "engine/runtime/test_workers.py",
    "engine/runtime/test_starts.py", "scipion/test_motion_protocol.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within a file, and among files that are not named here, the order stays."""
    place = {_HERE / name: number for number, name in enumerate(LONGEST)}
    if gone := [str(path) for path in place if not path.is_file()]:
        raise pytest.UsageError(f"{Path(__file__).name} names files that are not there: {', '.join(gone)}")
    items.sort(key=lambda item: place.get(item.path.resolve(), len(LONGEST)))
