"""Looking for gradients that are not numbers, where older programs look for it."""

from __future__ import annotations

from ..anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
