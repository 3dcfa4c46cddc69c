"""Stands in for a resources server that runs elsewhere.

NeMo Gym starts a process for each server of its configuration and stops if one of them exits. The agents find the server itself
by the host and port of the configuration.
"""

import signal

print("The tools and rewards are served by Scorekeeper, at the host and port of the configuration.", flush=True)
for stop in (signal.SIGINT, signal.SIGTERM):
    signal.signal(stop, lambda *_: None)
signal.pause()
