"""Ends without a stderr to say anything on, or in another directory than it began in."""

import os
import sys

from prof import profiled


@profiled
def f():
    return 1


f()
if sys.argv[1:] == ["chdir"]:
    os.chdir("/")
else:
    sys.stderr.close()
    os.close(2)
