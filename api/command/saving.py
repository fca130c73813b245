"""A report as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from pullback.runtime.report.model import Report


def as_json(report: Report) -> str:
    """The numbers of a report: by lines, kernels, arrays of the workspace and stages.

    JSON has no infinities and no NaN: these are null.
    """
    data = {
        "name": report.name,
        "signature": report.signature,
        "seconds": None if report.measured is None else report.measured.call,
        "workspace_bytes": report.workspace_bytes,
        "lines": [asdict(x) for x in report.lines],
        "other": asdict(report.other),
        "kernels": [asdict(x) for x in report.kernels],
        "workspace": [asdict(x) for x in report.blocks],
        "stages": [
            {"name": x.name, "count": x.count, "unit": x.unit, "seconds": x.seconds}
            for x in report.stages
        ],
    }
    return json.dumps(_finite(data), indent=1, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
