"""What holds for every room: shared fixtures, and property tests that do not mind a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.dns_server import dns_server

__all__ = ["dns_server"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
