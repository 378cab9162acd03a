"""Exits with 0 if the jobs are being worked on; else its last words stand in the log."""

import sys
import urllib.request

jobs = urllib.request.urlopen("http://127.0.0.1:8000/jobs", timeout=2).read().decode()
if jobs != "working":
    sys.exit(f"the jobs are {jobs}")
