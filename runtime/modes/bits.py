"""The numbers of csrc/format.h that modes go by: bits of the header's `modes`, and PROF_LABEL_NO_* of a label."""

from __future__ import annotations

TIME_BIT, MEMORY_BIT, OPS_BIT, SAMPLES_BIT = 1, 2, 4, 8
NO_TIME, NO_MEMORY, NO_DETAIL, NO_OPS = 2, 4, 8, 16
