"""What takes minutes: collected by `make test-long` only."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("TEST_LONG") else ["test_*.py"]
