"""Uses the package as the tools do."""

import prof.capture
import prof.errors

assert prof.capture.open_capture and prof.errors.ProfError
print("read")
