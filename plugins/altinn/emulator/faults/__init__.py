"""Faults on command: what goes wrong with which request, as the real server was seen to do it."""
